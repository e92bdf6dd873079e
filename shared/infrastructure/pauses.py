"""Growing pauses between tries while something outside is away."""

from collections.abc import Iterator
from random import uniform


def growing_pauses(first_seconds: float = 0.1, longest_seconds: float = 10.0) -> Iterator[float]:
    """0.1, 0.2, 0.4 … seconds, at most ten, each a little off so that several processes do not knock together."""
    pause = first_seconds
    while True:
        yield min(pause, longest_seconds) * uniform(0.8, 1.2)
        pause = min(pause * 2, longest_seconds)
