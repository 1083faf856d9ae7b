"""The darkroom: the only part of the sandbox that touches av and Pillow. It runs as a process of its own."""
