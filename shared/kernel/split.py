"""Splitting an amount over weights so that the parts always add up (largest remainder, 最大余数法)."""

from collections.abc import Mapping

UNALLOCATED = "unallocated"
"""The centre that takes an amount for which there are no weights."""


def split(amount: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Split ``amount`` (minor units) over integer ``weights`` by centre id; parts of zero are left out.

    Exact shares of the absolute value are rounded down; the missing units go one each to the largest fractional
    parts, ties to the smaller centre id; then the sign comes back. Negative weights count as zero; where no weight
    is positive the whole amount goes to ``unallocated``.
    """
    if amount == 0:
        return {}
    if len(weights) == 1:
        [(only, weight)] = weights.items()
        return {only if weight > 0 else UNALLOCATED: amount}
    total = sum(weight for weight in weights.values() if weight > 0)
    if total == 0:
        return {UNALLOCATED: amount}
    size, sign = abs(amount), 1 if amount > 0 else -1
    parts: dict[str, int] = {}
    remainders: list[tuple[int, str]] = []
    for centre in sorted(weights):
        if weights[centre] > 0:
            parts[centre], remainder = divmod(size * weights[centre], total)
            remainders.append((-remainder, centre))
    missing = size - sum(parts.values())
    for _, centre in sorted(remainders)[:missing]:
        parts[centre] += 1
    return {centre: sign * part for centre, part in parts.items() if part}
