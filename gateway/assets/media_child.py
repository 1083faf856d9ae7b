"""The child process that decodes clips: a C parser fed by strangers, so it owns nothing and is bounded in everything.

`python -m gateway.assets.media_child PARENT_PID` says "ready", then answers each JSON line with one, and ends when its
input does. It dies with its parent and writes only where a job tells it to.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from pathlib import Path
from typing import IO, Final

import av
import av.error

from gateway.assets.media_talk import LINE_BYTES_MAX, READY, Hindered, Job, Reply, Unfit, decode_job, encode
from gateway.assets.media_watch import watch

# Python, FFmpeg and Pillow map 130 MB before the first job; two dozen pictures in 4K, 12 MB each, fit beside them.
ADDRESS_BYTES_MAX: Final = 1024 * 1024 * 1024
FILE_BYTES_MAX: Final = 64 * 1024 * 1024  # of a thumbnail or a spritesheet
DESCRIPTORS_MAX: Final = 64
NICENESS: Final = 5  # whoever waits for an answer goes first
DECODER_THREADS: Final = 2

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38


def main() -> None:
    parent = int(sys.argv[1])
    answers = _own_stdout()
    _confine()
    if os.getppid() != parent:  # it died before the death signal was set
        return
    answers.write(READY)
    while line := sys.stdin.buffer.readline(LINE_BYTES_MAX):
        job = decode_job(line)
        _allow_cpu(job.cpu_s_max)
        answers.write(encode(look(job)) + b"\n")


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


def _own_stdout() -> IO[bytes]:
    """Keep the pipe to the parent for answers; what a library prints goes where stderr goes."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return answers


def _confine() -> None:
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    os.nice(NICENESS)
    limits = {
        resource.RLIMIT_AS: ADDRESS_BYTES_MAX,
        resource.RLIMIT_FSIZE: FILE_BYTES_MAX,
        resource.RLIMIT_NOFILE: DESCRIPTORS_MAX,
        resource.RLIMIT_CORE: 0,
    }
    for limit, most in limits.items():
        resource.setrlimit(limit, (most, most))


def _allow_cpu(seconds: int) -> None:
    """The kernel counts the processor time of a whole life, so every job moves the mark."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(usage.ru_utime + usage.ru_stime) + seconds, hard))


if __name__ == "__main__":
    main()
