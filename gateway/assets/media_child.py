"""The child process that decodes clips: a C parser fed by strangers, so it owns nothing and is bounded in everything.

`python -m gateway.assets.media_child PARENT_PID` answers each JSON line with one. It writes only where a job tells it
to.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import av
import av.error

from gateway.assets.media_talk import LINE_BYTES_MAX, Hindered, Job, Reply, Unfit, decode_job, encode
from gateway.assets.media_watch import watch
from gateway.children.child import Confines, allow_cpu, answer_lines

CONFINES: Final = Confines(
    # Python, FFmpeg and Pillow map 130 MB before the first job; two dozen pictures in 4K, 12 MB each, fit beside them.
    address_bytes=1024 * 1024 * 1024,
    file_bytes=64 * 1024 * 1024,  # of a thumbnail or a spritesheet
    line_bytes=LINE_BYTES_MAX,
)
DECODER_THREADS: Final = 2


def answer(line: bytes) -> bytes:
    job = decode_job(line)
    allow_cpu(job.cpu_s_max)
    return encode(look(job))


def look(job: Job) -> Reply:
    """Decode a clip once. MemoryError and whatever else is not listed end the process; the parent judges that."""
    try:
        # An open file, not its name: no protocol of FFmpeg's is reached, and a file that is gone is the disk's fault.
        with Path(job.path).open("rb") as file, av.open(file, format="mov", mode="r") as clip:
            if not clip.streams.video:
                return Unfit("has no pictures")
            stream = clip.streams.video[0]
            if stream.width * stream.height > job.pixels_max:
                return Unfit(f"has pictures of {stream.width}x{stream.height}, which is too large")
            decoder = stream.codec_context
            decoder.options = {"max_pixels": str(job.pixels_max)}  # pictures may be larger than the header says
            decoder.thread_count, decoder.thread_type = DECODER_THREADS, "AUTO"
            return watch(job, clip, stream)
    except MemoryError:
        raise
    except av.error.FFmpegError:
        return Unfit("cannot be decoded")
    except OSError as error:
        return Hindered(error.errno or 0)


if __name__ == "__main__":
    answer_lines(CONFINES, lambda: answer)
