"""Requests: what clients may write, the checked wish it becomes, and the refusal that helps."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.errors import BadInput
from gateway.domain.references import IMAGES, ImageBytes, ImageLink, Upload
from gateway.domain.requests import FIELDS, Asked, ask, ask_character
from gateway.domain.synonyms import Said
from providers.contract import Json, Size, Verb
from tests.support.pictures import png

PNG = png(720, 1280)
DATA_URL = "data:image/png;base64," + base64.b64encode(PNG).decode()


def upload(data: bytes = PNG, path: str | None = None) -> Upload:
    return Upload(size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest(), data=data, path=path)


def create(**fields: Json) -> Asked:
    return ask(Verb.CREATE, {"prompt": "A boat", **fields}, {})


def refusal(verb: Verb, fields: dict[str, Json], files: dict[str, Upload] | None = None) -> BadInput:
    with pytest.raises(BadInput) as caught:
        ask(verb, fields, files or {})
    return caught.value


def test_a_vendors_own_fields_are_an_object_or_in_a_form_its_json() -> None:
    """Forms know texts only, and a vendor wants numbers to be numbers."""
    wanted: dict[str, Json] = {"cfgScale": 0.5, "contentModeration": {"publicFigureThreshold": "low"}}
    text = '{"cfgScale":0.5,"contentModeration":{"publicFigureThreshold":"low"}}'
    assert create(extras=wanted).extras == create(extras=text).extras == wanted


# --- what is taken -----------------------------------------------------------------------------------------------


def test_a_prompt_alone_is_enough() -> None:
    """The model is OpenAI's default; everything else is left to us."""
    assert create() == Asked(verb=Verb.CREATE, model="sora-2", prompt="A boat")


@pytest.mark.parametrize("value", ["8", 8, 8.0, "8.0", "08"])
@pytest.mark.parametrize("name", ["seconds", "duration", "n_seconds"])
def test_seconds_come_as_number_or_text_under_three_names(name: str, value: Json) -> None:
    """SDKs send text, people send numbers."""
    assert create(**{name: value}).seconds == Said(8, name, f"Invalid value: '{value}'.")


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({"size": "1280x720"}, Size(1280, 720)),
        ({"width": 1280, "height": "720"}, Size(1280, 720)),
        ({"aspect_ratio": "16:9", "resolution": "720p"}, Size(1280, 720)),
        ({"aspect_ratio": "9:16", "resolution": "1080P"}, Size(1080, 1920)),
        ({"aspect_ratio": "1:1", "resolution": 480}, Size(480, 480)),
        ({"aspect_ratio": "16:9", "resolution": "480p"}, Size(854, 480)),
        ({"aspect_ratio": "16:9", "resolution": "4k"}, Size(3840, 2160)),
        ({"aspect_ratio": "4:3", "resolution": "720"}, Size(960, 720)),
        ({"size": "1280x720", "width": 1280, "height": 720}, Size(1280, 720)),
        ({"size": "720x720", "aspect_ratio": "1:1", "resolution": "720p"}, Size(720, 720)),
    ],
)  # fmt: skip
def test_a_size_is_said_in_three_ways(fields: dict[str, Json], size: Size) -> None:
    """`size`, `width` with `height`, and `aspect_ratio` with `resolution`; several at once if they agree."""
    said = create(**fields).size
    assert said is not None and said.value == size and said.param in fields


def test_null_is_absent() -> None:
    """In JSON bodies SDKs send null for what was not given, unknown names included."""
    fields: dict[str, Json] = dict.fromkeys(FIELDS[Verb.CREATE])
    assert ask(Verb.CREATE, {**fields, "prompt": "A boat", "n": None}, {}) == create()
    link: Json = {"file_id": None, "image_url": "https://example.com/a.png"}
    assert create(input_reference=link).image == ImageLink("https://example.com/a.png")
    assert create(metadata={"a": None}).metadata == {}


def test_the_extras_are_kept() -> None:
    """Metadata, seed and negative prompt travel beside OpenAI's own fields."""
    assert [create(audio=said).audio for said in (True, False, "true", "false", None)] == [
        True,
        False,
        True,
        False,
        None,
    ]
    asked = create(seed="42", negative_prompt="rain", metadata={"order": "7", "note": ""})
    assert (asked.seed, asked.negative_prompt, asked.metadata) == (42, "rain", {"order": "7", "note": ""})


def test_a_prompt_keeps_its_lines_and_its_script() -> None:
    """Tab and line ends are text; so is everything that people write."""
    prompt = "Zwei\tBoote\r\n雨の中の猫 🐈‍⬛\n" + "x" * 31_000
    assert create(prompt=prompt).prompt == prompt
    assert len(create(prompt="🐈" * 32_000).prompt) == 32_000


@pytest.mark.parametrize("as_file", [True, False])
def test_an_image_is_measured_wherever_it_comes_from(as_file: bool) -> None:
    """As a file and as a data URL it becomes the same bytes with the same facts."""
    if as_file:
        files = {"input_reference": upload(), "last_frame": upload()}
        asked = ask(Verb.CREATE, {"prompt": "A boat"}, files)
    else:
        asked = create(input_reference={"image_url": DATA_URL}, last_frame={"image_url": DATA_URL})
    assert (
        asked.last_image
        == asked.image
        == ImageBytes(data=PNG, media_type="image/png", width=720, height=1280, sha256=hashlib.sha256(PNG).hexdigest())
    )


def test_characters_are_a_list_of_references() -> None:
    """At most two, by id."""
    assert create(characters=[{"id": "char_1"}, {"id": "char_2"}]).characters == ("char_1", "char_2")
    assert create(characters=[]).characters == ()


def test_each_verb_finds_its_source() -> None:
    """A remix in its path, an edit and an extension in `video`, by id or as a file."""
    assert ask(Verb.REMIX, {"prompt": "p"}, {}, source_id="video_1").source_id == "video_1"
    assert ask(Verb.EDIT, {"prompt": "p", "video": {"id": "video_1"}}, {}).source_id == "video_1"
    extended = ask(Verb.EXTEND, {"prompt": "p", "seconds": "4", "video": {"id": "video_1"}}, {})
    assert (extended.source_id, extended.seconds) == ("video_1", Said(4, "seconds", "Invalid value: '4'."))
    clip = upload(path="/aside/1")
    edited = ask(Verb.EDIT, {"prompt": "p", "model": "sora-2"}, {"video": clip})
    assert (edited.source_upload, edited.model, edited.source_id) == (clip, "sora-2", None)


def test_a_character_has_a_name_and_a_clip() -> None:
    """A name of 1 to 80 characters and a file."""
    clip = upload(path="/aside/1")
    asked = ask_character({"name": "Biscuit"}, {"video": clip})
    assert (asked.name, asked.video, asked.model) == ("Biscuit", clip, None)


# --- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "fields", "code", "param"),
    [
        (Verb.CREATE, {}, "missing_required_parameter", "prompt"),
        (Verb.CREATE, {"prompt": None}, "missing_required_parameter", "prompt"),
        (Verb.CREATE, {"prompt": ""}, "invalid_value", "prompt"),
        (Verb.CREATE, {"prompt": "   "}, "invalid_value", "prompt"),
        (Verb.CREATE, {"prompt": " \t\r\n\u3000"}, "invalid_value", "prompt"),
        (Verb.CREATE, {"prompt": "x" * 32_001}, "invalid_value", "prompt"),
        (Verb.CREATE, {"prompt": 7}, "invalid_type", "prompt"),
        (Verb.CREATE, {"prompt": ["a"]}, "invalid_type", "prompt"),
        (Verb.CREATE, {"prompt": "a\x00b"}, "invalid_value", "prompt"),
        (Verb.CREATE, {"prompt": "a\x1b[31m"}, "invalid_value", "prompt"),
        (Verb.CREATE, {"prompt": "a\x85"}, "invalid_value", "prompt"),
        (Verb.CREATE, {"prompt": "a\ud800"}, "invalid_value", "prompt"),
        (Verb.CREATE, {"prompt": "p", "user": "me"}, "unknown_parameter", "user"),
        (Verb.CREATE, {"prompt": "p", "n": 1}, "unknown_parameter", "n"),
        (Verb.CREATE, {"prompt": "p", "video": {"id": "v"}}, "unknown_parameter", "video"),
        (Verb.CREATE, {"prompt": "p", "model": 5}, "invalid_type", "model"),
        (Verb.CREATE, {"prompt": "p", "model": ""}, "invalid_value", "model"),
        (Verb.CREATE, {"prompt": "p", "model": "m" * 129}, "invalid_value", "model"),
        (Verb.CREATE, {"prompt": "p", "seconds": True}, "invalid_type", "seconds"),
        (Verb.CREATE, {"prompt": "p", "seconds": [4]}, "invalid_type", "seconds"),
        (Verb.CREATE, {"prompt": "p", "seconds": 4, "duration": 8}, "invalid_value", "duration"),
        (Verb.CREATE, {"prompt": "p", "size": 720}, "invalid_type", "size"),
        (Verb.CREATE, {"prompt": "p", "size": "1280x720", "width": 720, "height": 1280}, "invalid_value", "width"),
        (Verb.CREATE, {"prompt": "p", "width": 720}, "missing_required_parameter", "height"),
        (Verb.CREATE, {"prompt": "p", "resolution": "720p"}, "missing_required_parameter", "aspect_ratio"),
        (Verb.CREATE, {"prompt": "p", "aspect_ratio": 1.5, "resolution": "720p"}, "invalid_type", "aspect_ratio"),
        (Verb.CREATE, {"prompt": "p", "aspect_ratio": "1:1", "resolution": True}, "invalid_type", "resolution"),
        (Verb.CREATE, {"prompt": "p", "seed": -1}, "invalid_value", "seed"),
        (Verb.CREATE, {"prompt": "p", "seed": 1.5}, "invalid_value", "seed"),
        (Verb.CREATE, {"prompt": "p", "seed": 2**31}, "invalid_value", "seed"),
        (Verb.CREATE, {"prompt": "p", "seed": 10**400}, "invalid_value", "seed"),
        (Verb.CREATE, {"prompt": "p", "negative_prompt": 1}, "invalid_type", "negative_prompt"),
        (Verb.CREATE, {"prompt": "p", "audio": "on"}, "invalid_type", "audio"),
        (Verb.CREATE, {"prompt": "p", "audio": 1}, "invalid_type", "audio"),
        (Verb.CREATE, {"prompt": "p", "generate_audio": True}, "unknown_parameter", "generate_audio"),
        (Verb.CREATE, {"prompt": "p", "metadata": "x"}, "invalid_type", "metadata"),
        (Verb.CREATE, {"prompt": "p", "extras": "x"}, "invalid_type", "extras"),
        (Verb.CREATE, {"prompt": "p", "extras": "[1]"}, "invalid_type", "extras"),
        (Verb.CREATE, {"prompt": "p", "extras": "[" * 5_000}, "invalid_type", "extras"),
        (Verb.CREATE, {"prompt": "p", "extras": {"a": "v" * 8_200}}, "invalid_value", "extras"),
        (Verb.CREATE, {"prompt": "p", "extras": {"a": "\ud800"}}, "invalid_value", "extras"),
        (Verb.CREATE, {"prompt": "p", "extras": {str(name): 1 for name in range(17)}}, "invalid_value", "extras"),
        (Verb.CREATE, {"prompt": "p", "metadata": {"a": 1}}, "invalid_type", "metadata.a"),
        (Verb.CREATE, {"prompt": "p", "metadata": {"a": "v" * 513}}, "invalid_value", "metadata.a"),
        (Verb.CREATE, {"prompt": "p", "metadata": {"k" * 65: "v"}}, "invalid_value", "metadata"),
        (Verb.CREATE, {"prompt": "p", "metadata": {"": "v"}}, "invalid_value", "metadata"),
        (Verb.CREATE, {"prompt": "p", "metadata": {"a\x1b[2J": "v"}}, "invalid_value", "metadata"),
        (Verb.CREATE, {"prompt": "p", "metadata": {"a\nb": 1}}, "invalid_type", "metadata"),
        (Verb.CREATE, {"prompt": "p", "metadata": {str(n): "v" for n in range(17)}}, "invalid_value", "metadata"),
        (Verb.CREATE, {"prompt": "p", "characters": {"id": "c"}}, "invalid_type", "characters"),
        (Verb.CREATE, {"prompt": "p", "characters": ["c"]}, "invalid_type", "characters[0]"),
        (Verb.CREATE, {"prompt": "p", "characters": [{}]}, "missing_required_parameter", "characters[0].id"),
        (Verb.CREATE, {"prompt": "p", "characters": [{"id": "c"}] * 3}, "invalid_value", "characters"),
        (Verb.REMIX, {}, "missing_required_parameter", "prompt"),
        (Verb.REMIX, {"prompt": "p", "seconds": "4"}, "unknown_parameter", "seconds"),
        (Verb.EDIT, {"prompt": "p"}, "missing_required_parameter", "video"),
        (Verb.EDIT, {"prompt": "p", "video": "video_1"}, "invalid_type", "video"),
        (Verb.EDIT, {"prompt": "p", "video": {}}, "missing_required_parameter", "video.id"),
        (Verb.EDIT, {"prompt": "p", "video": {"id": 7}}, "invalid_type", "video.id"),
        (Verb.EDIT, {"prompt": "p", "video": {"id": "v", "x": 1}}, "unknown_parameter", "video.x"),
        (Verb.EDIT, {"prompt": "p", "video": {"id": "v"}, "model": "sora-2"}, "invalid_value", "model"),
        (Verb.EXTEND, {"prompt": "p", "video": {"id": "v"}}, "missing_required_parameter", "seconds"),
        (Verb.EXTEND, {"prompt": "p", "video": {"id": "v"}, "seconds": 4, "size": "1x1"}, "unknown_parameter", "size"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_by_name(verb: Verb, fields: dict[str, Json], code: str, param: str) -> None:
    """Each refusal says which field is the trouble, in words and for programs."""
    error = refusal(verb, fields)
    assert (error.status, error.error_code, error.param) == (400, code, param)
    assert len(error.message) < 500


@pytest.mark.parametrize(
    ("reference", "code", "param"),
    [
        ("a.png", "invalid_type", ""),
        ({}, "invalid_value", ""),
        ({"url": "x"}, "unknown_parameter", ".url"),
        ({"file_id": "file-1"}, "invalid_value", ".file_id"),
        ({"file_id": "f", "image_url": "u"}, "invalid_value", ""),
        ({"image_url": 5}, "invalid_type", ".image_url"),
        ({"image_url": ""}, "invalid_value", ".image_url"),
        ({"image_url": "http://example.com/a.png"}, "invalid_value", ".image_url"),
        ({"image_url": "file:///etc/passwd"}, "invalid_value", ".image_url"),
        ({"image_url": "gopher://x"}, "invalid_value", ".image_url"),
        ({"image_url": "https://a b"}, "invalid_value", ".image_url"),
        ({"image_url": "https://a\nb"}, "invalid_value", ".image_url"),
        ({"image_url": "https://" + "a" * 8_200}, "invalid_value", ".image_url"),
        ({"image_url": "data:"}, "invalid_value", ".image_url"),
        ({"image_url": "data:image/png,abc"}, "invalid_value", ".image_url"),
        ({"image_url": "data:image/png;base64,@@@"}, "invalid_value", ".image_url"),
        ({"image_url": "data:;base64,é"}, "invalid_value", ".image_url"),
        ({"image_url": "data:;base64," + "A" * 20 * 1024 * 1024}, "invalid_value", ".image_url"),
        ({"image_url": "data:;base64,"}, "invalid_value", ""),
        ({"image_url": "data:;base64,R0lGODlh"}, "invalid_value", ""),
    ],
)
def test_an_image_that_cannot_be_one_is_refused(reference: Json, code: str, param: str) -> None:
    """Only a file, an https link or a base64 data URL; and only what its own bytes say is an image."""
    for field in IMAGES:
        error = refusal(Verb.CREATE, {"prompt": "p", field: reference})
        assert (error.error_code, error.param) == (code, f"{field}{param}")


def test_files_stand_only_where_files_belong() -> None:
    """A prompt is text, a remix takes no image, and nothing comes both as a file and as a field."""
    assert refusal(Verb.CREATE, {}, {"prompt": upload()}).error_code == "invalid_type"
    assert refusal(Verb.REMIX, {"prompt": "p"}, {"input_reference": upload()}).error_code == "unknown_parameter"
    both: dict[str, Json] = {"prompt": "p", "input_reference": {"image_url": DATA_URL}}
    assert refusal(Verb.CREATE, both, {"input_reference": upload()}).param == "input_reference"
    assert refusal(Verb.CREATE, {"prompt": "p"}, {"input_reference": upload(b"")}).param == "input_reference"
    assert refusal(Verb.EDIT, {"prompt": "p"}, {"video": upload()}).param == "model"
    for fields, files, param in (
        ({}, {"video": upload()}, "name"),
        ({"name": "B"}, {}, "video"),
        ({"name": "B", "video": "text"}, {}, "video"),
        ({"name": "B" * 81}, {"video": upload()}, "name"),
        ({"name": "B", "x": "1"}, {"video": upload()}, "x"),
    ):
        with pytest.raises(BadInput) as caught:
            ask_character(fields, files)
        assert caught.value.param == param


@pytest.mark.parametrize("name", [" ", "\u3000", "a\nb", "a\tb", "\u202egnp.exe", "a\u2028b", "\u2067a", "\x85"])
def test_a_character_s_name_is_one_line_of_visible_characters(name: str) -> None:
    """It is read in lines of a terminal and by models."""
    with pytest.raises(BadInput) as caught:
        ask_character({"name": name}, {"video": upload()})
    assert caught.value.param == "name" and caught.value.message.isprintable()


@pytest.mark.parametrize("name", ["日本 é", "👨\u200d👩\u200d👧", "क्\u200dष", " Otto "])
def test_names_of_every_script_are_taken(name: str) -> None:
    """Joiners are part of writing."""
    assert ask_character({"name": name}, {"video": upload()}).name == name


def test_no_name_of_a_field_is_made_up() -> None:
    """What is wrong with a key of `metadata` is said in the message, the field is one that was sent."""
    messages = [refusal(Verb.CREATE, {"prompt": "p", "metadata": {key: "v"}}).message for key in ("", "k" * 65, "\x00")]
    assert all("a key of 'metadata'" in message and message.isprintable() for message in messages)


def test_a_refusal_repeats_no_more_than_a_few_harmless_characters() -> None:
    """Messages end in terminals and logs: no control characters, no thousand letters."""
    for name in ("x" * 10_000, "\x1b[2J\r\nSet-Cookie: a", "\ud800", "naïve"):
        error = refusal(Verb.CREATE, {"prompt": "p", name: 1})
        assert error.error_code == "unknown_parameter"
        assert len(error.message) < 120
        assert error.message.isprintable()


NAMES = sorted(frozenset[str]().union(*FIELDS.values()))
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
KEYS = st.text(max_size=8) | st.sampled_from(["id", "image_url", "file_id"])
JSONS: st.SearchStrategy[Json] = st.recursive(
    LEAVES | st.sampled_from(["4", "720x1280", DATA_URL]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300)
@given(
    verb=st.sampled_from(list(Verb)),
    fields=st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), JSONS, max_size=8),
    prompt=st.text(min_size=1, max_size=50),
)
def test_whatever_is_sent_becomes_a_wish_or_a_400(verb: Verb, fields: dict[str, Json], prompt: str) -> None:
    """No value of any type in any field leads to anything else."""
    try:
        asked = ask(verb, {"prompt": prompt, **fields}, {})
    except BadInput as error:
        assert error.message
    else:
        assert isinstance(asked, Asked)
