"""What a query names: just enough of PromQL to hold queries against the metrics that there are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ruamel.yaml import YAML

from gateway.metrics.families import CATALOGUE
from tests.support.gateway import ROOT

RULES: Final = ROOT / "deploy" / "prometheus" / "rules.yml"
DASHBOARD: Final = ROOT / "deploy" / "grafana" / "telecine.json"
OF_TARGETS: Final = frozenset({"job", "instance"})
_NAME: Final = re.compile(r"\btelecine(?::[a-z0-9_:]+|_[a-z0-9_]+)")
_MATCHED: Final = re.compile(r"(\btelecine_[a-z0-9_]+)\{([^}]*)\}")
_LABEL: Final = re.compile(r"([a-z_]+)\s*(?:=~|!~|!=|=)")
_BY: Final = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")


def series() -> dict[str, frozenset[str]]:
    """Every name that a scrape can have, with its labels; those of recording rules too."""
    found: dict[str, frozenset[str]] = {}
    for one in CATALOGUE:
        labels = frozenset(one.labels)
        if one.kind == "histogram":
            found |= {f"{one.name}_{end}": labels for end in ("sum", "count")}
            found[f"{one.name}_bucket"] = labels | {"le"}
        else:
            found[one.name] = labels
    for rule in rules():
        if "record" in rule:
            by = _BY.search(rule["expr"])
            found[rule["record"]] = frozenset(_words(by[1])) - {"le"} if by else frozenset()
    return found


def wrong_in(query: str, known: Mapping[str, frozenset[str]]) -> list[str]:
    """Names of metrics and labels in it that there are not."""
    names = _NAME.findall(query)
    wrong = [f"{name} in {query}" for name in names if name not in known]
    for name, matchers in _MATCHED.findall(query):
        there = known.get(name, frozenset()) | OF_TARGETS
        wrong += [f"{name}{{{label}}} in {query}" for label in _LABEL.findall(matchers) if label not in there]
    there = frozenset().union(OF_TARGETS, *(known.get(name, frozenset()) for name in names))
    wrong += [f"by ({label}) in {query}" for part in _BY.findall(query) for label in _words(part) if label not in there]
    return wrong


def rules() -> Iterator[dict[str, Any]]:
    for group in YAML(typ="safe").load(RULES.read_text(encoding="utf-8"))["groups"]:
        yield from group["rules"]


def panels() -> Iterator[tuple[str, str]]:
    """Each query of the dashboard, with the title of its panel."""
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[,\s]+", text) if word]
