"""The sound of a clip: a slow chord with plucked notes over it, both from the seed. Plain arithmetic, no library.

One loop of two seconds is computed and repeated; its tones are whole hertz, so the loop has no seam.
"""

from __future__ import annotations

import math
from array import array
from random import Random

# Four seconds are then a whole number of AAC's frames of 1,024 samples.
RATE = 32_000
LOOP_S = 2
NOTES = 8
SCALES = ((0, 3, 5, 7, 10), (0, 2, 4, 7, 9), (0, 2, 3, 7, 8), (0, 4, 5, 7, 11))
FADE = RATE // 20


def tune(random: Random, seconds: int) -> array[float]:
    """Mono samples from -1 to 1, exactly `seconds` long."""
    loop = _loop(random)
    samples = loop * (seconds // LOOP_S + 1)
    del samples[seconds * RATE :]
    for at in range(FADE):
        samples[at] = samples[at] * at / FADE
        samples[-1 - at] = samples[-1 - at] * at / FADE
    return samples


def _loop(random: Random) -> array[float]:
    root = random.choice((110, 123, 131, 147, 165, 175, 196))
    scale = random.choice(SCALES)
    mix = _chord([round(root * 2 ** (scale[step] / 12)) for step in (0, 2, 3)]) * LOOP_S
    pitches = [round(2 * root * 2 ** (step / 12)) for step in scale]
    plucks = {pitch: _pluck(pitch) for pitch in set(pitches)}
    for n in range(NOTES):
        start = n * len(mix) // NOTES
        for at, level in enumerate(plucks[random.choice(pitches)], start):
            mix[at % len(mix)] += level
    return array("f", mix)


def _chord(pitches: list[int]) -> list[float]:
    """One second of held tones."""
    low, middle, high = (math.tau * pitch / RATE for pitch in pitches)
    sin = math.sin
    return [0.045 * (sin(low * at) + sin(middle * at) + sin(high * at)) for at in range(RATE)]


def _pluck(pitch: int) -> list[float]:
    step = math.tau * pitch / RATE
    length = RATE // 2
    rise = RATE // 200
    return [
        0.16 * min(1.0, at / rise) * (1 - at / length) ** 3 * (math.sin(step * at) + 0.3 * math.sin(2 * step * at))
        for at in range(length)
    ]
