"""One JSON object per line on stderr: what happened, when, and in which request.

Never a prompt, a key, a vendor's URL or a traceback: values are short and flat, and names that could only carry such
are refused. Lines are gathered for a moment and written together, at most one pipe's atomic write at a time, so that
several workers may share one stderr; a warning or an error leaves at once, with everything before it. Where an event
loop runs, a thread does the writing: a full pipe or a busy disk must not hold up requests.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import time
from collections import deque
from contextvars import ContextVar
from threading import Event, Lock, Thread
from typing import Final, TypeAlias

import msgspec

Value: TypeAlias = "str | int | float | bool | None"

STDERR: Final = 2
GATHER_S: Final = 0.1
WRITE_BYTES_MAX: Final = 4_096  # a pipe keeps a write of this length in one piece
BATCHES_A_TURN: Final = 16  # in a crowd of lines: waking a thread costs the loop more than gathering does
BATCHES_MAX: Final = 256  # a megabyte; then stderr is stuck, and lines are counted instead
VALUE_CHARS_MAX: Final = 300
FIELDS_MAX: Final = 24
PROMPT_CHARS_MAX: Final = 600  # all of them escaped still fit into one write
INT_MAX: Final = 2**63 - 1
LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}
FORBIDDEN: Final = frozenset(
    {"prompt", "negative_prompt", "extras", "key", "api_key", "secret", "authorization", "url", "body"}
)

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The request that the running task serves; every line of it carries the id."""


class Journal:
    """Gathers lines and writes them to a file descriptor. Logging never fails and never raises: what cannot be written
    is dropped and counted, and the next write that succeeds says how many lines are missing."""

    def __init__(self, descriptor: int, *, threshold: str = "info") -> None:
        self.dropped = 0
        self._descriptor = descriptor
        self._threshold = LEVELS[threshold]
        self._lock = Lock()  # of what is gathered
        self._lines: list[bytes] = []
        self._size = 0
        self._timer_of: asyncio.AbstractEventLoop | None = None
        self._writing = Lock()  # of the descriptor: batches leave in their order
        self._batches: deque[tuple[bytes, int]] = deque()
        self._waiting = Event()
        self._writer_of: int | None = None  # the process whose thread writes; a fork has none
        self._second = -1
        self._second_text = ""

    def set_threshold(self, level: str) -> None:
        self._threshold = LEVELS[level]

    def log(self, event: str, level: str = "info", **fields: Value) -> None:
        """Note an event. The fields are facts in a few words; see FORBIDDEN for what they never are."""
        assert not FORBIDDEN.intersection(fields), event
        rank = LEVELS[level]
        if rank < self._threshold:
            return
        record: dict[str, Value] = {"time": self._now(), "level": level, "event": event}
        if (request := request_id.get()) is not None:
            record["request"] = request
        for name, value in list(fields.items())[:FIELDS_MAX]:
            record[name] = value if value is None or value is True or value is False else _flat(value)
        self._add(_line(record), at_once=rank > LEVELS["info"])

    def log_prompt(self, video: str, prompt: str) -> None:
        """What a client wrote, as far as it fits into a line. Only where the configuration says so: `log.prompts`."""
        said: dict[str, Value] = {"time": self._now(), "level": "info", "event": "prompt", "video": video}
        if LEVELS["info"] >= self._threshold:
            self._add(_line({**said, "prompt": prompt[:PROMPT_CHARS_MAX], "chars": len(prompt)}), at_once=False)

    def flush(self) -> None:
        """Returns when everything is written, or cannot be."""
        with self._lock:
            self._batch()
        while self._write_one():
            pass

    def _add(self, line: bytes, *, at_once: bool) -> None:
        loop = _running_loop()
        gathers, crowded = loop is not None and not at_once, False
        with self._lock:
            if self._size + len(line) > WRITE_BYTES_MAX:
                self._batch()
                crowded = len(self._batches) >= BATCHES_A_TURN
            self._lines.append(line)
            self._size += len(line)
            if loop is not None and gathers and self._timer_of is not loop:
                loop.call_later(GATHER_S, self._leave, loop)
                self._timer_of = loop
        if not gathers:
            self._leave(loop)
        elif crowded:
            self._wake()

    def _leave(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """What is gathered goes to the thread, or out at once where no loop would have to wait for it."""
        if loop is None:
            self.flush()
            return
        with self._lock:
            self._timer_of = None
            self._batch()
        self._wake()

    def _wake(self) -> None:
        if self._writer_of != os.getpid():
            self._writer_of = os.getpid()
            Thread(target=self._write_always, name="log", daemon=True).start()
        self._waiting.set()

    def _batch(self) -> None:
        """Lines become one write; under the lock."""
        lines, self._lines, self._size = self._lines, [], 0
        if lines and len(self._batches) < BATCHES_MAX:
            self._batches.append((b"".join(lines), len(lines)))
        else:
            self.dropped += len(lines)

    def _write_always(self) -> None:
        while True:
            self._waiting.wait()
            self._waiting.clear()
            while self._write_one():
                pass

    def _write_one(self) -> bool:
        with self._writing:
            with self._lock:
                if not self._batches:
                    return False
                data, count = self._batches.popleft()
                told = self.dropped
            if told:
                missing: dict[str, Value] = {"event": "log_dropped", "lines": told}
                data = _line({"time": self._now(), "level": "warning", **missing}) + data
            try:
                while data:
                    data = data[os.write(self._descriptor, data) :]
            except OSError:
                told = -count
            with self._lock:
                self.dropped -= told  # what was dropped while this was written is the next one's to tell
            return True

    def _now(self) -> str:
        second, millis = divmod(time.time_ns() // 1_000_000, 1_000)
        if second != self._second:
            self._second_text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second = second
        return f"{self._second_text}.{millis:03d}Z"


class Bridge(logging.Handler):
    """What libraries say through the standard logging, as lines of ours: first line only, and where, never a trace."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(logging.WARNING)
        self._journal = journal

    def emit(self, record: logging.LogRecord) -> None:
        message = str(record.msg) if record.args is None else _formatted(record)
        level = "error" if record.levelno >= logging.ERROR else "warning"
        exception = record.exc_info[1] if record.exc_info else None
        trouble = {} if exception is None else where(exception)
        first, _, _ = message.partition("\n")
        self._journal.log("library", level, logger=record.name, message=first, **trouble)


def where(error: BaseException) -> dict[str, Value]:
    """An exception as facts that give nothing away: its class, and the innermost place it came from."""
    place, trace = "", error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        place = f"{os.path.basename(code.co_filename)}:{trace.tb_lineno} {code.co_name}"  # noqa: PTH119 - text only
        trace = trace.tb_next
    cause = error.__cause__ or error.__context__
    return {"error": type(error).__name__, "at": place, "cause": type(cause).__name__ if cause else None}


def _formatted(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return str(record.msg)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _flat(value: object) -> Value:
    if isinstance(value, str):
        return value if len(value) <= VALUE_CHARS_MAX else value[:VALUE_CHARS_MAX] + "…"
    if isinstance(value, int):
        return value if -INT_MAX <= value <= INT_MAX else str(value)[:VALUE_CHARS_MAX]
    return value if isinstance(value, float) else type(value).__name__


_encode = msgspec.json.Encoder().encode


def _line(record: dict[str, Value]) -> bytes:
    try:
        return _encode(record) + b"\n"
    except UnicodeEncodeError:
        clean = {
            name: value.encode("ascii", "backslashreplace").decode() if isinstance(value, str) else value
            for name, value in record.items()
        }
        return _encode(clean) + b"\n"


journal = Journal(STDERR)
log = journal.log
log_prompt = journal.log_prompt
atexit.register(journal.flush)


def take_over_libraries() -> None:
    """From now on the standard logging speaks through the journal, warnings and errors only."""
    root = logging.getLogger()
    root.handlers[:] = [Bridge(journal)]
    root.setLevel(logging.WARNING)
