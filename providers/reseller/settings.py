"""What may be said of a reseller: where each field goes, what its words mean, where the result and the money stand.

A preset says most of it (`presets`); what an operator writes is laid over it, and what stands at a model over both.
Every wrong value is refused where it is written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from providers.contract import Abilities, AdapterSettings, Json, Why
from providers.described import ModelSettings, unsaid
from providers.reseller.places import Place, merged
from providers.reseller.presets import PRESETS

How = Literal[
    "text", "whole", "list", "on_off", "pixels", "pixels_by_star", "ratio", "resolution", "resolution_capital", "as_is"
]  # fmt: skip
State = Literal["running", "done", "failed"]

_PATH: Final = re.compile(r"/(?:[A-Za-z0-9._~:@/?=&-]|\{(?:id|model)\}){1,500}", re.ASCII)
_URL: Final = re.compile(r"https?://[A-Za-z0-9.:-]{1,253}(?:/[!-~]{0,500})?", re.ASCII)
STAND_IN: Final = "newapi"
_HEADER: Final = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)


def _path(text: str) -> str:
    if not _PATH.fullmatch(text):
        raise ValueError("write a path such as /v1/videos/{id}; {id} and {model} are filled in")
    return text


def _place_of_call(text: str) -> str:
    if not (_PATH.fullmatch(text) or _URL.fullmatch(text)):
        raise ValueError("write a path such as /v1/uploads, or a whole URL")
    return text


def _header(text: str) -> str:
    if not _HEADER.fullmatch(text):
        raise ValueError("write a header's name such as x-api-key")
    return text.lower()


def _amount(value: object) -> str:
    """Decimal text: how many of the vendor's units are one dollar."""
    try:
        number = Decimal(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else Decimal(0)
    except InvalidOperation:
        number = Decimal(0)
    if not (number.is_finite() and 0 < number <= 10**12):
        raise ValueError('write how many units are one dollar, as text such as "500000"')
    return str(number)


def _many(value: object) -> object:
    """One entry may be written without its list, and a place without its object."""
    entries = value if isinstance(value, list | tuple) else [value]
    return [{"at": one} if isinstance(one, str) else one for one in entries]


def _known(name: str) -> str:
    if name not in PRESETS:
        raise ValueError(f"no preset is called so; known here: {', '.join(sorted(PRESETS))}")
    return name


Path = Annotated[str, AfterValidator(_path)]
PresetName = Annotated[str, AfterValidator(_known)]
Target = Annotated[str, AfterValidator(_place_of_call)]
Header = Annotated[str, AfterValidator(_header)]
PerUsd = Annotated[str, BeforeValidator(_amount)]
Places = Annotated[tuple[Place, ...], Field(max_length=24)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Put(Section):
    """Where a value goes, and in which form. `words`: the vendor's word for ours (`1280x720`, `true`)."""

    at: Place
    as_: How = Field(default="as_is", alias="as")
    words: Mapping[str, Json] = Field(default_factory=dict)


Puts = Annotated[tuple[Put, ...], BeforeValidator(_many), Field(max_length=4)]


class Fields(Section):
    """The request's fields. What decides the price (model, length, size, sound) is always sent."""

    model: Puts = ()
    prompt: Puts = Field(default=(), min_length=1)
    seconds: Puts = Field(default=(), min_length=1)
    size: Puts = Field(default=(), min_length=1)
    image: Puts = ()
    last_image: Puts = ()
    audio: Puts = ()
    seed: Puts = ()
    negative_prompt: Puts = ()


class Upload(Section):
    """The call that an image is sent with before the create."""

    to: Target
    at: Place = "file"
    as_: Literal["file", "base64", "data_uri", "list"] = Field(default="file", alias="as")
    name_at: Place | None = None
    constants: Mapping[Place, Json] = Field(default_factory=dict)
    link_paths: Places


class Callback(Section):
    """How the vendor is told where to call back: a field, or a name in the query."""

    at: Place | None = None
    query: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    secret_at: Place | None = None  # the vendor repeats `callback_secret` with every call
    https_only: bool = False  # and refuses a create that names an address without TLS

    @model_validator(mode="after")
    def one_way(self) -> Callback:
        if (self.at is None) == (self.query is None):
            raise ValueError("needs one of at and query")
        return self


class Create(Section):
    path: Path
    image_path: Path | None = None  # another one where an image is sent
    encoding: Literal["json", "multipart", "multipart_if_file"] = "json"
    fields: Fields
    constants: Mapping[Place, Json] = Field(default_factory=dict)
    image_constants: Mapping[Place, Json] = Field(default_factory=dict)
    last_constants: Mapping[Place, Json] = Field(default_factory=dict)
    image_as: Literal["data_uri", "base64", "file", "upload"] = "data_uri"
    upload: Upload | None = None
    extras_at: Place | None = None  # free extras go there; at the top where it is not set
    callback: Callback | None = None
    correlation: Header | None = None  # carries our attempt's key

    @model_validator(mode="after")
    def whole(self) -> Create:
        if self.image_as == "upload" and self.upload is None:
            raise ValueError("image_as: upload needs create.upload")
        if self.image_as == "file" and self.encoding == "json":
            raise ValueError("image_as: file needs encoding: multipart or multipart_if_file")
        return self


class Ok(Section):
    """A field of the body that says success, whatever the HTTP status says."""

    at: Place = "code"
    values: tuple[bool | int | str, ...] = Field(min_length=1, max_length=8)
    made_nothing: tuple[int, ...] = ()  # codes beside the 400s that prove that no job was made


class Poll(Section):
    path: Path
    image_path: Path | None = None
    second_path: Path | None = None  # asked too while the first says that the job runs, or cannot be understood
    result_path: Path | None = None  # one more call once the job is done
    state_paths: Places = ("data.status", "data.state", "status", "state", "data.data.task_status")
    states: Mapping[str, State] = Field(default_factory=dict)
    statuses: tuple[int, ...] = ()  # HTTP statuses whose body is an answer all the same
    progress_paths: Places = ("data.progress", "progress")
    progress_whole: int = Field(default=100, ge=1, le=10_000)
    appears_after_s: float = Field(default=0, ge=0, le=600, allow_inf_nan=False)


class Result(Section):
    order: tuple[Literal["content", "url", "artifacts"], ...] = Field(default=("url",), min_length=1)
    url_paths: Places = ()
    content_path: Path | None = None
    content_signed: bool = True
    artifacts_path: Path | None = None
    expires_paths: Places = ()  # Unix seconds
    blocked_at: Place | None = None  # true where the clip was blocked although the job is done
    life_s: int = Field(default=3_600, ge=60, le=366 * 86_400)

    @model_validator(mode="after")
    def whole(self) -> Result:
        needs = {"content": self.content_path, "url": self.url_paths, "artifacts": self.artifacts_path}
        for name in self.order:
            if not needs[name]:
                raise ValueError(f"order names {name}, and nothing says where that is")
        return self


class Errors(Section):
    """Codes, and what they mean. A key is a code (`task_not_exist`), one with its HTTP status (`500/invalid_request`),
    or a status alone (`406`)."""

    codes: Mapping[str, Why] = Field(default_factory=dict)
    job_codes: Mapping[str, Why] = Field(default_factory=dict)
    foreign: tuple[str, ...] = ()  # codes behind which stands an upstream's error: its 401 is not about our key
    made_nothing: tuple[str, ...] = ()  # codes of a 500 or 503 that prove that no job was made
    unknown_model_is: Why | None = None  # what a create's `not_found` means
    job_paths: Places = ("data.error", "error", "data.fail_reason", "fail_reason")


class Amount(Section):
    """A number somewhere. `per_usd`: so many of its units are one dollar; without it they are the vendor's credits."""

    at: Place
    per_usd: PerUsd | None = None


class Second(Section):
    """What is taken off a balance."""

    path: Target
    at: Place
    divided_by: int = Field(default=1, ge=1, le=10**9)


class Balance(Section):
    path: Target
    paths: Places
    per_usd: PerUsd | None = None
    minus: Second | None = None
    unlimited_at: Place | None = None
    unlimited: tuple[bool | int, ...] = (True,)
    credential: Literal["key", "query", "user_token"] = "key"


class Find(Section):
    """A list of jobs or of calls. With `key_at` a job is known exactly, by the header `create.correlation`."""

    path: Path
    query: Mapping[str, str] = Field(default_factory=dict)
    items: Place = "data"
    id_at: Place
    key_at: Place | None = None
    created_at: Place | None = None
    facts: Mapping[Literal["model", "prompt"], Place] = Field(default_factory=dict)
    pages: int = Field(default=1, ge=1, le=10)  # `{offset}` in the query counts them, by
    page_rows: int = Field(default=100, ge=1, le=1_000)


class Cancel(Section):
    method: Literal["DELETE", "POST"] = "DELETE"
    path: Path
    states: tuple[str, ...] = Field(min_length=1, max_length=8)


class Signature(Section):
    """`signed` names what the HMAC-SHA256 is over, by {id}, {time}, {job} and {body}; without it the secret is sent in
    clear."""

    header: Header
    signed: Annotated[str, Field(max_length=100)] | None = None
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = Field(default="", max_length=16)
    secret_prefix: str = Field(default="", max_length=16)  # no part of the secret
    id_header: Header | None = None
    time_header: Header | None = None
    within_s: int = Field(default=300, ge=1, le=86_400)


class Hook(Section):
    """What the vendor posts to us."""

    id_paths: Places = ("data.task_id", "data.taskId", "data.id", "task_id", "taskId", "id")
    signature: Signature | None = None
    model_at: Place | None = None  # in a poll's answer, where it is surely the model that was asked for
    seconds_at: Place | None = None


class Auth(Section):
    header: Header = "authorization"
    scheme: str = Field(default="Bearer", max_length=32, pattern=r"^[A-Za-z]*$")


class Wire(Section):
    """One dialect, complete."""

    auth: Auth = Auth()
    headers: Mapping[Header, Annotated[str, Field(max_length=200)]] = Field(default={"accept-language": "en"})
    create: Create
    ok: Ok | None = None
    id_paths: Places = ("data.task_id", "data.id", "data.taskId", "data[0].task_id", "task_id", "id", "request_id")
    poll: Poll
    result: Result = Field(default=Result(url_paths=("video_url", "url")))
    errors: Errors = Errors()
    charge: tuple[Amount, ...] = Field(default=(), max_length=4)
    failed_jobs_free: bool = False  # true only where the vendor says so: then a broken job's hold is given back
    find: Find | None = None
    cancel: Cancel | None = None
    hook: Hook = Hook()


ALL_FIELDS: Final = frozenset(Fields.model_fields)


class ResellerModel(ModelSettings):
    """A model, with what it can do. `name` is the vendor's, where ours differs."""

    name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    preset: PresetName | None = None
    wire: Wire | None = None  # what is otherwise for this model: any setting of the dialect
    takes: frozenset[str] = frozenset()  # the fields of its dialect that have a place; not for people to write

    @model_validator(mode="after")
    def has_places(self) -> ResellerModel:
        """What a model is said to take needs a place to go."""
        for name in ("image", "last_image", "seed", "negative_prompt", "audio"):
            if name in self.wishes() and name not in self.takes:
                raise ValueError(f"says that it takes {name}; say in create.fields.{name} where that goes")
        if lack := unsaid(self, (*ALL_FIELDS, "last_image_alone"), None):
            raise ValueError(lack)
        return self

    def abilities(self) -> Abilities:
        own = {name: value for name, value in self if name not in ("name", "preset", "wire", "takes")}
        return Abilities(**own)


class ResellerSettings(Wire, AdapterSettings):
    """A dialect by its preset, with what is otherwise here, and the models: their prices stand with the routes."""

    preset: PresetName | None = None
    address: Annotated[str, AfterValidator(_place_of_call)] | None = None  # the preset's own; `base_url` overrules it
    by_model: Mapping[str, PresetName] = Field(default_factory=dict)  # presets for models, by a pattern of their names
    models: Mapping[str, ResellerModel] = Field(default_factory=dict, max_length=500)
    models_path: Path | None = None
    models_at: Place = "data"
    balance: Balance | None = None
    callback_secret: SecretStr | None = None
    user_token: SecretStr | None = None  # a second credential, for the balance alone
    user_id: Annotated[str, Field(max_length=64)] | None = None

    @model_validator(mode="before")
    @classmethod
    def laid_over_presets(cls, told: Any) -> Any:
        """Every model that differs gets a dialect of its own, complete."""
        if not isinstance(told, Mapping):
            return told
        whole = merged(_preset(told.get("preset")), told)
        models = whole.get("models")
        if isinstance(models, Mapping):
            whole["models"] = {name: _laid(str(name), model, whole) for name, model in models.items()}
        return whole

    @model_validator(mode="after")
    def has_credentials(self) -> ResellerSettings:
        if self.balance is not None and self.balance.credential == "user_token" and self.user_token is None:
            raise ValueError("the balance needs user_token; set it, or balance: null")
        return self


def _preset(name: object) -> Mapping[str, Any]:
    """A name that is none is refused where it is written; till then any preset keeps other complaints away."""
    if name is None:
        return {}
    return PRESETS.get(name if isinstance(name, str) else "", PRESETS[STAND_IN])


def _laid(name: str, model: Any, whole: Mapping[str, Any]) -> Any:
    """A model with its own dialect, if it has one."""
    if not isinstance(model, Mapping):
        return model
    chosen = model.get("preset") or _by_model(str(model.get("name") or name), whole.get("by_model"))
    own = model.get("wire")
    if chosen is None and own is None:
        return {**model, "takes": _places(whole)}
    base = whole if chosen is None else _preset(chosen)
    dialect = {key: value for key, value in base.items() if key in Wire.model_fields}
    laid = merged(dialect, own) if isinstance(own, Mapping) else dialect if own is None else own
    return {**model, "wire": laid, "takes": _places(laid)}


def _places(dialect: Any) -> frozenset[str]:
    """The fields that have a place; all of them where that is not readable, and so complained of elsewhere."""
    create = dialect.get("create") if isinstance(dialect, Mapping) else None
    fields = create.get("fields") if isinstance(create, Mapping) else None
    return frozenset(name for name, puts in fields.items() if puts) if isinstance(fields, Mapping) else ALL_FIELDS


def _by_model(name: str, patterns: object) -> str | None:
    pairs = patterns.items() if isinstance(patterns, Mapping) else ()
    return next((str(preset) for pattern, preset in pairs if fnmatchcase(name, str(pattern))), None)
