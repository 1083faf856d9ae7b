"""A configuration is taken whole or refused whole, and a refusal says where and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.load import ConfigFile, load_config, parse_config
from gateway.config.problems import ConfigError
from gateway.domain.routing import Doubt

SMALL = """\
providers:
  house:
    adapter: some-kind
models:
  sora-2:
    routes: [house/engine]
"""


def parse(text: str, **environ: str) -> ConfigFile:
    return parse_config("config.yaml", text.encode(), environ)


def complaints(text: str, **environ: str) -> list[str]:
    """The lines of the refusal."""
    with pytest.raises(ConfigError) as caught:
        parse(text, **environ)
    return str(caught.value).splitlines()


def test_a_small_file_has_every_default() -> None:
    """Three lines of provider and model are a whole configuration."""
    config = parse(SMALL).config
    assert config.gateway.name == "telecine"
    assert (config.gateway.deadline_s, config.gateway.lease_s, config.gateway.send_by_s) == (3_600, 20, 5)
    assert (config.gateway.asset_life_s, config.gateway.stop_grace_s) == (86_400, 30)
    assert config.store.url is None
    assert config.models["sora-2"].routes[0].route == "house/engine"
    assert config.models["sora-2"].blocked == "stop"
    assert config.providers["house"].doubt is None


def test_a_route_can_be_a_word_or_a_block() -> None:
    """Both forms of a route mean the same; the block adds prices in exact micro-dollars and a policy."""
    text = SMALL.replace(
        "[house/engine]",
        """
      - house/engine
      - route: house/vendor/family/engine-2
        doubt: failover
        prices:
          - {per_second: "0.10", sizes: [1280x720], as_of: 2026-03-01, source: a page}
          - {per_second: 0.3, per_clip: 1, as_of: "2026-03-01", source: a page}""",
    )
    routes = parse(text).config.models["sora-2"].routes
    assert [route.route for route in routes] == ["house/engine", "house/vendor/family/engine-2"]
    prices = routes[1].prices
    assert prices is not None
    assert [(price.per_second, price.per_clip) for price in prices] == [(100_000, None), (300_000, 1_000_000)]
    assert routes[1].doubt is Doubt.FAILOVER


def test_every_mistake_is_named_with_its_line() -> None:
    """All problems at once, in the order of the file, each with line, key and reason."""
    text = """\
gateway:
  lease_s: 20
  deadline: 60
providers:
  house:
    adapter: some-kind
    submit_timeout_s: true
models:
  sora-2:
    routes: []
  sora-2-pro:
    blocked: maybe
"""
    assert complaints(text) == [
        'config.yaml:3: gateway.deadline: unknown key; did you mean "deadline_s"?',
        "config.yaml:7: providers.house.submit_timeout_s: write a number",
        "config.yaml:10: models.sora-2.routes: must not be empty",
        "config.yaml:11: models.sora-2-pro.routes: is required",
        "config.yaml:12: models.sora-2-pro.blocked: should be 'stop' or 'next'",
    ]


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (
            "house/engine",
            "haus/engine",
            '6: models.sora-2.routes[0]: no provider is called "haus"; did you mean "house"?',
        ),
        ("house/engine", "house/a, house/a", "6: models.sora-2.routes[1]: the model names this route twice"),
        ("house/engine", "engine", "6: models.sora-2.routes[0].route: write a route as provider/upstream-model"),
        (
            "[house/engine]",
            "[house/engine]\n    aliases: [a, a]",
            '7: models.sora-2.aliases[1]: "a" is already a name of',
        ),
        ("some-kind", "some-kind\n    poll_timeout_s: 20", "4: providers.house.poll_timeout_s: must be shorter than"),
        (
            "some-kind",
            "some-kind\n    poll_min_s: 16",
            "4: providers.house.poll_min_s: must not be longer than poll_max_s",
        ),
        ("some-kind", "some-kind\n    base_url: ftp://x", "4: providers.house.base_url: write a URL such as"),
        ("some-kind", "some-kind\n    base_url: https://u:p@x", "4: providers.house.base_url: write a URL such as"),
        (
            "providers:",
            "retention: {videos: 401d}\nproviders:",
            "1: retention.ledger: must not be shorter than retention.videos",
        ),
        (
            "providers:",
            "retention: {videos: forever}\nproviders:",
            "1: retention.ledger: must not be shorter than retention.videos",
        ),
        ("providers:", "retention: {ledger: 90}\nproviders:", "1: retention.ledger: write a time such as 90d, 36h"),
        ("providers:", "retention: {ledger: 0d}\nproviders:", "1: retention.ledger: write a time such as 90d, 36h"),
        ("providers:", "retention: {ledger: 36501d}\nproviders:", "1: retention.ledger: write a time such as 90d"),
        ("providers:", "gateway: {send_by_s: 20}\nproviders:", "1: gateway.send_by_s: must be shorter than"),
        ("providers:", "gateway: {name: 'a{b}'}\nproviders:", "1: gateway.name: write a name in small letters"),
        ("sora-2:", "'sora 2':", '5: models."sora 2": write a model'),
        ("sora-2:", '"sora\\u202e-2\\e[2J":', '5: models."sora?-2?[2J": write a model'),
        ("[house/engine]", "[house/engine]\n    aliases: abc", "7: models.sora-2.aliases: should be a list"),
    ],
)
def test_rules_between_values(old: str, new: str, complaint: str) -> None:
    """What fits its own key but not its neighbours is refused as well."""
    assert any(line.startswith(f"config.yaml:{complaint}") for line in complaints(SMALL.replace(old, new)))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "config.yaml: the file is empty"),
        ("- 1\n", "config.yaml:1: the file is not a mapping"),
        ("a: b: c\n", "config.yaml:1: not valid YAML: mapping values are not allowed here"),
        ("a: 1\n\ta: 2\n", "config.yaml:2: not valid YAML"),
        ("a: \x01\n", "config.yaml: not valid YAML"),
        ("a: 1\n---\nb: 1\n", "config.yaml:2: not valid YAML"),
        ("a: !!python/object:os.system x\n", "config.yaml:1: a: the YAML tag"),
        ("a: {<<: {b: 1}}\n", "config.yaml:1: a: merge keys (`<<`) are not supported"),
        ("? [a]\n: 1\n", "config.yaml:1: a key must be plain text"),
        ("a: 1\nb: https://<hidden>.example\n", "config.yaml:2: b: <hidden> stands for a secret that was not shown"),
        ("a: 1\nb: 2\na: 3\n", "config.yaml:3: a: the key stands here twice; the first is on line 1"),
        ("a: " + "[" * 1_000, "config.yaml: nested deeper"),
        ("a: " + "[" * 40 + "]" * 40, "config.yaml:1: a[0]: nested deeper"),
        ("a: &a [*a]\n", "config.yaml:1: a[0]: nested deeper"),
        ("#" * 300_000, "config.yaml: the file is larger than 256 KiB"),
    ],
)
def test_what_is_not_bounded_yaml_is_refused(text: str, complaint: str) -> None:
    """Broken, hostile or huge files end in one sentence, quickly."""
    assert complaints(text)[0].startswith(complaint)


def test_a_bomb_of_aliases_is_refused() -> None:
    """Nine lines that expand to a billion values cost no more than the bound."""
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert "counting what aliases repeat" in complaints("\n".join(lines))[0]


def test_text_that_is_not_utf8_is_refused() -> None:
    """With the line of the first bad byte."""
    with pytest.raises(ConfigError, match=r"config\.yaml:2: the file is not UTF-8"):
        parse_config("config.yaml", b"a: 1\nb: \xff\n", {})


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    """The operating system's reason, without a traceback."""
    with pytest.raises(ConfigError, match=r"absent\.yaml: cannot be read: No such file"):
        load_config(tmp_path / "absent.yaml", {})


# --- the environment ---------------------------------------------------------------------------------------------


def keyed(value: str, **environ: str) -> str | None:
    secret = parse(SMALL.replace("some-kind", f"some-kind\n    api_key: {value}"), **environ).config.providers["house"]
    return secret.api_key.get_secret_value() if secret.api_key else None


def test_variables_are_filled_in() -> None:
    """`${NAME}`, a default, both inside a longer text, and `$$` for a dollar."""
    assert keyed("${KEY}", KEY="s3cret") == "s3cret"
    assert keyed("${KEY:-other}") == "other"
    assert keyed("a-${KEY}-${MORE:-c}", KEY="b") == "a-b-c"
    assert keyed("pa$$${KEY}$x", KEY="b") == "pa$b$x"
    assert keyed("${KEY:-}") is None


@pytest.mark.parametrize("environ", [{}, {"KEY": ""}])
def test_a_missing_variable_is_named(environ: dict[str, str]) -> None:
    """Unset and empty are the same: refused with the variable's name."""
    text = SMALL.replace("some-kind", "some-kind\n    api_key: ${KEY}")
    assert complaints(text, **environ) == [
        "config.yaml:4: providers.house.api_key: the environment variable KEY is not set"
    ]


def test_a_number_may_come_from_the_environment() -> None:
    """Where a number is due, the variable's text is read as one."""
    assert parse("gateway: {deadline_s: '${D}'}\n" + SMALL, D="60").config.gateway.deadline_s == 60


def test_what_only_looks_like_a_variable_is_refused() -> None:
    """A slip in the braces is an error, not a literal key that a vendor would refuse later."""
    text = SMALL.replace("some-kind", "some-kind\n    api_key: ${KEY")
    assert "begins no variable" in complaints(text)[0]


def test_no_secret_is_shown() -> None:
    """Neither in the repr of a configuration nor in any refusal."""
    text = SMALL.replace("some-kind", "some-kind\n    api_key: ${KEY}") + "store: {url: '${URL}'}\n"
    good = parse(text, KEY="canary-1", URL="redis://:canary-2@db:6379/0")
    assert "canary" not in repr(good.config)
    bad = complaints(text.replace("api_key: ${KEY}", "base_url: ${KEY}"), KEY="canary-1", URL="http://canary-2")
    assert "canary" not in "".join(bad)


def test_the_version_follows_the_file() -> None:
    """The same bytes are the same version; a rotated secret is not a new one."""
    text = SMALL.replace("some-kind", "some-kind\n    api_key: ${KEY}")
    assert parse(text, KEY="a").version == parse(text, KEY="b").version != parse(text + "\n", KEY="a").version


@pytest.mark.parametrize("key", ['"s3cr3t\\npw"', '"s3cr3t\u00fc"', '"s3cr3t "', '"s3cr3t\\u0000"'])
def test_a_key_that_no_header_carries_is_refused_unseen(key: str) -> None:
    """A newline from the end of a file, an accent, a space: told by its place only."""
    head = "providers:\n  house:\n    adapter: some-kind\n    api_key: "
    (complaint,) = complaints(head + key + "\nmodels:\n  m: {routes: [house/e]}\n")
    assert complaint.startswith("config.yaml:4: providers.house.api_key: must be printable ASCII")
    assert "s3cr3t" not in complaint


def test_one_mistake_is_told_once() -> None:
    """A route that is refused does not make its list an empty one."""
    text = "providers:\n  house: {adapter: some-kind}\nmodels:\n  m:\n    routes: [engine]\n"
    assert complaints(text) == ["config.yaml:5: models.m.routes[0].route: write a route as provider/upstream-model"]
