"""What a user's program does, with OpenAI's own SDK: one line makes a clip, whoever renders it.

    OPENAI_BASE_URL=… OPENAI_API_KEY=… python one_line_client.py FOLDER MODEL…

Writes FOLDER/MODEL.mp4 for each and prints one JSON object, model -> status.
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

SECONDS_MAX = 90.0


def main() -> None:
    warnings.simplefilter("ignore", DeprecationWarning)
    folder, models = Path(sys.argv[1]), sys.argv[2:]
    client = openai.OpenAI()
    made = {}
    for model in models:
        made[model] = client.videos.create(model=model, prompt="a paper boat", seconds="4", size="1280x720")
    until = time.monotonic() + SECONDS_MAX
    said = {}
    for model, video in made.items():
        while (now := client.videos.retrieve(video.id)).status not in ("completed", "failed"):
            if time.monotonic() > until:
                break
            time.sleep(0.1)
        said[model] = now.status if now.error is None else f"{now.status}: {now.error.message}"
        if now.status == "completed":
            client.videos.download_content(video.id).write_to_file(folder / f"{model}.mp4")
    print(json.dumps(said))


if __name__ == "__main__":
    main()
