"""Where several workers add up their figures: a folder in memory, that the data directory leads to.

The files are mapped into memory. Whoever touches a page of such a file for which its disk has no room is ended at once
(SIGBUS): on a disk that clips have filled, that would be every worker, and then the master, who adds up.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

NAME: Final = "metrics"
MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it, under a name nobody can guess
PREFIX: Final = "telecine-figures-"


def figures_folder(data_dir: Path, stack: ExitStack, memory: Path = MEMORY) -> Path:
    """Fresh for each life of the gateway, and gone with it. Below the data directory where there is no `memory`."""
    place = data_dir / NAME
    clear_figures(data_dir, memory)
    stack.callback(clear_figures, data_dir, memory)
    try:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=memory))
    except OSError:
        place.mkdir(mode=0o700)
        return place.absolute()
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    with suppress(OSError):  # without it, what a killed gateway leaves stays until the machine starts anew
        place.symlink_to(folder)
    return folder


def clear_figures(data_dir: Path, memory: Path = MEMORY) -> None:
    """What an earlier life left, with the folder that it leads to, if that is one of ours."""
    place = data_dir / NAME
    if not place.is_symlink():
        shutil.rmtree(place, ignore_errors=True)
        return
    with suppress(OSError):
        folder = place.readlink()
        if folder.parent == memory and folder.name.startswith(PREFIX):
            shutil.rmtree(folder, ignore_errors=True)
        place.unlink()
