"""Every error class that an SDK raises, and what it carries."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial
from typing import Any

from tests.sdk.client.record import Run, openai

SHAPE = {"message", "type", "param", "code"}
# Statuses that this gateway has no reason for yet come from a proxy in front of it.
BY_PROXY = {
    403: "PermissionDeniedError",
    409: "ConflictError",
    422: "UnprocessableEntityError",
    429: "RateLimitError",
    500: "InternalServerError",
    502: "InternalServerError",
    503: "InternalServerError",
}


def check_error(run: Run, error: Any, *, status: int, **fields: Any) -> None:
    """Its status, the four keys of its body, its request id, and the fields that are named."""
    check = run.record
    if error is None:
        return
    check.equal("status", error.status_code, status)
    check.that("the body has the four keys", isinstance(error.body, dict) and set(error.body) >= SHAPE, error.body)
    check.that("it carries the request id", str(error.request_id).startswith("req_"), error.request_id)
    check.that("it has a message", error.body and error.body.get("message"), error.body)
    for name, expected in fields.items():
        check.equal(name, getattr(error, name), expected)


def refuses_strangers(run: Run) -> None:
    check = run.record
    wrong = run.client(api_key="sk-nobody")
    for what, act in (("create", lambda: wrong.videos.create(prompt="x")), ("list", wrong.videos.list)):
        error = check.raises(f"{what} with a wrong key", openai.AuthenticationError, act)
        check_error(run, error, status=401, code="invalid_api_key", param=None, type="invalid_request_error")
    bare = {"Authorization": openai.Omit() if hasattr(openai, "Omit") else ""}
    error = check.raises(
        "no key at all",
        openai.AuthenticationError,
        lambda: run.client().videos.list(extra_headers=bare),
    )
    check_error(run, error, status=401, code=None, type="invalid_request_error")


def refuses_bad_fields(run: Run) -> None:
    create: Callable[..., Any] = run.client().videos.create
    prompt = run.prompt("bad")
    cases: dict[str, tuple[dict[str, Any], str, str | None, tuple[str, ...]]] = {
        "a size": ({"prompt": prompt, "size": "640x480"}, "size", "invalid_value", ("720x1280", "1280x720")),
        "a size of another model": ({"prompt": prompt, "size": "1080x1920"}, "size", "invalid_value", ("720x1280",)),
        "seconds": ({"prompt": prompt, "seconds": "5"}, "seconds", "invalid_value", ("4", "8", "12")),
        "seconds in words": ({"prompt": prompt, "seconds": "four"}, "seconds", "invalid_value", ()),
        "an empty prompt": ({"prompt": ""}, "prompt", None, ()),
        "a prompt too long": ({"prompt": "x" * 32_001}, "prompt", None, ("32000",)),
        "a control character": ({"prompt": "a\x00b"}, "prompt", None, ()),
        "an unknown field": ({"prompt": prompt, "extra_body": {"n": 2}}, "n", "unknown_parameter", ()),
        "a known extra of others": (
            {"prompt": prompt, "extra_body": {"guidance_scale": 7}},
            "guidance_scale",
            "unknown_parameter",
            (),
        ),
        "synonyms that disagree": (
            {"prompt": prompt, "seconds": "4", "extra_body": {"duration": 8}},
            "duration",
            "invalid_value",
            (),
        ),
    }
    for what, (arguments, param, code, words) in cases.items():
        error = run.record.raises(what, openai.BadRequestError, partial(create, **arguments))
        check_error(
            run, error, status=400, param=param, type="invalid_request_error", **({"code": code} if code else {})
        )
        for word in words:
            run.record.that(f"{what}: the message names {word}", word in str(error), str(error))
    missing = run.record.raises(
        "no prompt", openai.BadRequestError, lambda: run.client().post("/videos", body={"seconds": "4"}, cast_to=object)
    )
    check_error(run, missing, status=400, param="prompt", code="missing_required_parameter")


def knows_what_is_not_there(run: Run) -> None:
    check, client = run.record, run.client()
    nobody = "video_" + "0" * 48
    acts: dict[str, Callable[[], Any]] = {
        "retrieve": lambda: client.videos.retrieve(nobody),
        "delete": lambda: client.videos.delete(nobody),
        "content": lambda: client.videos.download_content(nobody),
        "remix": lambda: client.videos.remix(nobody, prompt="x"),
        "an id with a slash": lambda: client.videos.retrieve("a/b"),
        "an unknown route": lambda: client.get("/nowhere", cast_to=object),
    }
    for what, act in acts.items():
        error = check.raises(what, openai.NotFoundError, act)
        check_error(run, error, status=404, type="invalid_request_error")
    error = check.raises(
        "an unknown model", openai.NotFoundError, lambda: client.videos.create(prompt=run.prompt("x"), model="sora-9")
    )
    check_error(run, error, status=404, code="model_not_found", param="model")
    error = check.raises("a wrong method", openai.APIStatusError, lambda: client.put("/videos", cast_to=object))
    check_error(run, error, status=405)


def hides_the_videos_of_others(run: Run) -> None:
    ident, other = run.completed("bridge").id, run.client(api_key=run.order["stranger_key"])
    acts: dict[str, Callable[[], Any]] = {
        "retrieve": lambda: other.videos.retrieve(ident),
        "delete": lambda: other.videos.delete(ident),
        "content": lambda: other.videos.download_content(ident),
        "remix": lambda: other.videos.remix(ident, prompt="x"),
    }
    for what, act in acts.items():
        check_error(run, run.record.raises(what, openai.NotFoundError, act), status=404)
    run.record.that("it is not in their list", ident not in [one.id for one in other.videos.list(limit=100)])


def lists_models(run: Run) -> None:
    check, client = run.record, run.client()
    models = {one.id: one for one in client.models.list()}
    check.that("sora-2 and sora-2-pro are there", {"sora-2", "sora-2-pro"} <= set(models), sorted(models))
    one = client.models.retrieve("sora-2")
    check.equal("object", (one.id, one.object), ("sora-2", "model"))
    check.that("created", isinstance(one.created, int), one.created)
    check.that("owned_by", isinstance(one.owned_by, str), one.owned_by)
    for name in ("sora-9", "vendor/sora-9"):
        error = check.raises(f"model {name}", openai.NotFoundError, partial(client.models.retrieve, name))
        check_error(run, error, status=404, code="model_not_found")


def maps_every_status(run: Run) -> None:
    """A page from something on the way, one per status, becomes the class that programs catch."""
    client = run.client(base_url=run.order["faulty_url"])
    for status, name in BY_PROXY.items():
        error = run.record.raises(
            f"status {status}", getattr(openai, name), partial(client.videos.retrieve, f"page-{status}")
        )
        run.record.equal("status_code", getattr(error, "status_code", None), status)


def tells_a_dead_server_from_an_answer(run: Run) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    client = run.client(base_url=f"http://127.0.0.1:{port}/v1")
    run.record.raises("nobody listens", openai.APIConnectionError, client.videos.list)


SCENARIOS = (
    lists_models,
    refuses_strangers,
    refuses_bad_fields,
    knows_what_is_not_there,
    hides_the_videos_of_others,
    maps_every_status,
    tells_a_dead_server_from_an_answer,
)
