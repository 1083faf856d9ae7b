"""The simulated vendor's desk: the jobs it made, their life by the clock, and the objects it says about them.

No HTTP here. Time is an argument: `now` in seconds of one monotonic clock, `wall_s` in Unix seconds for what is said.
"""

from __future__ import annotations

import secrets
from typing import Any, Literal

import msgspec
from msgspec import Struct

from tests.support.vendor_contract import SORA, Offer, Order, Refusal, check_offer
from tests.support.vendor_faults import Fault

JOBS_MAX = 500_000
FAILING = ("fail", "complete_with_error")


class Options(Struct, kw_only=True, forbid_unknown_fields=True):
    """How the vendor is today. `keys`: what it makes of an Idempotency-Key; OpenAI ignores it."""

    api_key: str = "sk-vendor"
    key_header: str = "Authorization"
    queue_s: float = 0.05
    render_s: float = 0.25  # queueing included
    asset_life_s: int = 3_600
    keys: Literal["ignored", "replay", "refuse"] = "ignored"
    lists: bool = True
    list_lag_s: float = 0.0
    echoes_prompt: bool = True
    uploads: bool = False
    extras: tuple[str, ...] = ()
    models: dict[str, Offer] = msgspec.field(default_factory=lambda: dict(SORA))
    poll_after_ms: int | None = 1_000
    clips: str | None = None  # folder of `<W>x<H>_<s>.mp4`
    cancels: bool = False  # DELETE stops a running job, as some servers that copied the contract do
    fast: bool = False  # remembers no requests


class Job(Struct, kw_only=True):
    id: str
    order: Order
    model: str
    seconds: str
    size: str
    source: str | None
    made: float
    made_wall_s: int
    key: str | None
    fate: Fault | None
    extended: int = 0
    polls: int = 0
    downloads: int = 0


class Desk:
    def __init__(self, options: Options) -> None:
        self.options = options
        self.jobs: dict[str, Job] = {}
        self.forgotten: dict[str, Job] = {}
        self.characters: dict[str, dict[str, Any]] = {}
        self.counts: dict[str, int] = {}
        self.newest = ""  # id of the job made last

    def count(self, name: str) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1

    # --- making --------------------------------------------------------------------------------------------------

    def make(self, order: Order, *, key: str | None, fate: Fault | None, now: float, wall_s: int) -> Job:
        model, seconds, size, extended = self._shape(order, now)
        if len(self.jobs) >= JOBS_MAX:
            raise Refusal(503, "Overloaded.", "server_is_overloaded", kind="service_unavailable_error")
        job = Job(
            id="video_" + secrets.token_hex(24),
            order=order,
            model=model,
            seconds=seconds,
            size=size,
            source=order.source,
            made=now,
            made_wall_s=wall_s,
            key=key,
            fate=fate,
            extended=extended,
        )
        shelf = self.forgotten if fate is not None and fate.do == "forget" else self.jobs
        shelf[job.id] = job
        self.newest = job.id
        self.count("renders")
        return job

    def _shape(self, order: Order, now: float) -> tuple[str, str, str, int]:
        """(model, seconds, size, extensions so far) of the clip to come."""
        if order.upload is not None:
            seconds, size = _measure(order.upload.data)
            total = seconds + (int(order.seconds or 0))
            return order.model or "", str(total), size, 0
        if order.source is None:
            self._check_characters(order)
            return order.model or "", order.seconds or "", order.size or "", 0
        source = self.find(order.source, "video")
        if self.status(source, now) != "completed":
            raise Refusal(400, "The source video is not completed.", "invalid_value", "video")  # our choice
        if order.verb != "extensions":
            return source.model, source.seconds, source.size, 0
        check_offer(order, self.options.models.get(source.model, Offer()))
        total = int(source.seconds) + int(order.seconds or 0)
        if source.extended >= 6 or total > 120:
            raise Refusal(400, "At most six extensions and 120 seconds.", "invalid_value", "seconds")
        return source.model, str(total), source.size, source.extended + 1

    def _check_characters(self, order: Order) -> None:
        for ident in order.characters:
            known = self.characters.get(ident)
            if known is None or known["name"] not in order.prompt:
                raise Refusal(400, "Unknown character, or not named in the prompt.", "invalid_value", "characters")

    def make_character(self, order: Order, wall_s: int) -> dict[str, Any]:
        ident = "char_" + secrets.token_hex(24)
        self.characters[ident] = {"id": ident, "created_at": wall_s, "name": order.name}
        self.count("characters")
        return self.characters[ident]

    # --- looking -------------------------------------------------------------------------------------------------

    def find(self, ident: str, param: str | None = None) -> Job:
        job = self.jobs.get(ident)
        if job is None:
            raise Refusal(404, f"Video with id '{ident}' not found.", None, param)
        return job

    def status(self, job: Job, now: float) -> str:
        age = now - job.made
        fate = job.fate.do if job.fate else ""
        if age < self.options.queue_s:
            return "queued"
        if age < self.options.render_s or fate == "never":
            return "in_progress"
        return "failed" if fate == "fail" else "completed"

    def face(self, job: Job, now: float) -> dict[str, Any]:
        """The thirteen keys, in the order real answers showed."""
        status = self.status(job, now)
        ended = job.made_wall_s + int(self.options.render_s)
        done = status == "completed"
        fate = job.fate
        error = {"code": fate.code, "message": fate.message} if fate and fate.do in FAILING else None
        share = (now - job.made) / (self.options.render_s or 1.0)
        return {
            "id": job.id,
            "object": "video",
            "created_at": job.made_wall_s,
            "status": status,
            "completed_at": ended if done else None,
            "error": error if status in ("failed", "completed") else None,
            "expires_at": ended + self.options.asset_life_s if done else None,
            "model": job.model,
            "progress": 100 if done else 0 if status == "queued" else max(0, min(99, int(100 * share))),
            "prompt": job.order.prompt if self.options.echoes_prompt else None,
            "remixed_from_video_id": job.source if job.order.verb == "remix" else None,
            "seconds": job.seconds,
            "size": job.size,
        }

    def all_jobs(self, now: float) -> list[dict[str, Any]]:
        """For tests: also the forgotten ones, with what was asked and how often somebody looked."""
        jobs = [*self.jobs.values(), *self.forgotten.values()]
        return [
            {
                **self.face(job, now),
                "prompt": job.order.prompt,
                "verb": job.order.verb,
                "key": job.key,
                "polls": job.polls,
                "downloads": job.downloads,
            }
            for job in jobs
        ]

    def page(self, limit: int, newest_first: bool, after: str | None, *, lag_s: float, now: float) -> dict[str, Any]:
        jobs = [job for job in self.jobs.values() if now - job.made >= lag_s]
        if newest_first:
            jobs.reverse()
        start = next((index + 1 for index, job in enumerate(jobs) if job.id == after), 0)
        if after is not None and start == 0:
            raise Refusal(400, "Unknown cursor.", "invalid_value", "after")  # our choice
        page = jobs[start : start + limit]
        return {
            "object": "list",
            "data": [self.face(job, now) for job in page],
            "first_id": page[0].id if page else None,
            "last_id": page[-1].id if page else None,
            "has_more": start + limit < len(jobs),
        }

    def delete(self, ident: str, now: float) -> dict[str, Any]:
        job = self.find(ident)
        if not self.options.cancels and self.status(job, now) not in ("completed", "failed"):
            raise Refusal(400, "Only completed or failed videos can be deleted.", "invalid_value")  # our choice
        del self.jobs[ident]
        return {"id": ident, "object": "video.deleted", "deleted": True}

    def ready(self, ident: str, now: float) -> Job:
        """The job whose clip can be fetched."""
        job = self.find(ident)
        done = self.status(job, now) == "completed"
        if not done or (job.fate is not None and job.fate.do == "complete_empty"):
            raise Refusal(404, "The video has no content yet.")
        if now - job.made - self.options.render_s > self.options.asset_life_s:
            raise Refusal(404, "The video has expired.", "video_expired")  # our choice
        return job

    def finish(self) -> None:
        """Every job has rendered long enough."""
        for job in self.jobs.values():
            job.made -= self.options.render_s


def _measure(clip: bytes) -> tuple[int, str]:
    import io

    import av  # only an upload pays for it

    try:
        with av.open(io.BytesIO(clip), "r") as opened:
            stream = opened.streams.video[0]
            return round((opened.duration or 0) / 1_000_000), f"{stream.width}x{stream.height}"
    except (av.FFmpegError, IndexError) as error:
        raise Refusal(400, "The file is no video.", "invalid_value", "video") from error
