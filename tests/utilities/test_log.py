"""The log: one JSON object per line, bounded, without secrets, and never a reason to fail."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.log import BATCHES_A_TURN, GATHER_S, WRITE_BYTES_MAX, Bridge, Journal, request_id, where


class Pipe:
    def __init__(self, flags: int = 0) -> None:
        self.reads, self.writes = os.pipe2(flags)
        os.set_blocking(self.reads, False)

    def text(self) -> str:
        try:
            return os.read(self.reads, 1_000_000).decode()
        except BlockingIOError:
            return ""

    def lines(self, count: int = 0) -> list[dict[str, Any]]:
        """Once there are so many. The event loop stands still meanwhile: only a thread that was woken can write."""
        text = self.text()
        until_s = time.monotonic() + 10
        while text.count("\n") < count and time.monotonic() < until_s:
            time.sleep(0.005)
            text += self.text()
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    os.close(made.reads)
    os.close(made.writes)


def test_an_event_is_one_line_of_json(pipe: Pipe) -> None:
    """With its time, its level and its facts."""
    Journal(pipe.writes).log("moved", video="video_1", version=3, seconds=0.5, again=False, why=None)
    (line,) = pipe.lines()
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info", "event": "moved", "video": "video_1", "version": 3, "seconds": 0.5, "again": False,
        "why": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("x" * 10_000, "x" * 300 + "…"),
        ("a\r\nb\x1b[2J", "a\r\nb\x1b[2J"),
        ("half \ud800", "half \\ud800"),
        (10**400, str(10**400)[:300]),
        (float("nan"), None),
        (["secret"], "list"),
        (b"secret", "bytes"),
        (ValueError("secret"), "ValueError"),
    ],
)
def test_a_value_is_short_and_flat(pipe: Pipe, value: Any, written: Any) -> None:
    """Whatever it is, it stays on its line, and what is no plain fact is only named."""
    Journal(pipe.writes).log("event", value=value)
    (line,) = pipe.lines()
    assert line["value"] == written


@pytest.mark.parametrize("name", ["prompt", "negative_prompt", "key", "api_key", "authorization", "url"])
def test_a_field_that_could_only_be_a_secret_is_refused(pipe: Pipe, name: str) -> None:
    """A mistake of ours that no deployment shall find."""
    with pytest.raises(AssertionError):
        Journal(pipe.writes).log("event", **{name: "x"})


async def test_lines_are_gathered_and_an_error_takes_them_along(pipe: Pipe) -> None:
    """A line waits a moment for others; trouble does not wait."""
    journal = Journal(pipe.writes)
    journal.log("one")
    assert pipe.text() == ""
    journal.log("two", level="error")
    assert [line["event"] for line in pipe.lines(2)] == ["one", "two"]
    journal.log("three")
    await asyncio.sleep(2 * GATHER_S)
    assert [line["event"] for line in pipe.lines(1)] == ["three"]


async def test_a_write_is_no_longer_than_a_pipe_keeps_whole() -> None:
    """So that lines of several workers never mix."""
    pipe = Pipe(os.O_DIRECT)  # a read takes what one write gave
    journal = Journal(pipe.writes)
    for number in range(100):
        journal.log("event", number=number, text="x" * 100)
    journal.flush()
    pieces = []
    while piece := pipe.text():
        pieces.append(piece)
    assert max(map(len, pieces)) <= WRITE_BYTES_MAX and all(piece.endswith("\n") for piece in pieces)
    assert [json.loads(line)["number"] for line in "".join(pieces).splitlines()] == list(range(100))


async def test_a_crowd_of_lines_wakes_the_writer_for_many_at_once(pipe: Pipe) -> None:
    """What is gathered leaves together, in order: waking a thread for each write would cost requests their time."""
    journal = Journal(pipe.writes)
    for number in range(100):
        journal.log("moved", number=number, text="x" * 100)
    time.sleep(0.05)  # the loop stands still here, too
    assert pipe.text() == ""
    await asyncio.sleep(2 * GATHER_S)
    assert [line["number"] for line in pipe.lines(100)] == list(range(100))
    for number in range(2 * BATCHES_A_TURN * WRITE_BYTES_MAX // 200):
        journal.log("moved", number=number, text="x" * 100)
    assert pipe.lines(1)
    journal.flush()


async def test_a_stuck_stderr_holds_up_nobody() -> None:
    """The pipe is full and nobody reads: lines are dropped and counted, the loop goes on."""
    stuck = Pipe()
    journal = Journal(stuck.writes)
    began = time.monotonic()
    for _ in range(20_000):
        journal.log("event", text="x" * 250)
    assert time.monotonic() - began < 5
    assert journal.dropped > 10_000
    # The thread may hang in its write for as long as the pipe is open; so let it go on and end.
    drained = 0
    while not drained or stuck.text():
        drained += 1
        await asyncio.sleep(0.05)


async def test_what_a_stuck_stderr_cost_is_told_to_the_line() -> None:
    """Also what was dropped while a write hung that knew of no loss yet."""
    stuck, logged, heard = Pipe(), 20_000, list[dict[str, Any]]()
    journal = Journal(stuck.writes)
    for number in range(logged):
        journal.log("event", number=number, text="x" * 250)
        if number % 500 == 0:
            await asyncio.sleep(0.001)
    await asyncio.sleep(0.2)
    assert journal.dropped > 10_000
    rest = ""
    for _ in range(200):
        journal.log("event", level="error", number=logged)
        logged += 1
        await asyncio.sleep(0.02)
        *lines, rest = (rest + stuck.text()).split("\n")
        heard += [json.loads(line) for line in lines]
        if heard and heard[-1].get("number") == logged - 1:
            break
    told = sum(one["lines"] for one in heard if one["event"] == "log_dropped")
    assert told > 10_000 and told + sum(one["event"] == "event" for one in heard) == logged


async def test_every_line_of_a_request_has_its_id(pipe: Pipe) -> None:
    """Tasks do not mix them up."""
    journal = Journal(pipe.writes)

    async def serve(name: str) -> None:
        request_id.set(name)
        await asyncio.sleep(0.01)
        journal.log("served", name=name)

    await asyncio.gather(*(serve(f"req_{number}") for number in range(20)))
    journal.flush()
    lines = pipe.lines()
    assert len(lines) == 20 and all(line["request"] == line["name"] for line in lines)


def test_what_cannot_be_written_is_counted_and_told_later(pipe: Pipe) -> None:
    """A full or closed stderr never stops the gateway."""
    os.set_blocking(pipe.writes, False)
    journal = Journal(pipe.writes)
    for _ in range(1_000):
        journal.log("event", text="x" * 200)
    assert journal.dropped > 0
    assert all(json.loads(line) for line in pipe.text().splitlines()[:-1])
    journal.log("after")
    dropped, after = pipe.lines()
    assert dropped["event"] == "log_dropped" and dropped["lines"] > 100 and after["event"] == "after"


def test_libraries_speak_through_the_journal(pipe: Pipe) -> None:
    """Warnings and errors, the first line of them, and where an exception came from instead of its trace."""
    logger = logging.Logger("library")
    logger.addHandler(Bridge(Journal(pipe.writes)))
    logger.info("not told")
    logger.warning("took %d s\nsecond line", 5)
    logger.warning("took %d s", "wrong")
    try:
        raise KeyError("secret")
    except KeyError:
        logger.exception("failed")
    first, second, third = pipe.lines()
    assert (first["level"], first["message"], first["logger"]) == ("warning", "took 5 s", "library")
    assert second["message"] == "took %d s"
    assert third["level"] == "error" and third["error"] == "KeyError" and third["at"].startswith("test_log.py:")
    assert "secret" not in json.dumps(third)


def test_an_exception_gives_nothing_away() -> None:
    """Its class, its place and the class of its cause."""
    try:
        try:
            raise ValueError("a prompt")
        except ValueError as error:
            raise RuntimeError("another prompt") from error
    except RuntimeError as error:
        facts = where(error)
    assert (facts["error"], facts["cause"]) == ("RuntimeError", "ValueError")
    assert "prompt" not in str(facts)
