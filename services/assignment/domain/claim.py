"""One process a customer: whoever is in an open tender or hand-over is in no other one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from shared.kernel.errors import Refusal


class Process(StrEnum):
    """What may be going on with a customer: a tender 竞标, a hand-over 移交."""

    TENDER = "tender"
    HAND_OVER = "hand-over"


@dataclass(frozen=True, slots=True)
class Claim:
    """The open process that a customer is in."""

    process: Process
    process_id: str


def check_free(customer_ids: Sequence[str], claims: Mapping[str, Claim], path: str) -> None:
    """Raises Refusal naming the other process of the first customer that is in one; ``{}`` in the path is its index."""
    for index, customer_id in enumerate(customer_ids):
        claim = claims.get(customer_id)
        if claim is not None:
            detail = f"customer {customer_id} is in {claim.process} {claim.process_id}"
            raise Refusal("customer-is-free", path.format(index), detail)
