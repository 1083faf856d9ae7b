"""What `config.yaml` may say about the order in which a model's routes are asked."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from gateway.config.section import Section
from gateway.config.values import Number, Seconds

Weight: TypeAlias = Annotated[Number, Field(ge=0, le=1_000_000)]


class Weights(Section):
    """What counts how much for the strategy `balanced`. With equal weights, a route that is a tenth dearer than the
    cheapest, one that is a tenth slower than the fastest, and one that fails in a tenth of all attempts are worth the
    same. All from 0 to 1000000."""

    cost: Weight = Field(default=1, description="What a clip comes to: the price by the chance of success.")
    latency: Weight = Field(default=1, description="How long a clip of the length takes.")
    failure: Weight = Field(default=1, description="The share of attempts that fail.")


class Late(Section):
    """When a job that is still rendering counts as late, in seconds from its sending. It is cancelled then, where the
    vendor can do that, and the video goes on to a route that can be asked now; where it cannot be stopped it may be
    paid as well. One of the first two; without this section nothing is ever late."""

    failover_after_s: Seconds | None = Field(default=None, description="A fixed time.")
    failover_after: Literal["p50", "p95"] | None = Field(
        default=None, description="What was learnt of this route for the clip's length; nothing was, nothing is late."
    )
    times: Annotated[Number, Field(ge=0.1, le=100)] = Field(
        default=1, description="So many times what was learnt; of no meaning for a fixed time."
    )
    at_least_s: Seconds = Field(default=60, description="And so long at least, whatever was learnt.")
