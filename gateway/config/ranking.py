"""What `config.yaml` may say about the order in which a model's routes are asked."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from gateway.config.section import Section
from gateway.config.values import Number

Weight: TypeAlias = Annotated[Number, Field(ge=0, le=1_000_000)]


class Weights(Section):
    """What counts how much for the strategy `balanced`. With equal weights, a route that is a tenth dearer than the
    cheapest, one that is a tenth slower than the fastest, and one that fails in a tenth of all attempts are worth the
    same. All from 0 to 1000000."""

    cost: Weight = Field(default=1, description="What a clip comes to: the price by the chance of success.")
    latency: Weight = Field(default=1, description="How long a clip of the length takes.")
    failure: Weight = Field(default=1, description="The share of attempts that fail.")
