"""What `config.yaml` may say: every key with its default, its bounds and a sentence for `docs/configuration.md`.

Unknown keys are refused everywhere. Secrets are `SecretStr`: they show as stars in any log, repr or error.
What one value may be stands in `values`; what several must be together stands in `rules`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr

from gateway.config.ranking import Late, Weight, Weights
from gateway.config.section import Section
from gateway.config.telling import Log, Tracing
from gateway.config.values import (
    BaseUrl,
    Count,
    DateText,
    Dollars,
    Factor,
    Fine,
    Host,
    Lifetime,
    Limit,
    ModelName,
    Name,
    Number,
    PublicUrl,
    RouteName,
    Seconds,
    Share,
    SizeText,
    WholeSeconds,
)
from gateway.domain.routing import CHARGE_FACTOR_BILLIONTHS, Bearer, Doubt
from gateway.domain.strategies import EXPLORE, Strategy
from gateway.domain.videos import ATTEMPTS_MAX


class Gateway(Section):
    """This gateway as a whole."""

    name: Name = Field(default="telecine", description="Begins every key in Redis, so several gateways can share one.")
    public_url: PublicUrl | None = Field(
        default=None,
        description="Where vendors reach this gateway. With it, those that can call back are asked to, below `/hooks`: "
        "a lost answer is then found again, and news comes without waiting for the next poll. Some vendors call "
        "`https` alone; at an address without it they are not asked to.",
    )
    deadline_s: WholeSeconds = Field(
        default=3_600, description="A video is `completed` or `failed` this long after its creation at the latest."
    )
    lease_s: Seconds = Field(
        default=20, ge=1, description="How long one runner may act on a video before another may take it."
    )
    submit_margin_s: Seconds = Field(
        default=15, description="How much longer than its `submit_timeout_s` a submission keeps the lease."
    )
    send_by_s: Seconds = Field(
        default=5, description="A submission whose first byte has not left by then is not sent any more."
    )
    socket_timeout_s: Seconds = Field(
        default=10, description="What a vendor's machine has not confirmed by then is never delivered later."
    )
    asset_life_s: WholeSeconds = Field(default=86_400, description="How long a finished clip can be downloaded.")
    stop_grace_s: Seconds = Field(
        default=30, description="After SIGTERM, what ends within this time finishes; the rest is cut and counted."
    )
    waiting_max: Count = Field(
        default=10_000,
        le=1_000_000,
        description="When so many videos wait for every provider that could take a new one, it is refused (503).",
    )
    losses: Bearer = Field(
        default=Bearer.PROJECT,
        description="Who pays for an attempt that gave the client no clip: `project`, or `house`, and it counts for "
        "the provider and the gateway alone. A blocked prompt and what a client cancelled are always the project's.",
    )
    charge_factor_max: Factor = Field(
        default=CHARGE_FACTOR_BILLIONTHS,
        description="A vendor's charge is believed up to so many times the price; what is above the price then waits "
        "as disputed, outside all budgets, for `telecine ledger decide`.",
    )


class Store(Section):
    """Where videos, keys and money are kept."""

    url: SecretStr | None = Field(
        default=None,
        description="A Redis or Valkey, 7.0 or later: `redis://`, `rediss://` or `unix://`. "
        "Without one, the gateway runs a private server of its own under the data directory.",
    )
    wait_replicas: int = Field(
        default=0,
        ge=0,
        le=16,
        description="How many replicas of that server must have what is written before a request leaves for a vendor. "
        "Where they do not confirm it within a second, nothing is sent, and the video waits. It lowers the risk that a "
        "failover pays twice. 0: none is waited for.",
    )


class Assets(Section):
    """Where clips and input images stand."""

    dir: str | None = Field(
        default=None,
        min_length=1,
        max_length=4_096,
        description="Their folder; without one it is `assets` below the data directory. Several replicas need one that "
        "all of them share, at whatever path each has it.",
    )


class Server(Section):
    """The HTTP server's limits, for each worker."""

    body_bytes_max: Count = Field(default=256 * 1024 * 1024, description="The largest request body, files included.")
    json_bytes_max: Count = Field(default=32 * 1024 * 1024, description="The largest JSON body.")
    body_timeout_s: Seconds = Field(default=300, description="A request body must have arrived by then.")
    header_timeout_s: Seconds = Field(default=10, description="A request's head must have arrived by then.")
    connections_max: Count = Field(default=1_024, le=65_536, description="Requests served at the same time.")
    wait_s_max: Seconds = Field(
        default=50, le=600, description="How long a look at a video with `Prefer: wait=N` waits for a change at most."
    )
    follow_s_max: Seconds = Field(
        default=600,
        le=86_400,
        description="A stream of a video's events ends by then; the client comes back by itself.",
    )
    followers_max: Count = Field(
        default=256,
        le=1_000,
        description="So many clients may wait for changes or follow events at the same time. They count among "
        "`connections_max`.",
    )
    followers_per_key_max: Count = Field(default=64, le=1_000, description="And so many with the same API key.")


class Retention(Section):
    """How long what is over is kept: a number with `d`, `h`, `m` or `s` behind it, or `forever`."""

    videos: Lifetime = Field(
        default="90d",
        validate_default=True,
        description="The record of a finished video, from when its files are gone and its create can no longer be "
        "repeated: with an `Idempotency-Key`, about a day after the deadline. A deleted one goes from then on at once.",
    )
    ledger: Lifetime = Field(
        default="400d",
        validate_default=True,
        description="Entries of the ledger. Older ones, of videos whose records are gone, are carried: one entry for "
        "each counter takes their place. At least as long as `videos`.",
    )


class Webhooks(Section):
    """Events that the gateway sends to addresses that operators and clients name; see `docs/webhooks.md`."""

    allow_private: bool = Field(
        default=False,
        description="Whether they may go to private addresses, and without TLS. Else only to public ones over https.",
    )
    timeout_s: Seconds = Field(
        default=15, le=60, description="A receiver has answered by then, or is asked again later."
    )
    whole_video: bool = Field(
        default=False,
        description="Whether `data` of a video's event is the whole video as a client sees it, its prompt included, "
        "rather than its id alone.",
    )


class Modifier(Section):
    """What clips of one kind cost otherwise; the keys `remix`, `edit` and `extend` say it in the same words. One of the
    three: a factor multiplies what seconds and clip cost, an amount is added to that."""

    factor: Fine | None = Field(default=None, description='So many times the price: `"0.5"` is half.')
    add: Dollars | None = Field(default=None, description="Dollars more.")
    add_credits: Fine | None = Field(default=None, description="Credits more.")


class PriceEntry(Section):
    """One line of a price list, in dollars or in credits. Of the lines that fit a request's size, length and sound
    and have begun, the one that began last counts; of several that began on the same day, or that name none, the first.
    A price is counted exactly and rounded once, up to a whole millionth of a dollar."""

    per_second: Dollars | None = Field(default=None, description="Dollars for each second.")
    per_clip: Dollars | None = Field(default=None, description="Dollars for each clip, beside what its seconds cost.")
    credits_per_second: Fine | None = Field(default=None, description="Credits for each second.")
    credits_per_clip: Fine | None = Field(
        default=None, description="Credits for each clip, beside what its seconds cost."
    )
    credit_usd: Fine | None = Field(
        default=None,
        description="What one credit is worth in dollars. A charge that the vendor reports in credits is booked at it, "
        "also where the line's prices are in dollars.",
    )
    image: Modifier | None = Field(default=None, description="With an image to begin or to end with.")
    remix: Modifier | None = Field(default=None, description="For remixes.")
    edit: Modifier | None = Field(default=None, description="For edits.")
    extend: Modifier | None = Field(default=None, description="For extensions.")
    sizes: tuple[SizeText, ...] = Field(default=(), max_length=64, description="Sizes it is for; none means all.")
    seconds: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(), max_length=64, description="Lengths it is for; none means all."
    )
    audio: bool | None = Field(default=None, description="Only with (`true`) or without (`false`) sound.")
    valid_from: DateText | None = Field(
        default=None, description="The day, in UTC, on which it begins; without one it has always been valid."
    )
    as_of: DateText = Field(description="The day on which this price was read.")
    source: str = Field(min_length=1, max_length=500, description="Where it was read.")


class Breaker(Section):
    """When a vendor is left alone for a while, and how it is tried again: one breaker for the provider, one for each of
    its routes. Only what is the vendor's or its operator's fault counts, never a prompt that was blocked or invalid. A
    key that is refused and an account without credit open the provider's at once. The sandbox has none unless it is
    written, since there a prompt can ask for failures."""

    failures: Count = Field(default=5, le=1_000, description="So many in a row open it.")
    share: Share = Field(default=0.5, description="So does this share of failures, over ten attempts or more.")
    open_s: Seconds = Field(
        default=30,
        le=600,
        description="Nothing is sent for half to all of this time; each time in a row it doubles, up to 600.",
    )
    probes: Count = Field(
        default=2, le=100, description="Then so many attempts at once are let through, until one of them succeeds."
    )


class Provider(Section):
    """One account at one vendor."""

    adapter: Name = Field(description="Which adapter speaks with it.")
    base_url: BaseUrl | None = Field(
        default=None, description="Where the vendor answers; the adapter knows its usual address."
    )
    api_key: SecretStr | None = Field(
        default=None, description="The credential, best written as `${ENV}`: printable ASCII in one line."
    )
    account: str = Field(
        default="",
        max_length=200,
        description="Names the account behind the key. Change it with the account, not when the key rotates: "
        "open attempts belong to the account that they were sent to.",
    )
    drain: bool = Field(
        default=False,
        description="No new work goes there, while what runs is followed to its end: what comes before taking a "
        "provider away. An account with open attempts can be neither removed nor changed.",
    )
    doubt: Doubt | None = Field(
        default=None,
        description="When nobody can find out whether a submission arrived: `hold` waits until the deadline, "
        "`failover` tries the next route and may pay twice. "
        "By default `hold`, and `failover` where lost jobs are free. "
        "A vendor that can be asked is asked first, for ten minutes or a quarter of the deadline.",
    )
    exclusive_account: bool = Field(
        default=False,
        description="Nobody but this gateway makes jobs on this account. Then a find that sees one job like a "
        "submission in doubt, which no other submission could have made, takes it for that; else an operator decides.",
    )
    failed_jobs: Literal["free", "charged"] | None = Field(
        default=None,
        description="What a job costs that the vendor broke, if it says no charge. By default as the adapter says.",
    )
    lost_jobs: Literal["free", "charged"] | None = Field(
        default=None, description="The same for a job that the vendor forgot."
    )
    losses: Bearer | None = Field(default=None, description="Instead of `gateway.losses`.")
    charge_factor_max: Factor | None = Field(default=None, description="Instead of `gateway.charge_factor_max`.")
    rpm: Limit | None = Field(
        default=None,
        description="Submissions in any minute, of all replicas together. What is beyond goes to the next "
        "route, or waits.",
    )
    concurrency: Limit | None = Field(
        default=None, description="Jobs that the vendor may be working on at once, those of unknown outcome included."
    )
    polls_per_minute: Limit | None = Field(
        default=None, description="Looks at running jobs in any minute, of all replicas together."
    )
    balance: Literal["watch", "budget", "ignore"] = Field(
        default="watch",
        description="What the account has left, where its vendor tells: read about once a minute, shown by "
        "`telecine providers list` and as a metric (`watch`); also the bound of what may be held there at a time, as "
        "the provider's `total` budget, which lets nothing in until it was read once (`budget`); or never asked for "
        "(`ignore`).",
    )
    balance_keep: Dollars | None = Field(
        default=None, description="Of that balance, what `balance: budget` leaves untouched."
    )
    connect_timeout_s: Seconds = Field(default=5, description="For a connection to stand.")
    submit_timeout_s: Seconds = Field(default=60, description="For the answer to a submission.")
    poll_timeout_s: Seconds = Field(default=15, description="For the answer to a poll, a cancel or a find.")
    own_hosts: tuple[Host, ...] = Field(
        default=(), max_length=32, description="Further hosts of this vendor that may receive the credential."
    )
    private_links: bool | None = Field(
        default=None,
        description="Whether links to clips may lead to private addresses. By default only if `base_url` is no `https://`.",
    )
    poll_min_s: Seconds = Field(default=2, description="A running job is looked at no more often than this.")
    poll_max_s: Seconds = Field(default=15, description="And no less often than this.")
    breaker: Breaker = Field(default=Breaker(), description="See `providers.NAME.breaker` below.")
    settings: dict[str, Any] = Field(default={}, description="What this adapter understands beyond that; see its file.")


class RouteEntry(Section):
    """One provider's upstream model that can serve the public model. `provider/upstream-model` alone is enough."""

    route: RouteName = Field(description="`provider/upstream-model`.")
    prices: tuple[PriceEntry, ...] | None = Field(
        default=None, min_length=1, max_length=64, description="Instead of the adapter's price list."
    )
    doubt: Doubt | None = Field(default=None, description="Instead of the provider's `doubt`.")
    failed_jobs: Literal["free", "charged"] | None = Field(
        default=None, description="Instead of the provider's `failed_jobs`."
    )
    lost_jobs: Literal["free", "charged"] | None = Field(
        default=None, description="Instead of the provider's `lost_jobs`."
    )
    weight: Weight = Field(
        default=1,
        description="For the strategy `weighted`: how often this route is asked first, in proportion to the others.",
    )
    late: Late | None = Field(
        default=None, description="When a running job is left for another route, at risk. By default never."
    )


def _short_route(value: object) -> object:
    return {"route": value} if isinstance(value, str) else value


class Model(Section):
    """A model as clients name it."""

    routes: tuple[Annotated[RouteEntry, BeforeValidator(_short_route)], ...] = Field(
        min_length=1, max_length=64, description="Who can render it; `ordered` asks them in this order."
    )
    aliases: tuple[ModelName, ...] = Field(default=(), max_length=64, description="Other names for the same model.")
    strategy: Strategy = Field(
        default=Strategy.ORDERED,
        description="How the routes that can serve a request are ranked: in the order written (`ordered`), by chance, "
        "in proportion to their `weight` (`weighted`), or by what was observed of them: what a clip comes to when "
        "failed attempts cost like others (`cheapest`), how long a clip of the length takes (`fastest`), the share of "
        "successes (`healthiest`), or all three (`balanced`).",
    )
    weights: Weights = Field(default=Weights(), description="What counts how much for `balanced`.")
    explore: Annotated[Number, Field(ge=0, le=1)] = Field(
        default=EXPLORE,
        description="The share of videos, from 0 to 1, that may begin with a route of which little is known, where it "
        "might turn out to be the best. Never for `ordered` and `weighted`.",
    )
    nearest: Literal["refuse", "nearest"] = Field(
        default="refuse",
        description="When no route renders exactly the size or the seconds asked for: `refuse`, or render what is "
        "`nearest`, and say so in the answer: the next longer length, else the longest; a size of the same "
        "orientation, then of the nearest shape, then of the nearest area.",
    )
    deadline_s: WholeSeconds | None = Field(default=None, description="Instead of `gateway.deadline_s`.")
    attempts_max: Count = Field(
        default=3, le=ATTEMPTS_MAX, description="Submissions of one video, all routes together."
    )
    blocked: Literal["stop", "next"] = Field(
        default="stop",
        description="When a vendor's moderation says no: `stop` fails the video, `next` asks the next route.",
    )
    owned_by: str = Field(default="telecine", max_length=100, description="Shown by `GET /v1/models`.")
    created: int = Field(default=0, ge=0, le=2**40, description="Unix seconds, shown by `GET /v1/models`.")


class Config(Section):
    """The whole file."""

    gateway: Gateway = Gateway()
    store: Store = Store()
    assets: Assets = Assets()
    server: Server = Server()
    retention: Retention = Retention()
    webhooks: Webhooks = Webhooks()
    log: Log = Log()
    tracing: Tracing = Tracing()
    providers: dict[Name, Provider] = Field(min_length=1, max_length=200)
    models: dict[ModelName, Model] = Field(min_length=1, max_length=1_000)
