"""Names that left the configuration have series for an hour, and then none; names that come back have them again."""

from __future__ import annotations

from gateway.config.load import parse_config
from gateway.snapshot import Snapshot, build_snapshot
from gateway.work.names_lately import KEPT_S, NamesLately


def configured(*providers: str) -> Snapshot:
    text = "providers:\n" + "".join(
        f"  {one}: {{adapter: openai, base_url: 'http://127.0.0.1:9/v1', api_key: sk}}\n" for one in providers
    )
    text += "models:\n" + "".join(f"  film-{one}: {{routes: [{one}/sora-2]}}\n" for one in providers)
    return build_snapshot(parse_config("config.yaml", text.encode(), {}), sandbox_socket=None)


def test_a_removed_provider_keeps_its_series_for_an_hour() -> None:
    both, one = configured("a", "b"), configured("a")
    names = NamesLately()
    assert names.known(both, 0.0).providers == {"a", "b"}
    shown = names.known(one, 10.0)
    assert (shown.providers, shown.routes, shown.models) == (
        {"a", "b"},
        {"a/sora-2", "b/sora-2"},
        {"film-a", "film-b"},
    )
    assert names.known(one, 10.0 + KEPT_S - 1).providers == {"a", "b"}
    later = names.known(one, 10.0 + KEPT_S)
    assert (later.providers, later.routes, later.models) == ({"a"}, {"a/sora-2"}, {"film-a"})
    assert names.known(both, 20.0 + KEPT_S).providers == {"a", "b"}
