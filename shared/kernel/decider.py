"""The decider: a rule book as two pure functions. Everything else in a service is plumbing around it.

After J. Chassaing's "decider" pattern: ``decide`` turns a command and the state into events or raises Refusal;
``evolve`` folds an event into the state. Neither does I/O, so both are tested with values alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from shared.kernel.event import Fact

CommandT = TypeVar("CommandT")
StateT = TypeVar("StateT")
ConsultedT = TypeVar("ConsultedT")


@dataclass(frozen=True, slots=True, eq=False)
class Decider(Generic[CommandT, StateT, ConsultedT]):
    """The rules of one kind of aggregate.

    ``stream`` names the aggregate a command is for. ``consulted`` is what the rule may look at beside its own
    state (a product catalogue, the managers on record); it is read in the same transaction.
    """

    stream: Callable[[CommandT], str]
    initial: StateT
    decide: Callable[[CommandT, StateT, ConsultedT], Sequence[Fact]]
    evolve: Callable[[StateT, Fact], StateT]
