"""Panels: one function a kind, each with a title, words, a query and a unit. Widths are parts of 24."""

from typing import TypeVar

from grafana_foundation_sdk.builders import (
    barchart,
    bargauge,
    common,
    gauge,
    histogram,
    piechart,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.builders.dashboard import DashboardLink, ThresholdsConfig
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as models
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue, Threshold, ThresholdsMode
from grafana_foundation_sdk.models.piechart import PieChartLabels, PieChartType

Query = Builder[Dataquery]
PanelT = TypeVar(
    "PanelT",
    stat.Panel,
    gauge.Panel,
    bargauge.Panel,
    table.Panel,
    barchart.Panel,
    timeseries.Panel,
    histogram.Panel,
    piechart.Panel,
)

MONEY, PERCENT, SHARE, SECONDS, BYTES, COUNT = "currency:¥", "percent", "percentunit", "s", "bytes", "none"
PER_SECOND = "cps"
GREEN, YELLOW, RED, BLUE, PURPLE, CLEAR = "green", "yellow", "red", "blue", "purple", "transparent"

Steps = list[tuple[float | None, str]]
"""Colours from a figure on; the first from any."""

CALM: Steps = [(None, BLUE)]
MUST_BE_ZERO: Steps = [(None, RED), (0, GREEN), (0.005, RED)]
"""Any figure but 0.00, which has two places, is wrong."""
BEST_NONE: Steps = [(None, GREEN), (1, YELLOW)]
MUST_BE_NONE: Steps = [(None, GREEN), (1, RED)]
SIGN: Steps = [(None, RED), (0, GREEN)]


def _dressed(
    panel: PanelT, title: str, says: str, queries: tuple[Query, ...], unit: str, size: tuple[int, int]
) -> PanelT:
    for query in queries:
        panel = panel.with_target(query)
    panel = panel.title(title).description(says).span(size[0]).height(size[1])
    return panel.unit(unit).decimals(2) if unit == MONEY else panel.unit(unit)


def _thresholds(steps: Steps) -> ThresholdsConfig:
    made = [Threshold(value, color) for value, color in steps]
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(made)


def _reduced() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"])


def figure(
    title: str, says: str, *queries: Query, unit: str = COUNT, steps: Steps = CALM, width: int = 4
) -> stat.Panel:
    """One figure, or a few, written large."""
    panel = _dressed(stat.Panel(), title, says, queries, unit, (width, 4))
    return panel.thresholds(_thresholds(steps)).reduce_options(_reduced())


def dial(
    title: str, says: str, *queries: Query, unit: str, steps: Steps, most: float, width: int = 4
) -> gauge.Panel:
    """A figure against its limits."""
    panel = _dressed(gauge.Panel(), title, says, queries, unit, (width, 4))
    return panel.thresholds(_thresholds(steps)).min(0).max(most).reduce_options(_reduced())


def levels(
    title: str, says: str, *queries: Query, unit: str, steps: Steps, width: int = 8, most: float | None = None
) -> bargauge.Panel:
    """A few figures side by side, as bars."""
    panel = _dressed(bargauge.Panel(), title, says, queries, unit, (width, 8))
    panel = panel.orientation(models.VizOrientation.HORIZONTAL).display_mode(models.BarGaugeDisplayMode.BASIC)
    panel = panel.thresholds(_thresholds(steps)).min(0).reduce_options(_reduced())
    return panel if most is None else panel.max(most)


def rows(
    title: str, says: str, *queries: Query, unit: str = COUNT, width: int = 12, height: int = 9
) -> table.Panel:
    """A table; ``columns`` dress single ones of it."""
    return _dressed(table.Panel(), title, says, queries, unit, (width, height)).filterable(True)


def column(
    panel: table.Panel,
    name: str,
    *,
    unit: str | None = None,
    steps: Steps | None = None,
    heat: str | None = None,
    link: tuple[str, str] | None = None,
) -> table.Panel:
    """Dress a column: its unit, colours from figures on, a heat (a colour scheme), or a link (title and URL)."""
    properties = []
    if unit is not None:
        properties.append(DynamicConfigValue("unit", unit))
        properties.append(DynamicConfigValue("decimals", 2 if unit == MONEY else None))
    if steps is not None:
        properties.append(DynamicConfigValue("thresholds", _thresholds(steps).build()))
    if heat is not None:
        properties.append(DynamicConfigValue("color", {"mode": heat}))
    if steps is not None or heat is not None:
        cell = models.TableColoredBackgroundCellOptions(mode=models.TableCellBackgroundDisplayMode.BASIC)
        properties.append(DynamicConfigValue("custom.cellOptions", cell))
    if link is not None:
        properties.append(
            DynamicConfigValue("links", [DashboardLink(link[0]).url(link[1]).target_blank(True).build()])
        )
    return panel.override_by_name(name, properties)


def bars(
    title: str,
    says: str,
    *queries: Query,
    unit: str = COUNT,
    width: int = 12,
    height: int = 9,
    stacked: bool = False,
    lying: bool = False,
) -> barchart.Panel:
    """Bars, one group a row of the query; its first column names them."""
    panel = _dressed(barchart.Panel(), title, says, queries, unit, (width, height))
    if lying:
        panel = panel.orientation(models.VizOrientation.HORIZONTAL)
    panel = panel.stacking(models.StackingMode.NORMAL) if stacked else panel
    return panel.fill_opacity(80).legend(_legend())


def lines(
    title: str,
    says: str,
    *queries: Query,
    unit: str = COUNT,
    width: int = 12,
    height: int = 8,
    points: bool = False,
) -> timeseries.Panel:
    """Figures over time."""
    panel = _dressed(timeseries.Panel(), title, says, queries, unit, (width, height))
    panel = panel.line_width(2).fill_opacity(8).legend(_legend())
    return panel.show_points(models.VisibilityMode.ALWAYS) if points else panel


def parts(title: str, says: str, *queries: Query, unit: str = COUNT, width: int = 6) -> piechart.Panel:
    """Parts of a whole: every row of the query is one, named by its first column."""
    panel = _dressed(piechart.Panel(), title, says, queries, unit, (width, 8))
    panel = panel.pie_type(PieChartType.DONUT).display_labels([PieChartLabels.NAME, PieChartLabels.PERCENT])
    shown = common.HideSeriesConfig().legend(False).tooltip(False).viz(False)
    return panel.hide_from(shown).reduce_options(common.ReduceDataOptions().values(True))


def distribution(title: str, says: str, *queries: Query, bucket: int, width: int = 12) -> histogram.Panel:
    """How often figures occur, in buckets of a size."""
    panel = _dressed(histogram.Panel(), title, says, queries, COUNT, (width, 9)).bucket_size(bucket)
    return panel.fill_opacity(80).line_width(1).gradient_mode(models.GraphGradientMode.NONE)


def _legend() -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .show_legend(True)
        .display_mode(models.LegendDisplayMode.LIST)
        .placement(models.LegendPlacement.BOTTOM)
    )
