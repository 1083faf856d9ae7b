"""What every adapter can do, as tables for `docs/providers.md`, made from what the adapters declare.

    python -m gateway.cli.catalogue docs/providers.md      writes the tables anew, between the page's two marks

A test fails when the page and the adapters disagree. Adapters of other packages have no part in it.
"""

from __future__ import annotations

import ast
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, Final, TypeAlias

from msgspec import Struct

from gateway.domain.accounts import asks
from gateway.domain.money import format_dollars
from gateway.domain.pricing import cost_micros
from gateway.registry import adapter_class, known_kinds
from gateway.work.queueing import tells
from providers.contract import Abilities, Adapter, Verb

BEGIN: Final = "<!-- tables made from the code by `make docs` -->"
END: Final = "<!-- end of the tables -->"
EXAMPLE: Final = "example-provider"
_QUOTE: Final = re.compile(
    r"<!-- code: (?P<file>[\w.]+) ?(?P<name>\w*) -->\n```(?P<language>\w+)\n.*?^```", re.MULTILINE | re.DOTALL
)
YOURS: Final = "yours"
SAMPLE: Final[Mapping[str, Any]] = {"models": {YOURS: {"seconds": [4], "sizes": ["1280x720"]}}}
"""A model as an operator would describe it, for adapters that know none by themselves."""

CAN: Final = (
    "What can be asked for; *some* means: of some of its models. Where an adapter knows no models by itself, as of the "
    "other servers and resellers below, its settings describe them."
)
DOES: Final = "How it is spoken with, as far as its settings say nothing else."
KNOWN: Final = (
    "The models that the adapters know, how many characters their prompts may have, where a limit is known, and their "
    "list prices; others are described in the settings, and priced at the route."
)
KNOWN_HEAD: Final = ("adapter", "model", "seconds", "sizes", "prompt up to", "cheapest to dearest clip", "read on")

Ask: TypeAlias = Callable[[Abilities], bool]

MAKES: Final[Sequence[tuple[str, Ask]]] = (
    ("from words", lambda able: not able.needs_image),
    ("first frame", lambda able: able.image),
    ("last frame", lambda able: able.last_image),
    ("remix", lambda able: Verb.REMIX in able.verbs),
    ("edit", lambda able: Verb.EDIT in able.verbs),
    ("extend", lambda able: Verb.EXTEND in able.verbs),
    ("characters", lambda able: able.characters),
    ("sound", lambda able: able.audio is not False),
    ("seed", lambda able: able.seed),
    ("negative prompt", lambda able: able.negative_prompt),
    ("extras", lambda able: bool(able.extras)),
)
SPEAKS: Final[Sequence[tuple[str, Ask]]] = (
    ("cancel", lambda able: able.cancels),
    ("safe resend", lambda able: able.resend_safe_s is not None),
    ("find", lambda able: able.finds),
    ("proves absence", lambda able: able.finds and able.visible_after_s is not None),
    ("callback", lambda able: able.calls_back),
    ("failed jobs free", lambda able: able.failed_jobs_free),
    ("lost jobs free", lambda able: able.lost_jobs_free),
)


class Entry(Struct, frozen=True):
    """An adapter under one of its variants, with the abilities of its models, `yours` where it knows none."""

    name: str
    adapter: Any
    models: dict[str, Abilities]

    @property
    def known(self) -> bool:
        return YOURS not in self.models


def entries() -> Iterator[Entry]:
    """Every adapter of this repository, one for each variant."""
    for kind in known_kinds():
        made = adapter_class(kind)
        if made.__module__.startswith("providers."):
            for variant, settings in (made.variants or {"": {}}).items():
                yield _entry(f"`{kind}`" + (f" {variant}" if variant else ""), made, settings)


def _entry(name: str, made: type[Adapter[Any]], settings: Mapping[str, Any]) -> Entry:
    adapter = made(made.Settings.model_validate(settings), None)
    if not adapter.models():
        adapter = made(made.Settings.model_validate({**settings, **SAMPLE}), None)
    return Entry(name, adapter, {model: adapter.abilities(model) for model in adapter.models()})


def tables() -> str:
    """All three, deterministic."""
    every = list(entries())
    can = [[one.name, *(_share(one, ask) for _, ask in MAKES)] for one in every if one.known]
    does = [
        [one.name, *(_share(one, ask) for _, ask in SPEAKS), _yes(asks(one.adapter)), _yes(tells(one.adapter))]
        for one in every
    ]
    return "\n\n".join(
        (
            CAN,
            _table(("adapter", *(name for name, _ in MAKES)), can),
            DOES,
            _table(("adapter", *(name for name, _ in SPEAKS), "account", "queue"), does),
            KNOWN,
            _table(KNOWN_HEAD, _models(every)),
        )
    )


def page(text: str, examples: Path) -> str:
    """The page with its tables and its pieces of code made anew. ValueError if it has lost its marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page has no {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{_QUOTE.sub(partial(_quoted, examples), after)}"


def _quoted(examples: Path, mark: re.Match[str]) -> str:
    """`<!-- code: FILE NAME -->` and the block behind it, filled with what FILE defines as NAME, or with all of it."""
    text = (examples / mark["file"]).read_text(encoding="utf-8")
    code = textwrap.dedent(_defined(text, mark["name"])) if mark["name"] else text
    head, _, _ = mark[0].partition("\n")
    return f"{head}\n```{mark['language']}\n{code.strip()}\n```"


def _defined(text: str, name: str) -> str:
    """The lines of an assignment, a function or a method. ValueError if there is none."""
    for node in ast.walk(ast.parse(text)):
        names = [getattr(one, "id", "") for one in node.targets] if isinstance(node, ast.Assign) else []
        if name in (*names, getattr(node, "name", "")) and isinstance(node, ast.stmt):
            return "\n".join(text.splitlines()[node.lineno - 1 : node.end_lineno])
    raise ValueError(f"the example defines no {name}")


def _looks(one: Entry) -> tuple[bool, bool]:
    """Whether its account and its queue can be looked at."""
    return asks(one.adapter), tells(one.adapter)


def _share(entry: Entry, ask: Ask) -> str:
    said = [ask(able) for able in entry.models.values()]
    return "yes" if all(said) else "some" if any(said) else ""


def _yes(said: bool) -> str:
    return "yes" if said else ""


def _models(every: Iterable[Entry]) -> Iterator[list[str]]:
    for entry in every:
        for model, able in entry.models.items() if entry.known else ():
            most = str(able.prompt_max or "")
            yield [entry.name, f"`{model}`", _spans(able.seconds), _sizes(able), most, _prices(able), _dates(able)]


def _spans(seconds: Sequence[int]) -> str:
    """`2-10`, `4, 8, 12`."""
    runs = []
    for _, run in groupby(enumerate(sorted(seconds)), key=lambda pair: pair[1] - pair[0]):
        numbers = [number for _, number in run]
        runs += [f"{numbers[0]}-{numbers[-1]}"] if len(numbers) > 2 else [str(number) for number in numbers]
    return ", ".join(runs)


def _sizes(able: Abilities) -> str:
    least, *_, most = sorted([*able.sizes, *able.sizes], key=lambda size: size.width * size.height)
    return f"{len(able.sizes)}, up to {most}" if least != most else str(most)


def _prices(able: Abilities) -> str:
    """Of clips from words, over every line of the list."""
    found = [
        cost_micros(price, seconds, verb=Verb.CREATE, image=able.needs_image)
        for price in able.prices
        for seconds in price.seconds or able.seconds
    ]
    return f"{format_dollars(min(found))} to {format_dollars(max(found))}" if found else "at the route"


def _dates(able: Abilities) -> str:
    return max((price.as_of for price in able.prices), default="")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(page(file.read_text(encoding="utf-8"), file.parent / EXAMPLE), encoding="utf-8")
