"""The known servers of OpenAI's contract, OpenAI's own models and prices, and what the configuration may say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

import msgspec
from msgspec.structs import replace
from pydantic import Field, SecretStr, model_validator

from providers import contract as c
from providers.contract import Price, Size, Verb
from providers.described import ModelSettings, unsaid

P720, P1024, P1080 = ((Size(a, b), Size(b, a)) for a, b in ((720, 1280), (1024, 1792), (1080, 1920)))
LAST_DAY: Final = "2026-09-24"  # of the service and its list prices


def _price(cents: int, sizes: tuple[Size, ...] = (), source: str = "OpenAI's page of the model") -> Price:
    return Price(per_second_micros=cents * 10_000, sizes=sizes, as_of=LAST_DAY, source=source)


SORA_2: Final = c.Abilities(
    seconds=(4, 8, 12, 16, 20), sizes=P720, verbs=tuple(Verb), extend_total_seconds_max=120, image=True,
    characters=True, audio=True, prices=(_price(10),),
)  # fmt: skip
SECOND_HAND: Final = "OpenAI's price list, second-hand"
PRO_PRICES: Final = (_price(30, P720), _price(50, P1024, SECOND_HAND), _price(70, P1080, SECOND_HAND))
SORA: Final[Mapping[str, c.Abilities]] = {  # and their dated snapshots
    "sora-2": SORA_2,
    "sora-2-pro": replace(SORA_2, sizes=(*P720, *P1024, *P1080), prices=PRO_PRICES),
}
FACTS: Final = ("model", "prompt", "seconds", "size")
WORDS: Final = ("image", "seed", "negative_prompt")  # every server has them


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """How a known server differs. `given`, `able`: settings and what its models can, where the operator is silent."""

    given: Mapping[str, Any] = {}
    able: Mapping[str, Any] = {}
    sora: bool = False  # it has OpenAI's own models
    words: tuple[str, ...] = (*WORDS, "characters", "remix", "edit", "extend")  # what it can be asked for
    own: bool = False  # it runs on the operator's machines; objects in its forms are JSON, not names with brackets
    always_seed: bool = False  # without a seed it makes the same clip of the same words
    facts: tuple[str, ...] = FACTS  # of a listed job: those that are as asked
    gone: bool = False  # DELETE forgets a job and lets it go on
    nothing_made: str | None = None  # its words in a 503 that comes before any job


OURS: Final = {"lost_jobs_free": True, "failed_jobs_free": True, "asset_life_s": 7 * 86_400}
TUNING: Final = (
    "fps", "num_inference_steps", "guidance_scale", "guidance_scale_2", "true_cfg_scale", "flow_shift", "quality",
    "enable_frame_interpolation", "frame_interpolation_exp", "frame_interpolation_scale",
)  # fmt: skip
ABLE: Final[Mapping[str, Any]] = {"seed": True, "negative_prompt": True}
SERVERS: Final[Mapping[str, Server]] = {
    "openai": Server(sora=True),
    # Its v1 form: a model is a deployment's name, described in `models`. Historical; its Sora may be off by now.
    "azure": Server(given={"key_header": "api-key", "asset_life_s": 86_400}),
    "vllm-omni": Server(
        given={**OURS, "delete_cancels": "queued"},  # what runs goes on in most pipelines, though the record is gone
        able={**ABLE, "extras": (*TUNING, "boundary_ratio")},
        words=(*WORDS, "audio"), own=True, nothing_made="not initialized",
    ),
    "sglang": Server(
        given=OURS,
        able={**ABLE, "extras": (*TUNING, "max_sequence_length", "output_quality", "enable_teacache")},
        words=WORDS, own=True, always_seed=True, facts=("model",), gone=True, nothing_made="Scheduler worker exited",
    ),
}  # fmt: skip
# Fields that reach the disk or the network of a server of one's own, or change what is rendered and paid for.
NEVER_EXTRAS: Final = re.compile(
    r"(.*_)?path|.*_(reference|references|url)|extra_(params|body|json)|diffusers_kwargs|lora|source_(video|audio)"
    r"|num_outputs_per_prompt|profile"
)


class OpenAISettings(c.AdapterSettings):
    """How a server differs from OpenAI, and which models it has beyond OpenAI's own (priced at the route)."""

    server: Literal["openai", "azure", "vllm-omni", "sglang"] = "openai"  # the defaults of what follows
    models: Mapping[str, ModelSettings] = Field(default_factory=dict)
    key_header: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")] = "authorization"  # another has the bare key
    webhook_secret: SecretStr | None = None  # `whsec_…` of the project's webhook
    body: Literal["multipart", "json"] = "multipart"  # `json` where no file travels, as SDKs did before March 2026
    assets: tuple[c.AssetKind, ...] = (c.AssetKind.VIDEO,)  # others are asked for only if named, else made here
    uploads_sources: bool = False  # edits and extensions take a file, so a clip from elsewhere can be the source
    honours_idempotency_key: bool = False  # OpenAI's own API does not
    resend_safe_s: Annotated[int, Field(ge=1)] = 600
    lists: bool = True
    visible_after_s: float | None = Field(None, ge=0, le=3_600)  # a received job is listed by then; unset: no proof
    delete_cancels: bool | Literal["queued"] = False  # DELETE really stops a job: any, or one that waits
    lost_jobs_free: bool = False
    failed_jobs_free: bool = False  # what OpenAI took for failed jobs: unverified
    asset_life_s: int = 3_600

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, told: Any) -> Any:
        server = SERVERS.get(str(told.get("server", "openai"))) if isinstance(told, dict) else None
        return told if server is None else {**server.given, **told}

    @model_validator(mode="after")
    def _possible(self) -> Self:
        server = SERVERS[self.server]
        if server.gone and self.delete_cancels:
            raise ValueError(f"delete_cancels: {self.server} forgets a deleted job and renders on")
        if server.own and (self.assets != (c.AssetKind.VIDEO,) or self.uploads_sources):
            raise ValueError(f"{self.server} has neither pictures beside its videos nor edits")
        if self.server == "vllm-omni" and self.body == "json":
            raise ValueError("body: vllm-omni reads forms alone")
        for name, model in self.models.items():
            if wrong := [one for one in model.extras if server.own and NEVER_EXTRAS.fullmatch(one)]:
                raise ValueError(f"models.{name}.extras: clients must not choose {', '.join(wrong)} on {self.server}")
            if lack := unsaid(model, server.words, None):
                raise ValueError(f"models.{name}: {lack}")
        return self
