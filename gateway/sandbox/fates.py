"""What shall become of a job: directives in the prompt, in a request's `fate`, or in the server's `--fate`.

    [mock:slow=30]                 in a prompt; several may stand there, `[mock:fast,break]` is two
    [mock@sora-2-pro:break]        only where the upstream model, or the name that the request gives itself, is this
    break:0.1 slow=30:0.25         as a default: with these probabilities, rolled once per job

Pure: a fate is a mapping from a directive's name to its argument. A prompt's directives win over the request's fate,
which wins over the server's. What a directive does stands in DIRECTIVES, and nowhere else is a list of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
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


class Argument(NamedTuple):
    """What may stand behind a directive's `=`."""

    shape: re.Pattern[str]
    shown: str  # how the manual writes it
    means: str = ""  # a line of the manual about it


_FLAG: Final = Argument(re.compile(""), "")
_SECONDS: Final = Argument(re.compile(r"\d{1,5}(\.\d{1,3})?"), "SECONDS", "0 to 99999.999")
_COUNT: Final = Argument(re.compile(r"\d{1,3}"), "COUNT", "0 to 999")
_DOLLARS: Final = Argument(re.compile(r"\d{1,6}(\.\d{1,6})?"), "DOLLARS", "0 to 999999.999999")
_CLASS: Final = Argument(re.compile("|".join(CLASSES)), "CLASS", ", ".join(CLASSES))
_MOMENT: Final = Argument(re.compile("now|halfway"), "now|halfway")


class Directive(NamedTuple):
    argument: Argument
    default: str | None  # None: an argument must be given
    does: str


DIRECTIVES: Final[dict[str, Directive]] = {
    "fast": Directive(_FLAG, "", "neither queue nor rendering time"),
    "time": Directive(_SECONDS, None, "rendering takes so many seconds"),
    "slow": Directive(_SECONDS, "60", "rendering takes so many seconds"),
    "queue": Directive(_SECONDS, None, "so many seconds in the queue first"),
    "refuse": Directive(_CLASS, "invalid", "refused at once, nothing made"),
    "block": Directive(_MOMENT, "now", "stopped by the content check, at once or halfway through rendering"),
    "break": Directive(_CLASS, "internal", "accepted, fails halfway"),
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
# What can happen to a character: it is made, or not, by one request that answers at once.
FOR_CHARACTERS: Final = frozenset(
    {"fast", "time", "slow", "queue", "refuse", "block", "throttle", "lose-request", "hang-before"}
    | {"lose-reply", "hang", "error-after", "garble"}
)
_WORD: Final = re.compile(r"[a-z-]{0,30}(=[a-z0-9._-]{0,30})?", re.ASCII)

# Directives that are another one with an argument.
_SAME_AS: Final[dict[tuple[str, str | None], dict[str, str]]] = {
    ("fast", ""): {"time": "0", "queue": "0"},
    ("block", "now"): {"refuse": "blocked"},
    ("block", "halfway"): {"break": "blocked"},
}

_IN_PROMPT: Final = re.compile(r"\[mock(?:@([\w.:/-]{1,100}))?:([^\[\]]{1,200})\]", re.ASCII)
_DEFAULT: Final = re.compile(r"([a-z-]+(?:=[\w.]+)?)(?::(0(?:\.\d{1,6})?|1(?:\.0+)?))?", re.ASCII)


class WrongDirective(Exception):
    """A directive that does not exist or has a senseless argument. The message names what would work, for whoever wrote
    the prompt; `logged` says the same without a word of it."""

    def __init__(self, message: str, logged: str) -> None:
        super().__init__(message)
        self.logged = logged


def in_prompt(prompt: str, names: tuple[str, ...]) -> Fate:
    """What the prompt orders for a route that goes by any of these names."""
    fate: dict[str, str] = {}
    for word in _aimed(prompt, names):
        fate |= _read(word)
    return fate


def in_name(name: str, names: tuple[str, ...]) -> Fate:
    """What a character's name orders. A directive that could do nothing to a character is a wrong one."""
    fate: dict[str, str] = {}
    for word in _aimed(name, names):
        read = _read(word)
        directive = word.partition("=")[0]
        if directive not in FOR_CHARACTERS or "break" in read:
            nothing = f"does nothing to a character; there are: {', '.join(sorted(FOR_CHARACTERS))}"
            raise WrongDirective(f"{word!r} {nothing}", f"this {directive!r} {nothing}")
        fate |= read
    return fate


def _aimed(text: str, names: tuple[str, ...]) -> Iterator[str]:
    for target, words in _IN_PROMPT.findall(text):
        if not target or target in names:
            yield from map(str.strip, words.split(","))


def without_directives(prompt: str) -> str:
    return " ".join(_IN_PROMPT.sub(" ", prompt).split())


def by_default(text: str, roll: Callable[[str], float]) -> Fate:
    """A default fate. `roll` gives a number below 1 for a word, the same whenever it is asked for the same job."""
    fate: dict[str, str] = {}
    for word in text.split():
        match = _DEFAULT.fullmatch(word)
        if match is None:
            message = f"{word!r} is no directive with a probability of 0 to 1, such as break=internal:0.1"
            raise WrongDirective(message, message)  # a setting's word, not a prompt's
        directive, chance = match.groups()
        wanted = _read(directive)
        if roll(directive) < float(chance or 1):
            fate |= wanted
    return fate


def _read(word: str) -> dict[str, str]:
    name, _, argument = word.partition("=")
    directive = DIRECTIVES.get(name)
    if directive is None:
        known = f"there are: {', '.join(DIRECTIVES)}"
        raise WrongDirective(f"unknown directive {_quoted(word, 'of another form')}; {known}", f"unknown; {known}")
    value = argument or directive.default
    if value is None or not directive.argument.shape.fullmatch(value):
        right = f"is not {usage(name)}: {directive.does}{_meaning(directive.argument)}"
        raise WrongDirective(f"{_quoted(word, f'this {name!r}')} {right}", f"this {name!r} {right}")
    if name == "slow":
        return {"time": value}
    return _SAME_AS.get((name, value), {name: value})


def _quoted(word: str, otherwise: str) -> str:
    """The word if it has the form of a directive. Anything else may be a piece of a prompt, which nobody repeats."""
    return repr(word) if _WORD.fullmatch(word) else otherwise


def _meaning(argument: Argument) -> str:
    return f" ({argument.shown} is {argument.means})" if argument.means else ""


def usage(name: str) -> str:
    """`slow[=SECONDS]`: what may be written."""
    directive = DIRECTIVES[name]
    if not directive.argument.shown:
        return name
    return f"{name}={directive.argument.shown}" if directive.default is None else f"{name}[={directive.argument.shown}]"


def manual() -> str:
    """The directives as lines of text, for `--help`."""
    lines = [f"  {usage(name):<22} {each.does}{_unless_said(each)}" for name, each in DIRECTIVES.items()]
    arguments = (_SECONDS, _COUNT, _DOLLARS, _CLASS)
    return "\n".join([*lines, "", *(f"  {each.shown:<22} {each.means}" for each in arguments)])


def _unless_said(directive: Directive) -> str:
    return f" [default: {directive.default}]" if directive.default else ""
