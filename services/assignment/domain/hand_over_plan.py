"""The plan of a hand-over (移交方案): which customer goes to whom, and what the old manager keeps for a while."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from services.assignment.domain.placing import Room, place
from services.assignment.domain.policy import Policy
from services.assignment.domain.standing import Career
from services.assignment.domain.succession import Kept, Step, handed_over, holds, portion_of, tail_end
from shared.contracts.assignment import HandOverGround
from shared.contracts.assignment.hand_overs import MOST_HANDED_OVER
from shared.contracts.types import CentreId, Contract, Id
from shared.kernel.errors import Refusal


@dataclass(frozen=True, slots=True)
class Wanted:
    """A customer to hand over, to whom, and what the old manager keeps for a while."""

    customer_id: str
    successor_id: str
    tail: tuple[Kept, ...] = ()


class PlannedItem(Contract):
    """A customer's shares from the effective date on, as they were planned upon and as they are to be."""

    customer_id: Id
    successor_id: CentreId
    tail: tuple[Kept, ...] = ()
    before: tuple[Step, ...]
    after: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """Whose customers go over, why, and from when on; with a team, all of them, spread over it."""

    manager_id: str
    ground: HandOverGround
    effective_from: date
    wanted: tuple[Wanted, ...] = ()
    team_id: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What a plan is made upon: careers of those named, the customers' shares from the effective date on, their tiers,
    and who of the team has how much room."""

    policy: Policy = field(default_factory=Policy)
    careers: Mapping[str, Career] = field(default_factory=dict)
    shares: Mapping[str, tuple[Step, ...]] = field(default_factory=dict)
    tiers: Mapping[str, str] = field(default_factory=dict)
    team: Sequence[Room] = ()


def plan(terms: Terms, known: Known) -> tuple[PlannedItem, ...]:
    """What each customer's timeline is to be; raises Refusal naming the first item that cannot be."""
    _check_known(terms.manager_id, known, "manager_id")
    wanted = terms.wanted if terms.team_id is None else _spread(terms, known)
    return tuple(_item(terms, one, known, f"items.{index}") for index, one in enumerate(wanted))


def _spread(terms: Terms, known: Known) -> Sequence[Wanted]:
    """Each of the manager's customers to whoever of the team has the least load, and room."""
    portions = [
        portion_of(customer_id, steps, terms.manager_id, tier, known.policy.tier(tier).weight)
        for customer_id, steps in known.shares.items()
        for tier in [known.tiers[customer_id]]
    ]
    if not portions:
        raise Refusal("manager-looks-after", "manager_id", f"{terms.manager_id} looks after nobody")
    if len(portions) > MOST_HANDED_OVER:
        detail = f"{len(portions)} customers are more than the {MOST_HANDED_OVER} of one hand-over; name them"
        raise Refusal("one-hand-over-is-bounded", "team_id", detail)
    placed = place(portions, [room for room in known.team if room.manager_id != terms.manager_id])
    wanted = []
    for customer_id, successor_id in sorted(placed.items()):
        if successor_id is None:
            detail = f"nobody in team {terms.team_id} may take customer {customer_id} and has room"
            raise Refusal("team-has-room", "team_id", detail)
        wanted.append(Wanted(customer_id, successor_id))
    return wanted


def _item(terms: Terms, wanted: Wanted, known: Known, path: str) -> PlannedItem:
    manager_id = terms.manager_id
    steps = known.shares.get(wanted.customer_id)
    if steps is None:
        detail = f"there is no customer {wanted.customer_id}"
        raise Refusal("customer-is-known", f"{path}.customer_id", detail)
    if not holds(steps, manager_id):
        detail = f"{manager_id} does not look after {wanted.customer_id} from {terms.effective_from} on"
        raise Refusal("manager-looks-after", f"{path}.customer_id", detail)
    _check_known(wanted.successor_id, known, f"{path}.successor_id")
    if wanted.successor_id == manager_id:
        raise Refusal("successor-is-another", f"{path}.successor_id", "nobody hands over to themselves")
    _check_tail(terms, wanted, steps, known.careers[manager_id], f"{path}.tail")
    return PlannedItem(
        customer_id=wanted.customer_id,
        successor_id=wanted.successor_id,
        tail=wanted.tail,
        before=steps,
        after=handed_over(steps, manager_id, wanted.successor_id, wanted.tail),
    )


def _check_known(manager_id: str, known: Known, path: str) -> None:
    if manager_id not in known.careers:
        raise Refusal("manager-is-known", path, f"there is no manager {manager_id}")


def _check_tail(terms: Terms, wanted: Wanted, steps: Sequence[Step], career: Career, path: str) -> None:
    """Raises Refusal unless what is kept falls from step to step, and ends before the manager leaves."""
    if not wanted.tail:
        return
    share = steps[0].parts.get(terms.manager_id, 0)
    for kept in wanted.tail:
        if kept.share >= share:
            raise Refusal("tail-falls", path, f"{kept.share} is not less than the {share} before")
        share = kept.share
    leaves_on = career.departed_on
    if leaves_on is None and terms.ground is HandOverGround.DEPARTURE:
        leaves_on = terms.effective_from
    if leaves_on is not None and tail_end(terms.effective_from, wanted.tail) > leaves_on:
        raise Refusal("manager-is-there", path, f"{terms.manager_id} leaves the bank on {leaves_on}")
