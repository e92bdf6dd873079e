"""What the dashboards of profit centres have in common: lines with their names, statements, trends and the waterfall."""

import json

from grafana_foundation_sdk.builders import barchart, stat, table, timeseries
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from deploy.grafana.board import FIRST, IN_PERIOD, LAST, to_legs
from deploy.grafana.panels import BLUE, CLEAR, GREEN, MONEY, RED, SIGN, bars, column, figure, lines, rows
from deploy.grafana.sources import LEDGER, Sql, trimmed
from shared.kernel.books import Line, LoanClass

_NAMES = {
    Line.DEPOSIT_BALANCE: "Deposits 存款",
    Line.LOAN_BALANCE: "Loans 贷款",
    Line.INTEREST_INCOME: "Interest 利息收入",
    Line.FEE_INCOME: "Fees 中间业务",
    Line.SETTLEMENT_INCOME: "Settlement 国际结算",
    Line.CREDIT_RISK_INCOME: "Credit risk 授信风险费",
    Line.DEPOSIT_COST: "Deposit cost 自筹资金成本",
    Line.FTP_INCOME: "FTP income 拆出收入",
    Line.FTP_COST: "FTP cost 拆入成本",
    Line.RISK_CHARGE: "Risk charge 风险计提",
    Line.DIRECT_COST: "Direct cost 直接成本",
    Line.ALLOCATED_COST: "Allocated cost 分摊成本",
}
NAME_OF_LINE = f"('{json.dumps(_NAMES, ensure_ascii=False)}'::json ->> line::text)"
"""A line's name in both languages, in SQL."""

MEASURES = (
    (
        "net_interest_income",
        "Net interest 内部利差收入",
        "Interest and internal prices, less what deposits cost",
    ),
    (
        "virtual_profit",
        "Virtual profit 虚拟利润",
        "Net interest, fees, settlement and risk charge, before costs",
    ),
    (
        "efficiency",
        "Efficiency 效益",
        "All income less all costs and the risk charge: what appraisal pays on",
    ),
)


def of_centre(book: str, centre: str) -> str:
    """The condition on a profit centre."""
    return f"book = '{book}' AND centre_id = '{centre}'"


def measures(where: str, width: int = 4) -> list[stat.Panel]:
    """The three measures of the chosen period, large."""
    return [
        figure(
            name,
            f"{says}; of the chosen period.",
            Sql(
                LEDGER,
                f"SELECT sum({measure}) AS {measure} FROM reporting.statement WHERE {where} AND {IN_PERIOD}",
            ),
            unit=MONEY,
            steps=SIGN,
            width=width,
        )
        for measure, name, says in MEASURES
    ]


def stock(where: str, line: Line, width: int = 4) -> stat.Panel:
    """A stock at the end of the chosen period, large."""
    return figure(
        f"{_NAMES[line]}",
        "Balance at the end of the chosen period.",
        Sql(
            LEDGER,
            f"SELECT coalesce(sum(balance), 0) AS balance FROM reporting.stock "
            f"WHERE {where} AND line = '{line}' AND month = {LAST}",
        ),
        unit=MONEY,
        width=width,
    )


def statement(book: str, centre: str) -> table.Panel:
    """Every line of the period beside the one as many months before, each leading to its legs."""
    where = of_centre(book, centre)
    panel = rows(
        "Statement 损益表",
        "Each line of the chosen period, and of as many months before it. A line leads to its legs, page by page, and each "
        "leg to the message it came from.",
        Sql(
            LEDGER,
            f"""
            WITH span AS (
                SELECT count(DISTINCT month) AS months FROM reporting.period WHERE {IN_PERIOD}
            ), earlier AS (
                SELECT DISTINCT month FROM reporting.period, span WHERE month < {FIRST}
                ORDER BY month DESC LIMIT (SELECT months FROM span)
            )
            SELECT {NAME_OF_LINE} AS name, coalesce(sum(amount) FILTER (WHERE {IN_PERIOD}), 0) AS amount,
                   coalesce(sum(amount) FILTER (WHERE month IN (SELECT month FROM earlier)), 0) AS before,
                   line::text AS line
            FROM reporting.statement_line
            WHERE {where} AND ({IN_PERIOD} OR month IN (SELECT month FROM earlier))
            GROUP BY statement_line.line ORDER BY statement_line.line
            """,
        ),
        unit=MONEY,
        width=12,
        height=12,
    )
    legs = to_legs(book, centre, "${__data.fields.line}")
    return column(panel, "amount", unit=MONEY, link=("Legs 分录", legs))


def waterfall(book: str, centre: str) -> barchart.Panel:
    """How the efficiency of the period comes about, line by line: each bar begins where the one before ended."""
    panel = bars(
        "Waterfall 瀑布图: from interest to efficiency",
        "Each line adds to the efficiency of the chosen period or takes from it; the last bar is the efficiency.",
        Sql(LEDGER, _WATERFALL.format(name=NAME_OF_LINE, where=of_centre(book, centre), period=IN_PERIOD)),
        unit=MONEY,
        width=12,
        height=12,
        stacked=True,
    )
    for name, shown, color in _BARS:
        properties = [
            DynamicConfigValue("color", {"mode": "fixed", "fixedColor": color}),
            DynamicConfigValue("displayName", shown),
        ]
        if color == CLEAR:
            hidden = {"legend": True, "tooltip": True, "viz": False}
            properties += [
                DynamicConfigValue("custom.hideFrom", hidden),
                DynamicConfigValue("custom.fillOpacity", 0),
                DynamicConfigValue("custom.lineWidth", 0),
            ]
        panel = panel.override_by_name(name, properties)
    return panel.x_tick_label_rotation(-30)


_BARS = (
    ("base", "from", CLEAR),
    ("base_below", "from", CLEAR),
    ("plus", "adds 增", GREEN),
    ("plus_below", "adds 增", GREEN),
    ("minus", "takes 减", RED),
    ("minus_below", "takes 减", RED),
    ("total", "efficiency 效益", BLUE),
    ("total_below", "efficiency 效益", BLUE),
)
# A bar that crosses zero has a part above it and one below, as stacks grow away from zero on either side.
_WATERFALL = """
    WITH step AS (
        SELECT row_number() OVER (ORDER BY line) AS place, {name} AS name, sum(amount) AS amount
        FROM reporting.statement_line WHERE {where} AND {period} AND line > 'loan_balance' GROUP BY line
    ), bar AS (
        SELECT place, name, CASE WHEN amount < 0 THEN 'minus' ELSE 'plus' END AS kind,
               sum(amount) OVER (ORDER BY place) - amount AS starts, sum(amount) OVER (ORDER BY place) AS ends
        FROM step
        UNION ALL SELECT max(place) + 1, 'Efficiency 效益', 'total', 0, sum(amount) FROM step
    ), part AS (
        SELECT place, name, kind,
               greatest(least(starts, ends), 0) AS low, greatest(greatest(starts, ends), 0) AS high,
               least(greatest(starts, ends), 0) AS low_below, least(least(starts, ends), 0) AS high_below
        FROM bar WHERE place IS NOT NULL
    )
    SELECT name, low AS base, low_below AS base_below,
           CASE kind WHEN 'plus' THEN high - low ELSE 0 END AS plus,
           CASE kind WHEN 'plus' THEN high_below - low_below ELSE 0 END AS plus_below,
           CASE kind WHEN 'minus' THEN high - low ELSE 0 END AS minus,
           CASE kind WHEN 'minus' THEN high_below - low_below ELSE 0 END AS minus_below,
           CASE kind WHEN 'total' THEN high - low ELSE 0 END AS total,
           CASE kind WHEN 'total' THEN high_below - low_below ELSE 0 END AS total_below
    FROM part ORDER BY place
"""


def measures_by_month(where: str) -> timeseries.Panel:
    """The three measures, month by month."""
    return lines(
        "Measures by month 月度效益",
        "The three measures of each month of the dashboard's time.",
        Sql(
            LEDGER,
            f"""
            SELECT month_start::timestamp AS time, sum(net_interest_income) AS "Net interest 内部利差收入",
                   sum(virtual_profit) AS "Virtual profit 虚拟利润", sum(efficiency) AS "Efficiency 效益"
            FROM reporting.statement WHERE {where} AND $__timeFilter(month_start)
            GROUP BY month_start ORDER BY month_start
            """,
            series=True,
        ),
        unit=MONEY,
        points=True,
    )


def stocks_by_month(where: str) -> timeseries.Panel:
    """Stocks and their ten-day averages, month by month."""
    return lines(
        "Stocks and ten-day averages 存量与旬均余额",
        "Deposits and loans at the end of each month, and the mean of the 10th, the 20th and the last day.",
        Sql(
            LEDGER,
            f"""
            SELECT month_start::timestamp AS time,
                   sum(balance) FILTER (WHERE line = 'deposit_balance') AS "Deposits 存款",
                   sum(balance) FILTER (WHERE line = 'loan_balance') AS "Loans 贷款",
                   sum(ten_day_average) FILTER (WHERE line = 'deposit_balance') AS "Deposits, average 存款旬均",
                   sum(ten_day_average) FILTER (WHERE line = 'loan_balance') AS "Loans, average 贷款旬均"
            FROM reporting.stock WHERE {where} AND $__timeFilter(month_start)
            GROUP BY month_start ORDER BY month_start
            """,
            series=True,
        ),
        unit=MONEY,
        points=True,
    )


def loan_classes(title: str, says: str, key: str, rest: str, *, width: int) -> table.Panel:
    """A heat map: what is outstanding by class, a row each ``key``; ``rest`` is the query behind the columns."""
    sums = ", ".join(
        f"coalesce(sum(outstanding) FILTER (WHERE loan_class = '{one}'), 0) AS {one}" for one in LoanClass
    )
    query = Sql(LEDGER, f"SELECT {key}, {sums}\n{trimmed(rest)}")
    heat = rows(title, says, query, unit=MONEY, width=width)
    for one in LoanClass:
        scheme = "continuous-blues" if one is LoanClass.NORMAL else "continuous-YlRd"
        heat = column(heat, one.value, unit=MONEY, heat=scheme)
    return heat
