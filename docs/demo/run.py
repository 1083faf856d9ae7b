"""`make demo`: one video from nothing, by the real gateway and OpenAI's own SDK, in a folder of its own.

    python docs/demo/run.py --sdk PYTHON_WITH_OPENAI [--folder demo]

It does what a user would do, with the commands a user has, says each as it goes, and leaves nothing running.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av

ROOT = Path(__file__).resolve().parents[2]
READY = "Telecine listens on "
STOP_S_MAX = 60
DATA = "demo-data"  # a name that nobody's real data have: it is removed first
TELECINE = (sys.executable, "-m", "gateway")
APART: Any = {"process_group": 0}  # Ctrl-C is for the demo, which ends what it has started


def main() -> None:
    options = _options()
    folder: Path = options.folder
    clip = folder / "paper-boat.mp4"
    shutil.rmtree(folder / DATA, ignore_errors=True)  # of an earlier demo
    clip.unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    environ = _environment(folder)
    began = time.monotonic()
    with _gateway(folder, environ) as url:
        _telecine(environ, "projects", "create", "demo")
        key = _telecine(environ, "keys", "create", "--project", "demo")["key"]
        video_id = _client(options.sdk, clip, url, key)
        made = _telecine(environ, "videos", "show", video_id)
    _tell(made, clip, folder, time.monotonic() - began)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Make one video with the OpenAI SDK through Telecine.")
    parser.add_argument("--sdk", type=Path, required=True, help="a Python that has the package openai")
    parser.add_argument("--folder", type=Path, default=ROOT / "demo", help="for the data and the clip")
    return parser.parse_args()


def _environment(folder: Path) -> dict[str, str]:
    """Nothing of this shell's own gateway; the shipped configuration, and data of the demo's own."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("TELECINE_", "OPENAI_"))}
    return {**ours, "TELECINE_CONFIG": str(ROOT / "config.yaml"), "TELECINE_DATA_DIR": str(folder / DATA)}


@contextmanager
def _gateway(folder: Path, environ: dict[str, str]) -> Iterator[str]:
    """A running gateway on a free port: its address. Stopped at the end, whatever happens."""
    _say("telecine serve --port 0")
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [*TELECINE, "serve", "--port", "0"], stdout=subprocess.PIPE, stderr=log, env=environ, text=True, **APART
        )
    assert process.stdout is not None
    try:
        said = next((line for line in process.stdout if line.startswith(READY)), "")
        if not said.startswith(READY):
            sys.exit(f"the gateway did not start:\n{(folder / 'serve.log').read_text()[-2_000:]}")
        print(f"  {said}", end="", flush=True)
        yield said.removeprefix(READY).strip()
    finally:
        process.terminate()
        try:
            process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
        process.stdout.close()


def _telecine(environ: dict[str, str], *words: str) -> dict[str, Any]:
    """One command; the JSON object that it prints."""
    _say(f"telecine {' '.join(words)} --json")
    done = subprocess.run([*TELECINE, *words, "--json"], stdout=subprocess.PIPE, env=environ, check=False, **APART)
    if done.returncode:
        sys.exit(done.returncode)
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def _client(python: Path, clip: Path, url: str, key: str) -> str:
    """Run the user's program; the id of the video that it made."""
    program = Path(__file__).with_name("client.py")
    _say(f"OPENAI_BASE_URL={url}/v1 OPENAI_API_KEY={key[:9]}… python {program.relative_to(ROOT)} {clip.name}")
    ours = {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": key, "NO_PROXY": "*", "no_proxy": "*"}
    environ = {**os.environ, **ours}  # the gateway is on this machine, and a proxy would look for it on its own
    done = subprocess.run([python, program, clip], env=environ, stdout=subprocess.PIPE, text=True, check=False, **APART)
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout.strip()


def _tell(made: dict[str, Any], clip: Path, folder: Path, seconds: float) -> None:
    attempt = made["attempts"][-1]
    log = folder / "serve.log"
    print(f"""
what happened
  route  {attempt["route"]}, attempt {len(made["attempts"])} of the plan {[one["route"] for one in made["plan"]]}
  price  ${attempt["price_usd"]} by the price list in the ledger; the mock charges nothing
  time   {seconds:.1f} s in all, the gateway's start and stop included
  file   {clip} ({clip.stat().st_size:,} bytes: {_look(clip)})
  log    {log}

how to go on
  . .venv/bin/activate                             brings telecine to this shell
  telecine serve                                   the same gateway on port 8080, with data in ./data
  export OPENAI_BASE_URL=http://127.0.0.1:8080/v1  and any program written for OpenAI's Videos API runs
  config.yaml                                      a real vendor takes over when its block loses its #
""")


def _look(clip: Path) -> str:
    """What a player would find."""
    with av.open(clip) as opened:
        picture = opened.streams.video[0]
        frames = sum(1 for _ in opened.decode(video=0))
        sound = " with sound" if opened.streams.audio else ""
        seconds = frames / float(picture.average_rate or 1)
        return f"{seconds:g} s of {picture.codec_context.name} at {picture.width}x{picture.height}{sound}"


def _say(command: str) -> None:
    print(f"$ {command}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print("\nthe demo was interrupted; nothing of it runs any more", file=sys.stderr)
        sys.exit(130)
