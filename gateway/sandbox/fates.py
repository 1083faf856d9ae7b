"""What shall become of a job: directives in the prompt, in a request's `fate`, or in the server's `--fate`.

    [mock:slow=30]                 in a prompt; several may stand there, `[mock:fast,break]` is two
    [mock@sora-2-pro:break]        only where the upstream model, or the name that the request gives itself, is this
    break:0.1 slow=30:0.25         as a default: with these probabilities, rolled once per job

Pure: a fate is a mapping from a directive's name to its argument. A prompt's directives win over the request's fate,
which wins over the server's. What a directive does stands in DIRECTIVES, and nowhere else is a list of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeAlias

Fate: TypeAlias = Mapping[str, str]

# The classes of refusal and breakage, each as this vendor says it: HTTP status, code, sentence.
CLASSES: Final[dict[str, tuple[int, str, str]]] = {
    "invalid": (400, "invalid_request", "this cannot be rendered"),
    "blocked": (400, "content_blocked", "the content check stopped this"),
    "unauthorised": (401, "wrong_key", "this key is not known here"),
    "no_credit": (402, "no_credit", "the account is empty"),
    "throttled": (429, "slow_down", "too many jobs at once"),
    "overloaded": (503, "overloaded", "no machine is free; nothing was made"),
    "not_found": (404, "not_found", "there is no such model here"),
    "internal": (500, "internal", "something broke"),
    "unreadable": (200, "unreadable", "an answer that is no JSON"),
}

_FLAG: Final = re.compile("")
_SECONDS: Final = re.compile(r"\d{1,5}(\.\d{1,3})?")
_COUNT: Final = re.compile(r"\d{1,3}")
_DOLLARS: Final = re.compile(r"\d{1,6}(\.\d{1,6})?")
_CLASS: Final = re.compile("|".join(CLASSES))


class Directive(NamedTuple):
    argument: re.Pattern[str]
    default: str | None  # None: an argument must be given
    does: str


DIRECTIVES: Final[dict[str, Directive]] = {
    "fast": Directive(_FLAG, "", "neither queue nor rendering time"),
    "time": Directive(_SECONDS, None, "rendering takes so many seconds"),
    "slow": Directive(_SECONDS, "60", "the same; a minute if no number is given"),
    "queue": Directive(_SECONDS, None, "so many seconds in the queue first"),
    "refuse": Directive(_CLASS, "invalid", "refused at once, nothing made; with a class of the taxonomy"),
    "block": Directive(re.compile("now|halfway"), "now", "stopped by the content check, at once or while rendering"),
    "break": Directive(_CLASS, "internal", "accepted, fails halfway; with a class of the taxonomy"),
    "throttle": Directive(_COUNT, "1", "the first so many sendings get 429 with Retry-After"),
    "lose-request": Directive(_COUNT, "1", "the first so many sendings: connection closed, nothing made"),
    "hang-before": Directive(_COUNT, "1", "the first so many sendings: no answer, nothing made"),
    "lose-reply": Directive(_FLAG, "", "job made, connection closed without an answer"),
    "hang": Directive(_FLAG, "", "job made, no answer ever"),
    "error-after": Directive(_FLAG, "", "job made, answered with 500"),
    "garble": Directive(_FLAG, "", "job made, answered with 200 and a page that is no JSON"),
    "key-used": Directive(_FLAG, "", "the same key again is answered with 409 and the job's id"),
    "flaky": Directive(_COUNT, "2", "the first so many polls get 503"),
    "forget": Directive(_FLAG, "", "from halfway on, polls say that there is no such job"),
    "silent-finish": Directive(_FLAG, "", "completed, but without a file"),
    "stale-link": Directive(_FLAG, "", "the first link is dead; the next poll gives a good one"),
    "cut": Directive(_COUNT, "1", "the first so many downloads end in the middle"),
    "truncate": Directive(_FLAG, "", "the file is only its first half"),
    "garbage": Directive(_FLAG, "", "the file is no video"),
    "wrong-size": Directive(_FLAG, "", "the clip has half the width and height"),
    "wrong-seconds": Directive(_FLAG, "", "the clip is one second too long"),
    "charge": Directive(_DOLLARS, None, "the vendor reports this charge in dollars, also for a failed job"),
}

# Directives that are another one with an argument.
_SAME_AS: Final[dict[tuple[str, str | None], dict[str, str]]] = {
    ("fast", ""): {"time": "0", "queue": "0"},
    ("block", "now"): {"refuse": "blocked"},
    ("block", "halfway"): {"break": "blocked"},
}

_IN_PROMPT: Final = re.compile(r"\[mock(?:@([\w.:/-]{1,100}))?:([^\[\]]{1,200})\]", re.ASCII)
_DEFAULT: Final = re.compile(r"([a-z-]+(?:=[\w.]+)?)(?::(0(?:\.\d{1,6})?|1(?:\.0+)?))?", re.ASCII)


class WrongDirective(Exception):
    """A directive that does not exist or has a senseless argument. The message names what would work."""


def in_prompt(prompt: str, names: tuple[str, ...]) -> Fate:
    """What the prompt orders for a route that goes by any of these names."""
    fate: dict[str, str] = {}
    for target, words in _IN_PROMPT.findall(prompt):
        if not target or target in names:
            for word in words.split(","):
                fate |= _read(word.strip())
    return fate


def without_directives(prompt: str) -> str:
    return " ".join(_IN_PROMPT.sub(" ", prompt).split())


def by_default(text: str, roll: Callable[[str], float]) -> Fate:
    """A default fate. `roll` gives a number below 1 for a word, the same whenever it is asked for the same job."""
    fate: dict[str, str] = {}
    for word in text.split():
        match = _DEFAULT.fullmatch(word)
        if match is None:
            raise WrongDirective(f"{word!r} is no directive with a probability, such as break=internal:0.1")
        directive, chance = match.groups()
        wanted = _read(directive)
        if roll(directive) < float(chance or 1):
            fate |= wanted
    return fate


def _read(word: str) -> dict[str, str]:
    name, _, argument = word.partition("=")
    directive = DIRECTIVES.get(name)
    if directive is None:
        raise WrongDirective(f"unknown directive {name!r}; there are: {', '.join(DIRECTIVES)}")
    value = argument or directive.default
    if value is None or not directive.argument.fullmatch(value):
        raise WrongDirective(f"{word!r}: this directive {directive.does}")
    if name == "slow":
        return {"time": value}
    return _SAME_AS.get((name, value), {name: value})


def manual() -> str:
    """The directives as lines of text, for `--help`."""
    return "\n".join(
        f"  {name + ('=' + (each.default or '…') if each.argument is not _FLAG else ''):<18} {each.does}"
        for name, each in DIRECTIVES.items()
    )
