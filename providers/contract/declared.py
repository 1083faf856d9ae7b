"""What an adapter declares of a model: what it can do, what is known about it, what it costs."""

from __future__ import annotations

from msgspec import Struct

from providers.contract.words import IMAGE_BYTES_MAX, IMAGE_TYPES, Size, Verb

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
