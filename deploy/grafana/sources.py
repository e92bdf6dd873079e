"""Data sources and their queries. Uids are fixed: provisioning gives them, dashboards rely on them."""

from typing import Any, Self

from grafana_foundation_sdk.builders.prometheus import Dataquery as PrometheusQuery
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.runtime import DataqueryConfig, register_dataquery_variant
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import DataSourceRef

POSTGRES = "grafana-postgresql-datasource"
PROMETHEUS = DataSourceRef("prometheus", "prometheus")
ASSIGNMENT = DataSourceRef(POSTGRES, "assignment")
LEDGER = DataSourceRef(POSTGRES, "ledger")
APPRAISAL = DataSourceRef(POSTGRES, "appraisal")


class SqlQuery(Dataquery):
    """A query of Grafana's PostgreSQL data source, for which the SDK has no model."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data

    def to_json(self) -> dict[str, object]:
        return self.data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Raises KeyError where it is no query of this kind."""
        fields = ("refId", "datasource", "format", "rawSql", "rawQuery", "editorMode")
        return cls({name: data[name] for name in fields})


register_dataquery_variant(DataqueryConfig(POSTGRES, SqlQuery.from_json))


class Sql(Builder[Dataquery]):
    """``statement`` on the reporting views of a service: a table, or with ``series`` a column ``time``, figures, and
    texts that name their series."""

    def __init__(
        self, source: DataSourceRef, statement: str, *, series: bool = False, ref_id: str = "A"
    ) -> None:
        self._data: dict[str, Any] = {
            "refId": ref_id,
            "datasource": source.to_json(),
            "editorMode": "code",
            "format": "time_series" if series else "table",
            "rawQuery": True,
            "rawSql": trimmed(statement),
        }

    def build(self) -> Dataquery:
        return SqlQuery(self._data)


def trimmed(statement: str) -> str:
    """The statement without the indentation of the code around it."""
    lines = statement.strip("\n").splitlines()
    indents = [len(line) - len(line.lstrip()) for line in lines if line.strip()]
    margin = min(indents, default=0)
    return "\n".join(line[margin:].rstrip() for line in lines).strip()


def metric(expression: str, legend: str = "", *, ref_id: str = "A", now: bool = False) -> PrometheusQuery:
    """A query to Prometheus over the dashboard's time, or with ``now`` of this moment."""
    query = PrometheusQuery().expr(expression).ref_id(ref_id).datasource(PROMETHEUS)
    query = query.legend_format(legend) if legend else query
    return query.instant() if now else query.range()
