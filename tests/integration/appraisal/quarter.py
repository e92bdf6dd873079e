"""A quarter as the ledger and the assignment service tell it, ready to be appraised."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import orjson

from shared.contracts import assignment, ledger
from shared.contracts.envelope import CloudEvent
from shared.infrastructure.event_log import Message
from shared.kernel.books import Line
from shared.kernel.money import format_money, parse_money
from tests.integration.appraisal.messages import entry
from tests.support.services import ServiceUnderTest

MONTHS = ("2026-07", "2026-08", "2026-09")


class Quarter:
    """What is told, and what it comes to by month and line."""

    def __init__(self, service: ServiceUnderTest, months: tuple[str, ...] = MONTHS) -> None:
        self.service = service
        self.months = months
        self._position = 0
        self._totals: dict[str, dict[str, int]] = defaultdict(dict)

    async def earn(self, managers: Mapping[str, str], line: str = "fee_income", **more: Any) -> None:
        """An entry of the ledger: what each manager gets of it, all of it the department's."""
        self._position += 1
        period = more.pop("period", self.months[0])
        await self.service.publish(
            ledger.TOPIC, entry(0, self._position, managers, line=line, period=period, **more)
        )
        lines = self._totals[period]
        lines[line] = lines.get(line, 0) + sum(map(parse_money, managers.values()))

    async def close(self, *months: str) -> None:
        """The ledger says that months are closed; all of the quarter unless some are named."""
        for month in months or self.months:
            lines = {line.value: format_money(self._totals[month].get(line, 0)) for line in Line}
            data = {
                "period": month,
                "entries": 1,
                "managers": 1,
                "departments": 1,
                "customers": 1,
                "trued_up": [],
                "lines": lines,
                "computed_from": {"positions": {"0": self._position}, "hash": "0b"},
            }
            event = CloudEvent(f"close-{month}", "PeriodClosed", ledger.SOURCE, orjson.dumps(data))
            await self.service.publish(
                ledger.TOPIC, Message(b"bank", event.data, event.headers(), partition=0)
            )
        await self.service.caught_up()

    async def hire(self, manager_id: str, grade: str = "manager-2") -> None:
        """The assignment service says that there is a manager."""
        data = {
            "manager_id": manager_id,
            "branch_id": "b1",
            "team_id": "t1",
            "grade": grade,
            "hired_on": "2020-01-01",
            "business_date": "2020-01-01",
        }
        event = CloudEvent(
            f"hired-{manager_id}",
            "ManagerRegistered",
            assignment.SOURCE,
            orjson.dumps(data),
            subject=manager_id,
        )
        await self.service.publish(assignment.TOPIC, event)


SCHEME: dict[str, Any] = {
    "name": "Usual",
    "side": "manager",
    "indicators": [
        {
            "code": "y",
            "name": "Efficiency",
            "source": "measure:efficiency",
            "weight": "80",
            "target": "100.00",
        },
        {
            "code": "zeal",
            "name": "Diligence",
            "source": "manual:diligence",
            "weight": "20",
            "curve": "band",
            "bands": [{"starts_at": "1", "score": "50"}, {"starts_at": "4", "score": "100"}],
        },
    ],
}
