"""Frames of dashboards: uids, variables, and the links from one to the next."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from grafana_foundation_sdk.builders.dashboard import (
    Dashboard,
    DashboardLink,
    QueryVariable,
    Row,
    TextBoxVariable,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    DataSourceRef,
    VariableRefresh,
    VariableSort,
)

from deploy.grafana.sources import LEDGER, trimmed

TAG = "dualbook"
BANK, MANAGER, DEPARTMENT = "dualbook-bank-result", "dualbook-manager", "dualbook-department"
INCENTIVE, ASSIGNMENTS, OPERATIONS = "dualbook-incentive", "dualbook-assignment", "dualbook-operations"

Panel = Builder[models.Panel]


@dataclass
class Board:
    """A dashboard as it is written down: variables first, then rows of panels from top to bottom."""

    uid: str
    title: str
    says: str
    since: str
    until: str = "now"
    refresh: str = "5m"
    variables: Sequence[Builder[models.VariableModel]] = ()
    rows: Sequence[tuple[str, Sequence[Panel]]] = field(default_factory=list)

    def build(self) -> models.Dashboard:
        """The SDK's model, with a link to every other dashboard."""
        board = (
            Dashboard(self.title)
            .uid(self.uid)
            .description(self.says)
            .tags([TAG])
            .readonly()
            .time(self.since, self.until)
            .timezone("Asia/Shanghai")
            .refresh(self.refresh)
            .link(
                DashboardLink("Dualbook 双重记账")
                .type(DashboardLinkType.DASHBOARDS)
                .tags([TAG])
                .as_dropdown(False)
                .keep_time(False)
            )
        )
        for variable in self.variables:
            board = board.with_variable(variable)
        for title, panels in self.rows:
            board = board.with_row(Row(title))
            for panel in panels:
                board = board.with_panel(panel)
        built = board.build()
        for number, panel_or_row in enumerate(built.panels or [], 1):
            panel_or_row.id_val = number
        return built


def choice(
    name: str, label: str, says: str, source: DataSourceRef, statement: str, *, newest_first: bool = False
) -> QueryVariable:
    """A variable of one value, out of those that a query finds; the first is chosen."""
    return (
        QueryVariable(name)
        .label(label)
        .description(says)
        .datasource(source)
        .query(trimmed(statement))
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_DESC if newest_first else VariableSort.ALPHABETICAL_ASC)
    )


PERIOD = choice(
    "period",
    "Period 期间",
    "A month, a quarter or a year with entries; its value is the first and the last month.",
    LEDGER,
    """
    SELECT name AS __text, min(month) || '-' || max(month) AS __value
    FROM reporting.period, unnest(ARRAY[
        period, left(period, 4) || '-Q' || (month % 100 + 2) / 3, left(period, 4)
    ]) AS name
    GROUP BY name ORDER BY name DESC
    """,
)
"""The months that are there: of a quarter that has just begun, as far as it has come."""
PERIOD.sort(VariableSort.DISABLED)

FIRST, LAST = "left('$period', 6)::integer", "right('$period', 6)::integer"
IN_PERIOD = f"month BETWEEN {FIRST} AND {LAST}"

API = (
    TextBoxVariable("ledger_api")
    .label("Ledger API")
    .description("Where the ledger answers; links to single legs go there.")
    .default_value("http://127.0.0.1:8002")
)


def to_board(uid: str, **values: str) -> str:
    """The URL of a dashboard with these variables set; it keeps the period."""
    variables = {"period": "${period}", **values}
    return f"/d/{uid}?" + "&".join(f"var-{name}={value}" for name, value in variables.items())


TO_MANAGER = to_board(
    MANAGER, branch="${__data.fields.branch_id}", team="${__data.fields.team_id}", manager="${__value.raw}"
)
"""From a column of managers in a table that has their branches and teams: the dashboard offers a team's only."""


def to_legs(book: str, centre: str, line: str) -> str:
    """The URL of the legs behind a figure, page by page."""
    return f"${{ledger_api}}/v1/books/{book}/centres/{centre}/legs?period=${{period:text}}&line={line}"
