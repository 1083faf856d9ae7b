"""What a user's program does, with OpenAI's own SDK: one line makes a clip, whoever renders it.

    OPENAI_BASE_URL=… OPENAI_API_KEY=… python one_line_client.py FOLDER '{"MODEL": true or false, …}'

True: the video is cancelled once it runs. Prints one JSON object in a line when these wishes have been acted on, and
another at the end: model -> what is known of its video. Writes FOLDER/MODEL.mp4 for each that there is.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

openai: Any = import_module("openai")  # of the environment that runs this, which is not ours

SECONDS_MAX = 150.0


def main() -> None:
    warnings.simplefilter("ignore", DeprecationWarning)
    folder, cancelled = Path(sys.argv[1]), json.loads(sys.argv[2])
    client = openai.OpenAI()
    until = time.monotonic() + SECONDS_MAX
    made = {}
    for model in cancelled:
        made[model] = client.videos.create(model=model, prompt="a paper boat", seconds="4", size="1280x720")
    for model in (model for model, wish in cancelled.items() if wish):
        look(client, made[model].id, until, lambda now: now.status != "queued")
        client.post(f"/videos/{made[model].id}/cancel", cast_to=object)
    for model in (model for model, wish in cancelled.items() if wish):
        look(client, made[model].id, until, lambda now: (now.model_extra or {})["cancel"]["state"] != "asked")
    print(json.dumps({}), flush=True)
    said = {}
    for model, video in made.items():
        now = look(client, video.id, until, lambda now: now.status in ("completed", "failed"))
        error = None if now.error is None else now.error.code
        said[model] = {
            "id": now.id,
            "status": now.status,
            "error": error,
            "cancel": (now.model_extra or {}).get("cancel"),
        }
        if now.status == "completed":
            client.videos.download_content(video.id).write_to_file(folder / f"{model}.mp4")
    print(json.dumps(said))


def look(client: Any, video_id: str, until: float, true: Any) -> Any:
    """The video once something is true of it, or as it is when there is no time left."""
    while not true(now := client.videos.retrieve(video_id)) and time.monotonic() < until:
        time.sleep(0.1)
    return now


if __name__ == "__main__":
    main()
