"""Runs the queries of dashboards as Grafana does: variables and macros put in, against the real sources."""

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import httpx

NUMBERS = {"int2", "int4", "int8", "numeric", "float4", "float8"}
TIMES = {"timestamp", "timestamptz"}
TEXTS = {"text", "varchar", "name", "bpchar"}
SCRAPE_SECONDS = 1
STEP_SECONDS = 5
_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)(?::(\w+))?\}|\$([A-Za-z_]\w*)|\[\[(\w+)\]\]")


@dataclass(frozen=True)
class Frame:
    """What a query found: columns with PostgreSQL's types, and rows."""

    columns: Mapping[str, str]
    rows: Sequence[Sequence[Any]]

    def values(self, column: str) -> list[Any]:
        """A column from top to bottom, without nulls."""
        place = list(self.columns).index(column)
        return [row[place] for row in self.rows if row[place] is not None]

    def of(self, kinds: set[str]) -> list[str]:
        """The columns of these types in which there is something."""
        return [name for name, kind in self.columns.items() if kind in kinds and self.values(name)]


@dataclass(frozen=True)
class Panel:
    """A panel that asks something."""

    board: str
    content: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.board}: {self.content['title']}"

    @property
    def kind(self) -> str:
        return str(self.content["type"])

    def missing(self, frame: Frame) -> str:
        """What a panel of this kind needs of a table and does not find; nothing when all is there."""
        if not frame.rows:
            return "no data"
        gone = self.dressed - set(frame.columns)
        if gone:
            return f"no column {', '.join(sorted(gone))}, which is dressed"
        numbers = frame.of(NUMBERS)
        if self.kind == "table":
            return ""
        if not numbers:
            return "no figures"
        first = next(iter(frame.columns))
        if self.kind == "timeseries":
            if first != "time" or frame.columns[first] not in TIMES:
                return "the first column must be time"
            return "" if (times := frame.values("time")) == sorted(times) else "time must rise"
        if self.kind in ("barchart", "piechart") and frame.columns[first] not in TEXTS:
            return "the first column must name the bars or parts"
        return ""

    @property
    def dressed(self) -> set[str]:
        """Columns that the panel gives a colour, a unit or a link."""
        overrides = self.content["fieldConfig"].get("overrides", [])
        return {one["matcher"]["options"] for one in overrides if one["matcher"]["id"] == "byName"}


def panels_of(board: Mapping[str, Any]) -> Iterator[Panel]:
    """The panels of a dashboard that ask something."""
    for panel in board["panels"]:
        if panel["type"] != "row":
            yield Panel(board["uid"], panel)


@dataclass
class Grafana:
    """The data sources of dashboards, and what is chosen in them."""

    databases: Mapping[str, "asyncpg.Connection[Any]"]
    prometheus: httpx.AsyncClient
    started: datetime
    chosen: dict[str, str] = field(default_factory=dict)
    """What to choose where a variable offers it; elsewhere the first is taken."""

    async def variables(self, board: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
        """Text and value of each variable of a dashboard, from its own query."""
        found: dict[str, tuple[str, str]] = {}
        for variable in board["templating"].get("list", []):
            name = variable["name"]
            if variable["type"] == "textbox":
                found[name] = (variable["query"], variable["query"])
                continue
            query = put_in(variable["query"], found, self._times(board))
            frame = await self.sql(variable["datasource"]["uid"], query)
            assert frame.rows, f"variable {name} of {board['uid']} finds nothing: {query}"
            texts = frame.values("__text" if "__text" in frame.columns else next(iter(frame.columns)))
            values = frame.values("__value" if "__value" in frame.columns else next(iter(frame.columns)))
            wanted = self.chosen.get(name, texts[0])
            assert wanted in texts, f"variable {name} of {board['uid']} does not offer {wanted}: {texts}"
            found[name] = (wanted, values[texts.index(wanted)])
        return found

    async def ask(
        self, board: Mapping[str, Any], panel: Panel, variables: Mapping[str, tuple[str, str]]
    ) -> str:
        """What is wrong with a panel's answers; nothing when all is well."""
        for target in panel.content["targets"]:
            source = target["datasource"]["uid"]
            if source == "prometheus":
                wrong = await self._metric(target)
            else:
                query = put_in(target["rawSql"], variables, self._times(board))
                try:
                    wrong = panel.missing(await self.sql(source, query))
                except asyncpg.PostgresError as error:
                    wrong = str(error)
            if wrong:
                return wrong
        return ""

    async def sql(self, source: str, query: str) -> Frame:
        """Ask a database."""
        statement = await self.databases[source].prepare(query)
        columns = {one.name: one.type.name for one in statement.get_attributes()}
        return Frame(columns, [tuple(row) for row in await statement.fetch()])

    async def _metric(self, target: Mapping[str, Any]) -> str:
        """What is wrong with an answer of Prometheus: an error, or no figures."""
        now = datetime.now(UTC)
        ranged = max(60, round((now - self.started).total_seconds()))
        expression = put_in(
            target["expr"],
            {
                "__rate_interval": ("", f"{max(STEP_SECONDS + SCRAPE_SECONDS, 4 * SCRAPE_SECONDS)}s"),
                "__interval": ("", f"{STEP_SECONDS}s"),
                "__range": ("", f"{ranged}s"),
            },
        )
        if target.get("instant"):
            answer = await self.prometheus.get("/api/v1/query", params={"query": expression})
        else:
            times = {"start": self.started.timestamp(), "end": now.timestamp(), "step": STEP_SECONDS}
            answer = await self.prometheus.get("/api/v1/query_range", params={"query": expression, **times})
        body = answer.json()
        if body["status"] != "success":
            return str(body.get("error"))
        series = [one.get("values") or [one["value"]] for one in body["data"]["result"]]
        figures = [value for points in series for _, value in points if value not in ("NaN", "+Inf", "-Inf")]
        return "" if figures else f"no data for {expression}"

    def _times(self, board: Mapping[str, Any]) -> tuple[datetime, datetime]:
        """The dashboard's own time."""
        now = datetime.now(UTC)
        number, unit = re.fullmatch(r"now-(\d+)([hdMy])", board["time"]["from"]).groups()  # type: ignore[union-attr]
        days = {"h": 1 / 24, "d": 1, "M": 31, "y": 366}[unit]
        return now - timedelta(days=int(number) * days), now


def put_in(
    query: str,
    variables: Mapping[str, tuple[str, str]],
    times: tuple[datetime, datetime] | None = None,
) -> str:
    """The query with values for variables and macros; raises KeyError for a variable that nobody knows."""
    if times is not None:
        first, last = (f"'{moment:%Y-%m-%dT%H:%M:%SZ}'" for moment in times)
        query = re.sub(r"\$__timeFilter\(([\w.]+)\)", rf"\1 BETWEEN {first} AND {last}", query)

    def value(match: re.Match[str]) -> str:
        text, chosen = variables[match[1] or match[3] or match[4]]
        return text if match[2] == "text" else chosen.replace("'", "''")

    return _VARIABLE.sub(value, query)


def load(folder: Path) -> list[dict[str, Any]]:
    """The dashboards of a folder."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def money(amount: Decimal) -> str:
    """A figure of a view as the HTTP API writes it."""
    return f"{amount:.2f}"


@asynccontextmanager
async def connected(addresses: Mapping[str, str]) -> AsyncIterator[dict[str, "asyncpg.Connection[Any]"]]:
    """Connections to these databases, by name, until the block ends."""
    connections = {name: await asyncpg.connect(address) for name, address in addresses.items()}
    try:
        yield connections
    finally:
        for connection in connections.values():
            await connection.close()
