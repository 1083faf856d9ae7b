"""What `config.yaml` may say about what the gateway tells of itself: its log and its traces."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr, StringConstraints

from gateway.config.section import Section
from gateway.config.values import Number, PublicUrl

HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,64}$")]


class Log(Section):
    """The log: one JSON object per line on stderr."""

    prompts: bool = Field(
        default=False,
        description="Whether the log may have what clients wrote: the beginning of each new video's prompt, in a line "
        "of its own. Nothing else lets a prompt into log, metrics or traces.",
    )


class Tracing(Section):
    """OpenTelemetry traces, one for each video, from its request to its end. They need the extra `telecine[otel]`; read
    at the start."""

    endpoint: PublicUrl | None = Field(
        default=None,
        description="Where a collector takes OTLP over HTTP, such as `http://127.0.0.1:4318`; none means no traces.",
    )
    headers: dict[HeaderName, SecretStr] = Field(
        default={}, max_length=16, description="Sent with each export, such as a credential of the collector's."
    )
    share: Annotated[Number, Field(ge=0, le=1)] = Field(
        default=1.0,
        description="So many of the videos are traced, from 0 to 1. A client that sends `traceparent` decides itself.",
    )
