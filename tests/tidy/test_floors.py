"""Imports point down the house, never up, never in a circle: the table of the architecture, held over syntax trees."""

from __future__ import annotations

from tests.tidy.sources import Source, imported, sources

# A module belongs to the longest name here that it begins with.
FLOORS: dict[str, int] = {
    "providers": 0,
    "gateway.domain": 1,
    "gateway.config": 2,
    "gateway.clock": 2,
    "gateway.entropy": 2,
    "gateway.metrics": 2,
    "gateway.log": 2,
    "gateway.killpoints": 2,
    "gateway.lifetime": 2,
    "gateway.children": 2,
    "gateway.tracing": 2,
    "gateway.store": 3,
    "gateway.upstream": 3,
    "gateway.assets": 3,
    "gateway.registry": 4,
    "gateway.snapshot": 4,
    "gateway.work": 5,
    "gateway.wiring": 6,
    "gateway.api": 7,
    "gateway.admin": 7,
    "gateway.runner": 7,
    "gateway.sandbox": 7,
    "gateway.serve": 8,
    "gateway.cli": 8,
    "gateway.__main__": 8,
}
# Rooms on one floor that do not know each other.
STRANGERS = (
    {"gateway.store", "gateway.upstream", "gateway.assets"},
    {"gateway.api", "gateway.admin", "gateway.runner", "gateway.sandbox"},
)
# Who may use what of a stranger: operators are served by the same frame as clients, and see the same figures.
GUESTS = {"gateway.admin": "gateway.api"}
# Where a foreign package may be imported, and nowhere else.
ROOMS: dict[str, tuple[str, ...]] = {
    "httpx": ("gateway.upstream",),
    "aiohttp": ("gateway.upstream", "gateway.sandbox"),
    "redis": ("gateway.store",),
    "hiredis": ("gateway.store",),
    "litestar": ("gateway.api", "gateway.admin", "gateway.runner", "gateway.sandbox"),
    "granian": ("gateway.serve",),
    "click": ("gateway.cli",),
    "ruamel": ("gateway.config",),
    "prometheus_client": ("gateway.metrics",),
    "opentelemetry": ("gateway.tracing",),
    "cryptography": ("providers.ed25519", "gateway.sandbox"),
}
CELLAR = ("providers.contract", "providers.described", "providers.ed25519", "providers.toolbox")


def code() -> tuple[Source, ...]:
    return sources("providers", "gateway")


def within(module: str, *names: str) -> bool:
    """Whether a module is one of these or inside one of them."""
    return any(module == name or module.startswith(name + ".") for name in names)


def room(module: str) -> str | None:
    """The entry of FLOORS that a module belongs to; None outside the house."""
    return max((name for name in FLOORS if within(module, name)), key=len, default=None)


def test_every_module_has_a_floor() -> None:
    """A new room gets its floor before it gets its first caller."""
    assert [source.module for source in code() if source.module != "gateway" and room(source.module) is None] == []


def test_imports_point_down() -> None:
    """No file imports a higher floor, or a stranger on its own; imports inside functions count too."""
    assert [wrong for source in code() for wrong in _upward(source)] == []


def test_a_provider_knows_only_the_cellar() -> None:
    """`providers.<name>` imports the contract, the toolbox and its own parts: no gateway, no other provider."""
    wrong = [
        f"{source.path} imports {target}"
        for source in sources("providers")
        for target in imported(source)
        if within(target, "gateway", "providers")
        and target != "providers"
        and not within(target, *CELLAR, ".".join(source.module.split(".")[:2]))
    ]
    assert wrong == []


def test_the_gateway_names_no_provider() -> None:
    """Adapters are found by the kind that the configuration names; the gateway imports the contract and the toolbox."""
    wrong = [
        f"{source.path} imports {target}"
        for source in sources("gateway")
        for target in imported(source)
        if target.startswith("providers.") and not within(target, *CELLAR)
    ]
    assert wrong == []


def test_foreign_packages_stay_in_their_rooms() -> None:
    """What is imported in one place can be replaced in one place."""
    wrong = [
        f"{source.path} imports {target}"
        for package, rooms in ROOMS.items()
        for source in code()
        for target in imported(source)
        if within(target, package) and not within(source.module, *rooms)
    ]
    assert wrong == []


def test_no_circles() -> None:
    """The modules can be put in an order in which each imports earlier ones only."""
    names = {source.module for source in code()}
    waiting = {source.module: {one for one in imported(source) if one in names} - {source.module} for source in code()}
    for module, targets in waiting.items():  # a package's own file is loaded before what the package holds
        targets.difference_update([one for one in targets if module.startswith(one + ".")])
    while ready := [module for module, targets in waiting.items() if not targets]:
        for module in ready:
            del waiting[module]
        for targets in waiting.values():
            targets.difference_update(ready)
    assert sorted(waiting) == []


def _upward(source: Source) -> list[str]:
    here = room(source.module)
    wrong = []
    for target in sorted(imported(source)):
        there = room(target)
        if here is None or there is None or here == there:
            continue
        stranger = any({here, there} <= group for group in STRANGERS) and GUESTS.get(here) != there
        if stranger or FLOORS[there] > FLOORS[here]:
            wrong.append(f"{source.path} (floor {FLOORS[here]}) imports {target} (floor {FLOORS[there]})")
    return wrong
