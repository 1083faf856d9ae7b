"""Configuration made real: adapters, routes, prices and endpoints, built completely or not at all, never changed after.

A reload builds a second one and swaps one reference; every request and every step keeps the one that it began with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from msgspec.structs import replace
from pydantic import SecretStr, ValidationError

from gateway.config.load import ConfigFile, problems_of
from gateway.config.models import Config, Gateway, Provider, RouteEntry
from gateway.config.models import Model as ModelEntry
from gateway.config.prices import price_of
from gateway.config.problems import ConfigError, Path, Problem
from gateway.config.ranking import Late
from gateway.config.rules import did_you_mean
from gateway.config.values import SANDBOX
from gateway.domain.accounts import asks
from gateway.domain.breaker import Rules
from gateway.domain.permits import ProviderLimits
from gateway.domain.price_lists import faults
from gateway.domain.routing import Doubt, LateRule, Model, Route
from gateway.domain.strategies import Policy, Weights
from gateway.registry import NoAdapter, adapter_class, known_kinds
from gateway.store.address import parse
from gateway.store.errors import StoreRefused
from gateway.tracing import spans
from gateway.upstream.endpoints import Endpoint
from providers.contract import Abilities, Adapter

NO_TRACES: Final = "traces need OpenTelemetry; install it with: pip install 'telecine[otel]'"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What every request and every step of one moment looks at."""

    version: str
    models: Mapping[str, Model]
    aliases: Mapping[str, str]
    routes: Mapping[str, Route]
    endpoints: Mapping[str, Endpoint]  # by provider
    breakers: Mapping[str, Rules]  # by provider
    limits: Mapping[str, ProviderLimits]  # by provider, of those that have any
    accounts: Mapping[str, str]  # by provider, what its attempts pin
    settings: Config
    lease_ms: int
    submit_margin_ms: int
    send_by_s: float
    uses_sandbox: bool

    def model(self, name: str) -> Model | None:
        """A model by its own name or by an alias."""
        return self.models.get(self.aliases.get(name, name))

    def left_route(self, name: str) -> Route | None:
        """A route that no model has any more, as its provider's settings alone say: to follow what runs there. None if
        the provider has left too, or knows the upstream model no more."""
        provider, _, model = name.partition("/")
        endpoint, settings = self.endpoints.get(provider), self.settings.providers.get(provider)
        if endpoint is None or settings is None:
            return None
        try:
            abilities = endpoint.adapter.abilities(model)
        except KeyError:
            return None
        entry = RouteEntry(route=name)
        abilities = _as_configured(abilities, entry, settings, self.settings.gateway)
        return _route_of(entry, settings, self.settings.gateway, abilities, self.accounts[provider])


def build_snapshot(file: ConfigFile, *, sandbox_socket: str | None) -> Snapshot:
    """ConfigError with everything that only the adapters could know. `sandbox_socket`: where `sandbox:` leads."""
    build = _Build(file, sandbox_socket)
    build.store(file.config.store.url)
    if file.config.tracing.endpoint is not None and not spans.installed():
        build.problems.append(file.document.problem(("tracing", "endpoint"), NO_TRACES))
    providers = {name: build.provider(name, entry) for name, entry in file.config.providers.items()}
    models = {name: build.model(name, entry, providers) for name, entry in file.config.models.items()}
    if build.problems:
        raise ConfigError(file.document.file, sorted(build.problems, key=lambda problem: problem.line))
    gateway = file.config.gateway
    return Snapshot(
        version=file.version,
        models=models,
        aliases={alias: name for name, entry in file.config.models.items() for alias in entry.aliases},
        routes=build.routes,
        endpoints={name: made.endpoint for name, made in providers.items() if made is not None},
        breakers={name: _rules(made, file.config.providers[name]) for name, made in providers.items() if made},
        limits=_limits(file.config),
        accounts={name: made.account for name, made in providers.items() if made is not None},
        settings=file.config,
        lease_ms=round(gateway.lease_s * 1_000),
        submit_margin_ms=round(gateway.submit_margin_s * 1_000),
        send_by_s=gateway.send_by_s,
        uses_sandbox=any(made is not None and made.base_url == SANDBOX for made in providers.values()),
    )


@dataclass(frozen=True, slots=True)
class _Made:
    """A provider with its adapter built."""

    endpoint: Endpoint
    adapter: Adapter[Any]
    base_url: str  # as configured: the account's pin must not follow a socket's path
    account: str


class _Build:
    """Collects every problem instead of stopping at the first."""

    def __init__(self, file: ConfigFile, sandbox_socket: str | None) -> None:
        self.problems: list[Problem] = []
        self.routes: dict[str, Route] = {}
        self._file = file
        self._sandbox_socket = sandbox_socket
        self._first: dict[str, Path] = {}

    def provider(self, name: str, entry: Provider) -> _Made | None:
        path: Path = ("providers", name)
        try:
            kind = adapter_class(entry.adapter)
        except NoAdapter as error:
            self._wrong((*path, "adapter"), f"{error}{did_you_mean(entry.adapter, known_kinds())}")
            return None
        try:
            settings = kind.Settings.model_validate(entry.settings)
            adapter = kind(settings, entry.api_key.get_secret_value() if entry.api_key else None)
        except ValidationError as error:
            self.problems += problems_of(error, self._file.document, kind.Settings, (*path, "settings"))
            return None
        except ValueError as error:
            self._wrong(path, str(error))
            return None
        base_url = entry.base_url or adapter.usual_base_url()
        if base_url is None:
            self._wrong((*path, "base_url"), f'the adapter "{entry.adapter}" knows no usual address; write one')
            return None
        if entry.balance == "budget" and not (adapter.tells_balance and asks(adapter)):
            self._wrong(
                (*path, "balance"), "this vendor tells no balance to a key; set `telecine budgets` for it instead"
            )
        account = f"{name}|{base_url}|{entry.account}"
        return _Made(self._endpoint(name, entry, adapter, base_url), adapter, base_url, account)

    def model(self, name: str, entry: ModelEntry, providers: Mapping[str, _Made | None]) -> Model:
        routes: list[Route] = []
        for index, route_entry in enumerate(entry.routes):
            made = providers.get(route_entry.route.partition("/")[0])
            if made is not None:  # else it is complained of already
                routes += self._route(("models", name, "routes", index), route_entry, made)
        gateway = self._file.config.gateway
        return Model(
            name=name,
            routes=tuple(routes),
            created=entry.created,
            owned_by=entry.owned_by,
            attempts_max=entry.attempts_max,
            deadline_s=entry.deadline_s or gateway.deadline_s,
            asset_life_s=gateway.asset_life_s,
            blocked_stops=entry.blocked == "stop",
            policy=_policy(entry),
            late={route.route: _late(route.late) for route in entry.routes if route.late is not None},
            nearest=entry.nearest == "nearest",
        )

    def _route(self, path: Path, entry: RouteEntry, made: _Made) -> Iterator[Route]:
        provider, _, model = entry.route.partition("/")
        settings = self._file.config.providers[provider]
        try:
            abilities = _as_configured(made.adapter.abilities(model), entry, settings, self._file.config.gateway)
        except KeyError:
            self._wrong(path, f'{provider} knows no model "{model}"{did_you_mean(model, made.adapter.models())}')
            return
        prices = abilities.prices if entry.prices is None else tuple(map(price_of, entry.prices))
        if not prices:
            self._wrong(path, f"{entry.route} has no list price; add `prices` to this route")
            return
        for at, reason in faults(prices, abilities):
            if entry.prices is None:
                self._wrong(path, f"line {at + 1} of the adapter's price list {reason}; write `prices` for this route")
            else:
                self._wrong((*path, "prices", at), reason)
        found = _route_of(entry, settings, self._file.config.gateway, abilities, made.account)
        route = replace(found, prices=prices, sandbox=made.base_url == SANDBOX)
        # Attempts remember a route by name, so one name is one set of facts.
        if self.routes.setdefault(route.name, route) != route:
            line = self._file.document.line(self._first[route.name])
            self._wrong(path, f"{entry.route} is described otherwise on line {line}")
        self._first.setdefault(route.name, path)
        yield route

    def _endpoint(self, name: str, entry: Provider, adapter: Adapter[Any], base_url: str) -> Endpoint:
        sandbox = base_url == SANDBOX
        private = not base_url.startswith("https://") if entry.private_links is None else entry.private_links
        return Endpoint(
            provider=name,
            base_url="http://sandbox" if sandbox else base_url,
            adapter=adapter,
            unix_socket=self._sandbox_socket if sandbox else None,
            connect_timeout_s=entry.connect_timeout_s,
            allow_private=private,
            own_hosts=entry.own_hosts,
        )

    def store(self, url: SecretStr | None) -> None:
        """The address must be one that the store's client can read; whether anybody is there shows later."""
        if url is not None:
            try:
                parse(url.get_secret_value())
            except StoreRefused as error:
                self._wrong(("store", "url"), str(error))

    def _wrong(self, path: Path, reason: str) -> None:
        self.problems.append(self._file.document.problem(path, reason))


def _limits(config: Config) -> dict[str, ProviderLimits]:
    made = {
        name: ProviderLimits(rpm=entry.rpm, concurrency=entry.concurrency, polls_per_minute=entry.polls_per_minute)
        for name, entry in config.providers.items()
    }
    return {name: limits for name, limits in made.items() if limits != ProviderLimits()}


def _route_of(entry: RouteEntry, provider: Provider, gateway: Gateway, abilities: Abilities, account: str) -> Route:
    """All but what it costs."""
    name, _, model = entry.route.partition("/")
    return Route(
        name=entry.route,
        provider=name,
        account=account,
        model=model,
        abilities=abilities,
        prices=(),
        doubt=_doubt(entry, provider, abilities),
        exclusive_account=provider.exclusive_account,
        losses=provider.losses or gateway.losses,
        charge_factor_billionths=provider.charge_factor_max or gateway.charge_factor_max,
        submit_timeout_s=provider.submit_timeout_s,
        poll_timeout_s=provider.poll_timeout_s,
        socket_timeout_s=gateway.socket_timeout_s,
        poll_min_s=provider.poll_min_s,
        poll_max_s=provider.poll_max_s,
        drained=provider.drain,
    )


def _as_configured(abilities: Abilities, entry: RouteEntry, provider: Provider, gateway: Gateway) -> Abilities:
    """What failed and lost jobs cost is a contract between people: the configuration knows better than the adapter."""
    public = gateway.public_url
    if public is None or (abilities.calls_https_only and not public.startswith("https://")):
        abilities = replace(abilities, calls_back=False)  # it could not reach us, or refuses such an address
    failed, lost = entry.failed_jobs or provider.failed_jobs, entry.lost_jobs or provider.lost_jobs
    if failed is not None:
        abilities = replace(abilities, failed_jobs_free=failed == "free")
    if lost is not None:
        abilities = replace(abilities, lost_jobs_free=lost == "free")
    return abilities


def _late(entry: Late) -> LateRule:
    return LateRule(
        after_s=entry.failover_after_s,
        p95=entry.failover_after == "p95",
        times=entry.times,
        at_least_s=entry.at_least_s,
    )


def _policy(entry: ModelEntry) -> Policy:
    weights = Weights(cost=entry.weights.cost, latency=entry.weights.latency, failure=entry.weights.failure)
    shares = {route.route: route.weight for route in entry.routes}
    return Policy(strategy=entry.strategy, weights=weights, explore=entry.explore, shares=shares)


def _rules(made: _Made, entry: Provider) -> Rules:
    """What goes wrong in the sandbox, clients ask for in their prompts: there a breaker has to be asked for as well."""
    one = entry.breaker
    opens = made.base_url != SANDBOX or "breaker" in entry.model_fields_set
    return Rules(opens=opens, failures=one.failures, share=one.share, open_s=one.open_s, probes=one.probes)


def _doubt(entry: RouteEntry, provider: Provider, abilities: Abilities) -> Doubt:
    default = Doubt.FAILOVER if abilities.lost_jobs_free else Doubt.HOLD
    return entry.doubt or provider.doubt or default
