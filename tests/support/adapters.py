"""An adapter of a foreign package, installed for one test: a module and the metadata that names its entry point."""

from __future__ import annotations

from pathlib import Path

SOURCE = '''\
"""A vendor that exists in a test only."""

from pydantic import SecretStr

from providers.contract import Abilities, Adapter, AdapterSettings, Price, Size


class Settings(AdapterSettings):
    region: str = "north"
    second_secret: SecretStr | None = None
    free: bool = False


class Elsewhere(Adapter[Settings]):
    kind = "elsewhere"
    Settings = Settings
    default_base_url = "https://api.elsewhere.example/v1"

    def models(self):
        return ("engine", "engine-unpriced")

    def abilities(self, model):
        price = Price(per_second_micros=50_000, as_of="2026-01-01", source="its page")
        prices = {"engine": (price,), "engine-unpriced": ()}[model]
        return Abilities(seconds=(4,), sizes=(Size(1280, 720),), prices=prices, lost_jobs_free=self.settings.free)

    def submit(self, spec, key):
        raise AssertionError("never called")

    def poll(self, ref):
        raise AssertionError("never called")
'''


def install_adapter(folder: Path) -> None:
    """Write a package whose entry point `elsewhere` is found once `folder` is on `sys.path`."""
    (folder / "elsewhere_adapter.py").write_text(SOURCE, encoding="utf-8")
    metadata = folder / "elsewhere_adapter-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: elsewhere-adapter\nVersion: 1.0\n", encoding="utf-8"
    )
    entries = "[telecine.providers]\nelsewhere = elsewhere_adapter:Elsewhere\nbroken = absent_module:Nothing\n"
    (metadata / "entry_points.txt").write_text(entries, encoding="utf-8")
