"""Which SDKs prove the contract, and where the Makefile puts each one's environment.

TELECINE_TEST_SDKS chooses: `pinned` (the default), or `all`: every version that ends the contract's page, and today's
newest.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = ROOT / ".envs"
NEWEST = "newest"


@dataclass(frozen=True)
class Sdk:
    language: str  # python, node
    version: str

    @property
    def name(self) -> str:
        return f"openai-{self.language}-{self.version}"

    @property
    def folder(self) -> Path:
        return ENVIRONMENTS / self.name

    @property
    def command(self) -> list[str]:
        """Takes an order as one more word."""
        if self.language == "python":
            return [str(self.folder / "bin" / "python"), "-m", "tests.sdk.client"]
        return [str(ENVIRONMENTS / "node" / "bin" / "node"), "tests/sdk/node/main.mjs", str(self.folder)]

    def missing(self) -> list[str]:
        """What its environment lacks."""
        if self.language == "python":
            needed = [self.folder / "bin" / "python"]
        else:
            needed = [ENVIRONMENTS / "node" / "bin" / "node", self.folder / "node_modules" / "openai" / "package.json"]
        return [str(path.relative_to(ROOT)) for path in needed if not path.exists()]


PINNED = (Sdk("python", "3.52.0"), Sdk("python", "2.54.0"), Sdk("node", "7.55.0"))
OTHERS = (Sdk("python", "2.26.0"), Sdk("python", "2.2.0"), Sdk("node", "6.27.0"), Sdk("node", "6.2.0"))
TODAYS = (Sdk("python", NEWEST), Sdk("node", NEWEST))
SETS = {"pinned": PINNED, "all": (*PINNED, *OTHERS, *TODAYS)}


def chosen() -> tuple[Sdk, ...]:
    return SETS[os.environ.get("TELECINE_TEST_SDKS") or "pinned"]
