"""The dialects of known resellers by name, as data: what `settings` says, from the vendors' pages of November 2026.

Nothing here was tried live; "unverified" at a line means one weak source, and no such line decides about money. XRoute
has no known video endpoint: use `newapi`, and look at the first call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from providers.reseller import enveloped, plain
from providers.reseller.newapi import NEWAPI_KIN

PRESETS: Final[Mapping[str, Mapping[str, Any]]] = {
    **NEWAPI_KIN,
    "evolink": plain.EVOLINK,
    "comet": plain.COMET,
    "comet-seedance": plain.COMET_SEEDANCE,
    "aimlapi": plain.AIMLAPI,
    "ai302": plain.AI302,
    "segmind": plain.SEGMIND,
    "kie": enveloped.KIE,
    "kie-veo": enveloped.KIE_VEO,
    "piapi": enveloped.PIAPI,
    "apimart": enveloped.APIMART,
    "wavespeed": enveloped.WAVESPEED,
}
