"""What adapters say and hear: the whole vocabulary between a vendor's wire format and the gateway.

An adapter is pure. Each verb is a *flow*, a generator that yields the `Call` it wants made, is sent the `Reply`, and
returns a verdict from a closed list:

    submit(spec, key) -> Accepted | Finished | Refused | KeyUsed
    poll(ref)         -> Running | Finished | Broken | Refused
    cancel(ref, last) -> Cancelled | TooLate | CannotCancel
    find(sought)      -> Exactly | Probably | NotReceived | CannotTell
    confirm(ref, sought) -> Exactly | NotReceived | CannotTell
    character(spec)   -> Accepted | Refused
    account()         -> Account | Refused
    load()            -> Load | Refused

The driver makes the calls. When a call brings no reply the flow is closed and the driver itself says what that means,
so no flow handles timeouts. A reply that cannot be understood raises `Unreadable` (the toolbox's readers do).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeAlias, TypeVar

from msgspec import Struct, structs
from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
else:
    Json = Any  # msgspec reads annotations when it decodes and knows no alias that speaks of itself

Ref: TypeAlias = dict[str, Json]
"""An adapter's own handle on a job (id, kind of task, host, follow-up URL): opaque to everyone else, at most 4 KB."""

IMAGE_TYPES = ("image/jpeg", "image/png", "image/webp")
"""All that a client may send."""

REPLY_BYTES_MAX = 4 * 1024 * 1024
IMAGE_BYTES_MAX = 20 * 1024 * 1024


class Why(StrEnum):
    """Why a vendor did not make a clip. Routing reads nothing else."""

    INVALID = "invalid"  # can never work there
    BLOCKED = "blocked"  # moderation
    UNAUTHORISED = "unauthorised"
    NO_CREDIT = "no_credit"
    THROTTLED = "throttled"
    OVERLOADED = "overloaded"
    NOT_FOUND = "not_found"
    INTERNAL = "internal"
    UNREADABLE = "unreadable"


class Unreadable(Exception):
    """A reply that does not look as the vendor's contract says. The message names what was missing, never the body."""


# --- what is asked for -------------------------------------------------------------------------------------------


class Verb(StrEnum):
    CREATE = "create"
    REMIX = "remix"
    EDIT = "edit"
    EXTEND = "extend"


class Size(Struct, frozen=True, order=True):
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    @classmethod
    def parse(cls, text: str) -> Size:
        """`1280x720` -> Size. ValueError for anything else."""
        width, _, height = text.partition("x")
        if not (width.isascii() and width.isdigit() and height.isascii() and height.isdigit() and len(text) <= 11):
            raise ValueError(f"{text!r} is not a size such as 1280x720")
        return cls(int(width), int(height))


class Image(Struct, frozen=True):
    """An image as bytes, measured when the video was created. At most IMAGE_BYTES_MAX."""

    data: bytes
    media_type: str
    width: int
    height: int


class Blob(Struct, frozen=True):
    """A file of ours that the driver streams into a call; `name` is the asset store's, opaque to adapters."""

    name: str
    media_type: str
    size_bytes: int


class Source(Struct, frozen=True, kw_only=True):
    """The clip that a remix, an edit or an extension starts from."""

    asset: Blob | None = None
    account: str | None = None  # where it was rendered; `ref` means something on that account only
    ref: Ref | None = None
    prompt: str = ""
    seconds: int
    size: Size


class Spec(Struct, frozen=True, kw_only=True):
    """What one attempt asks of one upstream model. Everything that decides the price is always set."""

    verb: Verb = Verb.CREATE
    model: str  # the vendor's name for it
    prompt: str
    seconds: int  # of new footage: for an extension what is added
    size: Size
    audio: bool | None = None  # None: the model has no switch
    image: Image | None = None  # the clip begins with it
    last_image: Image | None = None  # and ends with this one
    source: Source | None = None
    characters: tuple[Ref, ...] = ()
    seed: int | None = None
    negative_prompt: str | None = None
    extras: dict[str, Json] = {}
    callback_url: str | None = None


class CharacterSpec(Struct, frozen=True):
    model: str
    name: str
    video: Blob


class Sought(Struct, frozen=True, kw_only=True):
    """A submission whose outcome is unknown, as `find` looks for it."""

    key: str
    spec: Spec
    since_ms: int  # the first byte left no earlier
    until_ms: int  # and no later


# --- calls and replies -------------------------------------------------------------------------------------------


class Part(Struct, frozen=True):
    name: str
    filename: str
    media_type: str
    content: bytes | Blob


class Form(Struct, frozen=True):
    """multipart/form-data. The driver derives the boundary from the content, so equal forms are equal bytes."""

    fields: tuple[tuple[str, str], ...] = ()
    files: tuple[Part, ...] = ()


class JsonBody(Struct, frozen=True):
    value: Json


class Call(Struct, frozen=True, kw_only=True):
    """One HTTP call that an adapter wants made."""

    method: str
    path: str  # below the provider's base URL when it begins with "/", else an absolute URL
    query: tuple[tuple[str, str], ...] = ()
    headers: dict[str, str] = {}
    body: bytes | JsonBody | Form | None = None
    starts_work: bool = False  # it can create or charge something: sent once, before send_by, never repeated unasked
    signed: bool = True  # False: no credential (a link on a foreign host)
    reply_bytes_max: int = REPLY_BYTES_MAX


class Reply(Struct, frozen=True):
    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes
    received_ms: int = 0  # for Retry-After dates and expiries


V = TypeVar("V")
Flow: TypeAlias = Generator[Call, Reply, V]


# --- verdicts ----------------------------------------------------------------------------------------------------


class Unit(StrEnum):
    USD = "usd"
    CREDITS = "credits"
    TOKENS = "tokens"
    SECONDS = "seconds"


class Charge(Struct, frozen=True):
    """What the vendor says it took, in its own number and unit; `amount` is decimal text, never a float."""

    amount: str
    unit: Unit = Unit.USD


class AssetKind(StrEnum):
    VIDEO = "video"
    THUMBNAIL = "thumbnail"
    SPRITESHEET = "spritesheet"


class Remote(Struct, frozen=True, kw_only=True):
    """A rendered file at the vendor. `link` is a URL or path for `download`; None where the ref alone leads there."""

    kind: AssetKind = AssetKind.VIDEO
    link: str | None = None
    media_type: str = "video/mp4"
    expires_ms: int | None = None


class Accepted(Struct, frozen=True):
    ref: Ref


class Running(Struct, frozen=True):
    progress: int | None = None  # percent, 0 to 99
    odd_word: str | None = None  # the state, where nobody knows the word and the job is taken to go on


class Finished(Struct, frozen=True, kw_only=True):
    assets: tuple[Remote, ...]
    charged: Charge | None = None
    ref: Ref | None = None  # set when a submission answers with the finished clip at once


class Broken(Struct, frozen=True, kw_only=True):
    """The job was accepted and ended without a clip. `free`: the vendor's word on money, None where it says nothing."""

    why: Why
    message: str = ""
    charged: Charge | None = None
    free: bool | None = None


class Refused(Struct, frozen=True, kw_only=True):
    """The vendor said no. After a call that starts work the driver believes it only from a readable 4xx of the vendor's
    own, or under a `proof` that the adapter declares in `nothing_made`."""

    why: Why
    message: str = ""
    retry_after_s: float | None = None
    proof: str | None = None


class KeyUsed(Struct, frozen=True):
    """The vendor knows this idempotency key already: the first sending arrived."""

    ref: Ref | None = None


class Cancelled(Struct, frozen=True, kw_only=True):
    charged: Charge | None = None
    free: bool | None = None


class TooLate(Struct, frozen=True):
    """The job had ended before the cancel came; poll it."""


class CannotCancel(Struct, frozen=True):
    message: str = ""


class Exactly(Struct, frozen=True):
    ref: Ref


class Probably(Struct, frozen=True):
    refs: tuple[Ref, ...]


class NotReceived(Struct, frozen=True):
    """The vendor's complete list was read and holds nothing like it."""


class CannotTell(Struct, frozen=True):
    message: str = ""


class Account(Struct, frozen=True, kw_only=True):
    balance: Charge | None = None
    models: tuple[str, ...] = ()


class Load(Struct, frozen=True):
    """How many jobs wait and run at a server now, of whoever asked; None where it does not tell."""

    jobs: int | None = None


class Probed(Struct, frozen=True, kw_only=True):
    """What an unknown server turned out to be, and what `config.yaml` would say of it. `settings` is None where this
    adapter is not the one for it; `models` are those that render videos, with their price in dollars where one is
    told: for a clip or for each second of it, which servers do not say."""

    findings: tuple[str, ...]  # whole sentences, without anything secret
    settings: dict[str, Json] | None = None
    models: dict[str, str | None] = {}


SubmitVerdict: TypeAlias = Accepted | Finished | Refused | KeyUsed
PollVerdict: TypeAlias = Running | Finished | Broken | Refused
CancelVerdict: TypeAlias = Cancelled | TooLate | CannotCancel | Refused
FindVerdict: TypeAlias = Exactly | Probably | NotReceived | CannotTell
CharacterVerdict: TypeAlias = Accepted | Refused
AccountVerdict: TypeAlias = Account | Refused
ProbeVerdict: TypeAlias = Probed | Refused
LoadVerdict: TypeAlias = Load | Refused


class Inbound(Struct, frozen=True, kw_only=True):
    """A vendor's callback, raw: signatures are over bytes."""

    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: dict[str, str]
    body: bytes
    received_ms: int


class Answer(Struct, frozen=True, kw_only=True):
    """What the vendor wants to hear back: a challenge echoed, an exact word."""

    status: int = 200
    headers: dict[str, str] = {}
    body: bytes = b""


class Notice(Struct, frozen=True, kw_only=True):
    """One piece of news in a callback. Unverified news only makes the video due."""

    ref: Ref | None = None
    attempt: str | None = None
    verified: bool = False
    verdict: PollVerdict | None = None


# --- declared data -----------------------------------------------------------------------------------------------


BILLION = 10**9
"""Credits, the worth of a credit and factors are counted in billionths: whole numbers, fine enough for any list."""


class Modifier(Struct, frozen=True, kw_only=True):
    """What a clip of one kind costs otherwise: a factor on the line's price, or an amount on top of it."""

    factor_billionths: int = BILLION
    add_micros: int = 0
    add_credit_billionths: int = 0


class Price(Struct, frozen=True, kw_only=True):
    """One line of a price list, in dollars or in credits. Which line counts: `gateway.domain.pricing`."""

    per_second_micros: int = 0
    per_clip_micros: int = 0
    per_second_credit_billionths: int = 0
    per_clip_credit_billionths: int = 0
    credit_usd_billionths: int | None = None  # what one credit is worth; None: this vendor counts no credits
    sizes: tuple[Size, ...] = ()  # empty: every size
    seconds: tuple[int, ...] = ()  # empty: every length
    audio: bool | None = None  # None: with and without
    valid_from: str | None = None  # YYYY-MM-DD in UTC; None: always was
    image: Modifier | None = None  # with an image to begin or to end with
    remix: Modifier | None = None
    edit: Modifier | None = None
    extend: Modifier | None = None
    as_of: str  # YYYY-MM-DD
    source: str


class Abilities(Struct, frozen=True, kw_only=True):
    """What one upstream model can do and what is known about it."""

    seconds: tuple[int, ...]
    sizes: tuple[Size, ...]
    verbs: tuple[Verb, ...] = (Verb.CREATE,)
    needs_source_ref: bool = False  # remix, edit, extend work on the account's own clips only
    extend_total_seconds_max: int = 0
    image: bool = False
    last_image: bool = False  # it can end a clip with a given image
    last_image_alone: bool = False  # also one that begins with none
    last_image_sizes: tuple[Size, ...] = ()  # it can so end clips of these sizes alone; empty: of all its sizes
    needs_image: bool = False  # it animates pictures and makes nothing from words alone
    image_types: tuple[str, ...] = IMAGE_TYPES  # of those that clients may send
    image_bytes_max: int = IMAGE_BYTES_MAX
    image_side_min: int = 1  # pixels
    image_shape_max: float | None = None  # the long side by the short one; None: no limit is known
    characters: bool = False
    audio: bool | None = None  # True, False: always so; None: a switch
    seed: bool = False
    negative_prompt: bool = False
    prompt_max: int | None = None  # UTF-16 units of a prompt, and of a negative one; None: no limit is known
    extras: tuple[str, ...] = ()  # the vendor's own fields that a client may send: none that decides the price
    resend_safe_s: int | None = None  # resending with the same key is safe for so long; None: the vendor knows no keys
    finds: bool = False
    visible_after_s: float | None = None  # a received job is in the list by then; None: an empty list proves nothing
    cancels: bool = False
    calls_back: bool = False  # it tells `Spec.callback_url` what becomes of a job
    calls_https_only: bool = False  # and refuses a submission that names an address without TLS
    appears_after_s: float = 0  # a job that was just accepted may be unknown for so long
    lost_jobs_free: bool = False  # a job lost or made twice costs no money (self-hosted)
    failed_jobs_free: bool = True  # a broken render is not billed
    asset_life_s: int = 3600
    prices: tuple[Price, ...] = ()


class NothingMade(Struct, frozen=True):
    """A reply outside the readable 4xx that nevertheless proves that nothing was made, with the contract's line."""

    status: int
    source: str


class AdapterSettings(BaseModel):
    """What a provider's block in `config.yaml` may say for this adapter, beyond what every provider has."""

    model_config = ConfigDict(extra="forbid", frozen=True)


SettingsT = TypeVar("SettingsT", bound=AdapterSettings)


class Adapter(ABC, Generic[SettingsT]):
    """One vendor family. Subclasses set `kind` and `Settings` and implement `abilities`, `submit` and `poll`.

    `api_key` is the secret of the moment: adapters are rebuilt when it rotates. Only signatures may hold it.
    """

    kind: ClassVar[str]
    Settings: ClassVar[type[AdapterSettings]] = AdapterSettings
    nothing_made: ClassVar[Mapping[str, NothingMade]] = {}
    default_base_url: ClassVar[str | None] = None
    tells_balance: ClassVar[bool] = True  # `account` may tell one; False: it only shows whether the credential is right
    variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Settings under which this adapter speaks with another vendor, by that one's name; empty: there is just one."""

    def __init__(self, settings: SettingsT, api_key: str | None) -> None:
        self.settings = settings
        self._api_key = api_key

    def usual_base_url(self) -> str | None:
        """Where the vendor answers if the configuration names no address."""
        return self.default_base_url

    @abstractmethod
    def models(self) -> tuple[str, ...]:
        """Upstream models with declared abilities; may be empty where only the operator knows them."""

    @abstractmethod
    def abilities(self, model: str) -> Abilities:
        """Declared data of an upstream model. KeyError if unknown."""

    @abstractmethod
    def submit(self, spec: Spec, key: str) -> Flow[SubmitVerdict]:
        """Ask for a clip. Exactly one call of the flow has `starts_work=True`."""

    @abstractmethod
    def poll(self, ref: Ref) -> Flow[PollVerdict]:
        """Look at a job. Never starts work."""

    def sign(self, call: Call) -> Call:
        """Add the credential. Called by the driver for signed calls to the provider's own host, last of all."""
        if self._api_key is None:
            return call
        return replace(call, headers={**call.headers, "authorization": f"Bearer {self._api_key}"})

    def sign_at(self, call: Call, now_ms: int) -> Call:
        """As `sign`, which it is unless the credential names a time. The driver calls this one."""
        return self.sign(call)

    def cancel(self, ref: Ref, last: PollVerdict | None) -> Flow[CancelVerdict]:
        """Stop a job. `last` is the latest known state: some vendors' DELETE erases a finished, billed job."""
        return _answer(CannotCancel("this vendor cannot cancel"))

    def find(self, sought: Sought) -> Flow[FindVerdict]:
        """Was a submission of unknown outcome received?"""
        return _answer(CannotTell("this vendor cannot be asked"))

    def confirm(self, ref: Ref, sought: Sought) -> Flow[FindVerdict]:
        """Is the job that a callback named the submission of unknown outcome? Model and seconds must agree."""
        return _answer(CannotTell("this vendor does not call back"))

    def download(self, ref: Ref, asset: Remote) -> Call:
        """The call that fetches a finished file."""
        if asset.link is None:
            raise Unreadable("the finished job names no link")
        return Call(method="GET", path=asset.link, signed=False)

    def character(self, spec: CharacterSpec) -> Flow[CharacterVerdict]:
        """Make a character of this account from a clip."""
        return _answer(Refused(why=Why.INVALID, message="this vendor has no characters"))

    def account(self) -> Flow[AccountVerdict]:
        """Balance and models, at no cost."""
        return _answer(Account())

    def load(self) -> Flow[LoadVerdict]:
        """The queue of a server that everybody waits in, at no cost."""
        return _answer(Load())

    def notes(self, base_url: str) -> tuple[str, ...]:
        """What an operator should know of the vendor at this address before relying on it: a sentence each."""
        return ()

    def probe(self, base_url: str) -> Flow[ProbeVerdict]:
        """What is the unknown server at this address? At no cost."""
        return _answer(Refused(why=Why.INVALID, message="this adapter is for one vendor and has nothing to find out"))

    def webhook(self, request: Inbound) -> tuple[tuple[Notice, ...], Answer]:
        """Read a callback. The default knows none."""
        return (), Answer(status=404)


def _answer(verdict: V) -> Flow[V]:
    """A flow that needs no call."""
    yield from ()
    return verdict


def replace(call: Call, **changes: object) -> Call:
    """A copy of a call with some fields changed."""
    return structs.replace(call, **changes)
