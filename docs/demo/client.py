"""What a user's program looks like: OpenAI's own SDK, unchanged. `run.py` runs it in an environment of its own.

It knows nothing of Telecine but OPENAI_BASE_URL and OPENAI_API_KEY, which the SDK reads by itself.
"""

from __future__ import annotations

import sys
import threading
import time
import warnings

from openai import OpenAI

PROMPT = "A paper boat crosses a flooded chessboard, morning light"


def main() -> None:
    warnings.simplefilter("ignore", DeprecationWarning)  # OpenAI's own servers are gone; this is who answers now
    client = OpenAI()
    progress = Progress(client)
    began = time.monotonic()
    video = client.videos.create_and_poll(
        model="sora-2", prompt=PROMPT, seconds="4", size="1280x720", poll_interval_ms=500
    )
    progress.stop(100, f"{video.status} after {time.monotonic() - began:.1f} s")
    if video.status != "completed":
        sys.exit(f"the video failed: {video.error}")
    client.videos.download_content(video.id).write_to_file(sys.argv[1])
    print(video.id)


class Progress:
    """Shows on stderr how far the newest video is while `create_and_poll` waits for it."""

    def __init__(self, client: OpenAI) -> None:
        self._client = client
        self._moving = sys.stderr.isatty()
        self._shown: tuple[int, str] | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self, percent: int, word: str) -> None:
        self._stopped.set()
        self._thread.join()
        self._show(percent, word)
        if self._moving:
            sys.stderr.write("\n")

    def _watch(self) -> None:
        while not self._stopped.wait(0.3):
            for video in self._client.videos.list(limit=1).data:
                self._show(video.progress, video.status)

    def _show(self, percent: int, word: str) -> None:
        if self._shown == (percent, word):
            return
        self._shown = percent, word
        line = f"  [{'#' * (percent // 4):<25}] {percent:3d} % {word:<22}"
        sys.stderr.write(f"\r{line}" if self._moving else f"{line.rstrip()}\n")
        sys.stderr.flush()


main()
