"""What a refusal says: what would do, where it belongs to, and nothing that could hurt whoever reads it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest


def refused(reply: httpx.Response, status: int = 400) -> dict[str, Any]:
    assert reply.status_code == status, reply.text
    error: dict[str, Any] = reply.json()["error"]
    return error


@pytest.mark.parametrize(
    ("fields", "param", "words"),
    [
        ({"size": "auto"}, "size", ["'auto'", "'720x1280'", "'1280x720'"]),
        ({"seconds": "4s"}, "seconds", ["'4s'", "'4'", "'8'", "'12'"]),
        ({"seconds": "four"}, "seconds", ["'four'", "'4'", "'8'", "'12'"]),
        ({"duration": "5"}, "duration", ["'5'", "'4'"]),
        ({"width": "720", "height": "720"}, "width", ["720x720", "'720x1280'"]),
        ({"aspect_ratio": "1:1", "resolution": "720p"}, "aspect_ratio", ["720x720", "'720x1280'"]),
    ],
)
def test_json_and_forms_are_refused_in_the_same_words(
    api: httpx.Client, fields: dict[str, Any], param: str, words: list[str]
) -> None:
    """Under the name that was sent, with what would do, also where the value is none at all."""
    told = refused(api.post("/videos", json={"prompt": "p", **fields}))
    form = {name: (None, value) for name, value in {"prompt": "p", **fields}.items()}
    assert refused(api.post("/videos", files=form)) == told
    assert told["param"] == param and all(word in told["message"] for word in words), told["message"]


def test_a_source_that_is_none_is_named_where_the_client_named_it(api: httpx.Client) -> None:
    """In the path of a remix, in the body of an edit and an extension."""
    nothing, body = "video_" + "0" * 48, {"prompt": "p", "video": {"id": "video_" + "0" * 48}}
    assert refused(api.post(f"/videos/{nothing}/remix", json={"prompt": "p"}), 404)["param"] == "video_id"
    assert refused(api.post("/videos/edits", json=body), 404)["param"] == "video.id"
    assert refused(api.post("/videos/extensions", json={**body, "seconds": "4"}), 404)["param"] == "video.id"


def test_nothing_that_a_terminal_obeys_is_repeated(api: httpx.Client) -> None:
    """Wherever a client's own words come back in a message or in the name of a field."""
    create: dict[str, Any] = {"prompt": "p"}
    hostile = "x\x1b[31m\n\u202e\x9b\t{}*"
    replies = [
        api.get("/models/%0a%1b[31m"),
        *(
            api.post("/videos", json={**create, **fields})
            for fields in (
                {"model": "gp\nt"},
                {"model": "a\u202eb"},
                {"characters": [{"id": "char\n\t{}*x"}]},
                {"size": hostile},
                {"seconds": hostile},
                {"seed": hostile},
                {"aspect_ratio": hostile, "resolution": "720p"},
                {"metadata": {hostile: "v"}},
                {"metadata": {"a\tb": 1}},
                {"input_reference": {hostile: "v"}},
                {"input_reference": {"image_url": hostile}},
                {hostile: 1},
            )
        ),
        *(
            api.post("/videos", files={"prompt": (None, "p"), **form})
            for form in (
                {"size": (None, hostile)},
                {"metadata[a\tb\u202e][]": (None, "v")},
                {"a\tb\u202e": (None, "v")},
                {"input_reference[\u202e]": (None, "v")},
            )
        ),
        api.post("/videos/edits", json={**create, "video": {"id": hostile}}),
        api.get("/videos/%1b%5b31m"),
        api.get("/videos/characters/%1b%5b31m"),
        api.get("/videos?after=%1b%5b31m"),
        api.get("/videos?order=%1b%5b31m"),
    ]
    for reply in replies:
        assert 400 <= reply.status_code < 500
        error = reply.json()["error"]
        assert (error["message"] + (error["param"] or "")).isprintable(), error


def test_an_unknown_path_is_answered_with_the_known_ones(api: httpx.Client) -> None:
    """An id with a slash in it, however it was encoded, leads nowhere, and the message says why."""
    for path in ("/videos/a%2Fb", "/videos/a/b", "/chat/completions"):
        error = refused(api.get(path), 404)
        assert error["code"] == "unknown_path"
        assert "/v1/videos/{video_id}/content" in error["message"] and "no slash" in error["message"]


def test_a_large_reference_of_a_wrong_type_is_refused_as_a_small_one(api: httpx.Client) -> None:
    """Through the gateway: two megabytes of a data URL in place of the object that holds it."""
    url = "data:image/png;base64,"
    told = [
        refused(api.post("/videos", json={"prompt": "p", "input_reference": one})) for one in (url, url + "A" * 2**21)
    ]
    assert told[0] == told[1]
    assert told[0]["param"] == "input_reference" and "expected an object" in told[0]["message"]


def test_a_form_with_a_files_name_is_told_to_send_the_file(api: httpx.Client) -> None:
    """For a picture, a source clip, and a character's clip, which has no other form."""
    for path, name, other in (
        ("/videos", "input_reference", "'input_reference[image_url]'"),
        ("/videos/edits", "video", "'video[id]'"),
        ("/videos/characters", "video", None),
    ):
        error = refused(api.post(path, files={"prompt": (None, "p"), name: (None, "a.bin")}))
        assert (error["code"], error["param"]) == ("invalid_type", name)
        assert "expected a file" in error["message"] and (other or name) in error["message"]
        assert other is not None or "[" not in error["message"]
