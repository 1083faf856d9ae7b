"""Models that only the operator describes: what cannot be is refused, and what is promised is asked for.

Adapters are found, not listed: a new one adds no line unless its models need names of their own.
"""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from providers.contract import Image, Reply, Size, Source, Spec, Verb
from providers.described import OURS, ModelSettings
from tests.support.dialogs import adapter_class, kinds
from tests.support.flows import begin, walk

PLAIN: dict[str, Any] = {"seconds": [4], "sizes": ["1920x1080"]}
ALSO: dict[str, dict[str, Any]] = {"reseller": {"preset": "newapi"}}
NAMES = {"fal": ("maker/model",), "kling": ("kling-9.0", "kling-v9")}
PICTURE = Image(b"\x89PNG", "image/png", 1280, 720)
SOURCE = Source(ref={"id": "source-1"}, account="here", seconds=4, size=Size(1280, 720))
WISHES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "image": ({"image": True}, {"image": PICTURE}),
    "last image": ({"image": True, "last_image": True}, {"image": PICTURE, "last_image": PICTURE}),
    "last image alone": ({"last_image": True, "last_image_alone": True}, {"last_image": PICTURE}),
    "seed": ({"seed": True}, {"seed": 7}),
    "negative prompt": ({"negative_prompt": True}, {"negative_prompt": "blur"}),
    "sound": ({"audio": None}, {"audio": True}),
    "characters": ({"characters": True}, {"characters": ({"id": "person-1"},)}),
    "an extra": ({"extras": ["mood"]}, {"extras": {"mood": "grim"}}),
    "remix": ({"verbs": ["create", "remix"]}, {"verb": Verb.REMIX, "source": SOURCE}),
    "edit": ({"verbs": ["create", "edit"]}, {"verb": Verb.EDIT, "source": SOURCE}),
    "extension": (
        {"verbs": ["create", "extend"], "extend_total_seconds_max": 60},
        {"verb": Verb.EXTEND, "source": SOURCE},
    ),
}
DESCRIBED = [
    (kind, name)
    for kind in kinds()
    if "models" in adapter_class(kind).Settings.model_fields
    for name in NAMES.get(kind, ("model-1",))
]


@pytest.mark.parametrize(
    ("told", "word"),
    [
        ({"seconds": [0]}, "seconds"),
        ({"seconds": [-4]}, "seconds"),
        ({"seconds": [True]}, "seconds"),
        ({"seconds": []}, "seconds"),
        ({"sizes": ["0x720"]}, "width"),
        ({"sizes": ["720"]}, "size"),
        ({"verbs": []}, "create"),
        ({"verbs": ["remix"]}, "create"),
        ({"verbs": ["create", "extend"]}, "extend_total_seconds_max"),
        ({"extend_total_seconds_max": 9}, "extend"),
        ({"needs_image": True}, "needs_image"),
        ({"last_image": True}, "last_image"),
        ({"last_image_alone": True}, "last_image_alone"),
        *(({"extras": [name]}, name) for name in sorted(OURS)),
    ],
)
def test_a_model_that_cannot_be_is_refused(told: dict[str, Any], word: str) -> None:
    """No length below a second, no ability that contradicts another, no extra that decides the price."""
    with pytest.raises(ValidationError, match=word):
        ModelSettings.model_validate({**PLAIN, **told})


@pytest.mark.parametrize("wish", WISHES)
@pytest.mark.parametrize(("kind", "name"), DESCRIBED)
def test_what_a_description_promises_is_asked_for_or_refused(kind: str, name: str, wish: str) -> None:
    """Nobody pays for a clip that leaves out what was wished: a description says no more than the adapter has words
    for."""
    told, asked = WISHES[wish]
    kept = _asks(kind, name, told, asked)
    assert kept is None or kept != _asks(kind, name, {}, {}), f"{kind} takes {wish} of {name} and says nothing of it"


def _asks(kind: str, name: str, told: dict[str, Any], asked: dict[str, Any]) -> Any:
    """The calls of a submission; None where the description is refused."""
    settings = adapter_class(kind).Settings
    try:
        chosen = settings.model_validate({**ALSO.get(kind, {}), "models": {name: {**PLAIN, **told}}})
    except ValidationError:
        return None
    spec = Spec(model=name, prompt="a boat", seconds=4, size=Size(1920, 1080), **asked)
    walked = walk(begin(adapter_class(kind)(chosen, "k"), "submit", {"spec": spec, "key": "k"}), lambda _: REPLY)
    assert walked.calls, f"{kind} was told of it, and refuses it"
    return walked.calls


REPLY = Reply(200, {}, b"{}")


@pytest.mark.parametrize(("kind", "name"), DESCRIBED)
def test_a_plain_description_is_taken(kind: str, name: str) -> None:
    assert _asks(kind, name, {}, {})
