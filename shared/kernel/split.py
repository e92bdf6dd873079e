"""Splitting an amount over weights so that the parts always add up (largest remainder, 最大余数法)."""

from collections.abc import Mapping
from typing import TypeVar

Key = TypeVar("Key", str, tuple[str, str])
"""What is split over: centre ids, or cells of manager and department; ties go to the smaller one."""

UNALLOCATED = "unallocated"
"""The centre that takes an amount for which there are no weights."""


def split(amount: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Split ``amount`` (minor units) over integer ``weights`` by centre id; parts of zero are left out.

    Exact shares of the absolute value are rounded down; the missing units go one each to the largest fractional
    parts, ties to the smaller centre id; then the sign comes back. Negative weights count as zero; where no weight
    is positive the whole amount goes to ``unallocated``.
    """
    return split_over(amount, weights, UNALLOCATED)


def split_over(amount: int, weights: Mapping[Key, int], otherwise: Key) -> dict[Key, int]:
    """Like ``split``, over keys of any one kind; ``otherwise`` takes all where no weight is positive."""
    if amount == 0:
        return {}
    if len(weights) == 1:
        [(only, weight)] = weights.items()
        return {only if weight > 0 else otherwise: amount}
    total = sum(weight for weight in weights.values() if weight > 0)
    if total == 0:
        return {otherwise: amount}
    size, sign = abs(amount), 1 if amount > 0 else -1
    parts: dict[Key, int] = {}
    remainders: list[tuple[int, Key]] = []
    for key in sorted(weights):
        if weights[key] > 0:
            parts[key], remainder = divmod(size * weights[key], total)
            remainders.append((-remainder, key))
    missing = size - sum(parts.values())
    for _, key in sorted(remainders)[:missing]:
        parts[key] += 1
    return {key: sign * part for key, part in parts.items() if part}
