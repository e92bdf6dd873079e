"""*Bank result* 全行成果: both books side by side, and who brings the result. What management looks at first."""

from deploy.grafana.board import (
    API,
    BANK,
    DEPARTMENT,
    FIRST,
    IN_PERIOD,
    LAST,
    MANAGER,
    PERIOD,
    TO_MANAGER,
    Board,
    Panel,
    choice,
    to_board,
)
from deploy.grafana.panels import MONEY, MUST_BE_ZERO, SHARE, Steps, bars, column, figure, lines, rows
from deploy.grafana.sources import LEDGER, Sql, metric
from deploy.grafana.statements import MEASURES, NAME_OF_LINE, measures, waterfall

_NOBODYS: Steps = [(None, "green"), (0.02, "yellow"), (0.1, "red")]
_BOOK = choice(
    "book",
    "Book 账本",
    "The book of the waterfall's centre.",
    LEDGER,
    "SELECT unnest(ARRAY['manager', 'department'])",
)
_CENTRE = choice(
    "centre",
    "Centre 利润中心",
    "The profit centre of the waterfall.",
    LEDGER,
    f"SELECT DISTINCT centre_id FROM reporting.statement WHERE book = '$book' AND {IN_PERIOD} ORDER BY centre_id",
)


def board() -> Board:
    """The whole dashboard."""
    return Board(
        BANK,
        "Bank result 全行成果",
        "Both books side by side: what the bank earned, who earned it, and that both sides agree to the fen.",
        since="now-2y",
        variables=(PERIOD, _BOOK, _CENTRE, API),
        rows=(
            ("This period 本期", _headline()),
            ("Both books side by side 双账对照", _both_books()),
            ("Trend 趋势", _trends()),
            ("Who earned it 谁的贡献", _who()),
            ("One profit centre 利润中心", [waterfall("$book", "$centre"), _months()]),
        ),
    )


def _headline() -> list[Panel]:
    agree = Sql(
        LEDGER,
        f"SELECT sum(abs(difference)) AS difference FROM reporting.reconciliation WHERE {IN_PERIOD}",
    )
    nobodys = Sql(
        LEDGER,
        f"""
        SELECT coalesce(sum(unassigned_balance) / nullif(sum(manager_balance), 0), 0) AS share
        FROM reporting.bank_stock WHERE line = 'deposit_balance' AND month = {LAST}
        """,
    )
    open_months = Sql(
        LEDGER,
        f"SELECT count(*) FILTER (WHERE status = 'open') AS open FROM reporting.period WHERE {IN_PERIOD}",
    )
    return [
        *measures("book = 'manager'"),
        figure(
            "Difference 差额",
            "How far the two books are apart, all lines and months of the period added up. It must be 0.00.",
            agree,
            unit=MONEY,
            steps=MUST_BE_ZERO,
        ),
        figure(
            "Deposits of nobody 未分配存款占比",
            "Part of the bank's deposits whose customers nobody looks after, at the end of the period.",
            nobodys,
            unit=SHARE,
            steps=_NOBODYS,
        ),
        figure(
            "Months open 未月结月份",
            "Months of the period that are not closed: figures may still move.",
            open_months,
        ),
    ]


def _both_books() -> list[Panel]:
    table = rows(
        "Each line in both books 各科目双账对照",
        "The totals that GET /v1/reconciliation states: contra centres are left out, the difference must be 0.00, and "
        "unassigned is what nobody's customers brought.",
        Sql(
            LEDGER,
            f"""
            SELECT {NAME_OF_LINE} AS name, coalesce(sum(manager_total), 0.00) AS manager_total,
                   coalesce(sum(department_total), 0.00) AS department_total,
                   coalesce(sum(difference), 0.00) AS difference,
                   coalesce(sum(unassigned_total), 0.00) AS unassigned_total, line::text AS line
            FROM unnest(enum_range(NULL::line_name)) WITH ORDINALITY AS every (line, place)
            LEFT JOIN (SELECT * FROM reporting.reconciliation WHERE {IN_PERIOD}) AS booked USING (line)
            GROUP BY line, place ORDER BY place
            """,
        ),
        unit=MONEY,
        width=14,
        height=12,
    )
    table = column(table, "difference", unit=MONEY, steps=MUST_BE_ZERO)
    chart = bars(
        "Result by line 各科目成果",
        "The flows of the period in both books; the bars of a line must be alike.",
        Sql(
            LEDGER,
            f"""
            SELECT {NAME_OF_LINE} AS name, sum(manager_total) AS "Managers 客户经理", sum(department_total) AS "Departments 产品部门"
            FROM reporting.reconciliation WHERE {IN_PERIOD} AND line > 'loan_balance'
            GROUP BY line ORDER BY line
            """,
        ),
        unit=MONEY,
        width=10,
        height=12,
    ).x_tick_label_rotation(-30)
    return [table, chart]


def _trends() -> list[Panel]:
    efficiency = lines(
        "Efficiency by month, both books 月度效益",
        "The two lines must lie on each other; the difference must be 0.00.",
        Sql(
            LEDGER,
            """
            SELECT month_start::timestamp AS time, sum(manager_total) AS "Managers 客户经理",
                   sum(department_total) AS "Departments 产品部门", sum(difference) AS "Difference 差额"
            FROM reporting.reconciliation WHERE $__timeFilter(month_start) AND line > 'loan_balance'
            GROUP BY month_start ORDER BY month_start
            """,
            series=True,
        ),
        unit=MONEY,
        points=True,
    )
    stocks = lines(
        "Deposits and loans 存款与贷款",
        "The bank's stocks at the end of each month, in both books.",
        Sql(
            LEDGER,
            """
            SELECT month_start::timestamp AS time, line::text AS line,
                   manager_balance AS "managers", department_balance AS "departments"
            FROM reporting.bank_stock WHERE $__timeFilter(month_start) ORDER BY month_start
            """,
            series=True,
        ),
        unit=MONEY,
        points=True,
    )
    nobodys = lines(
        "Unassigned share 未分配占比",
        "Part of deposits and loans whose customers nobody looks after, at the end of each month.",
        Sql(
            LEDGER,
            """
            SELECT month_start::timestamp AS time, line::text AS line,
                   coalesce(unassigned_balance / nullif(manager_balance, 0), 0) AS share
            FROM reporting.bank_stock WHERE $__timeFilter(month_start) ORDER BY month_start
            """,
            series=True,
        ),
        unit=SHARE,
        points=True,
    )
    now = lines(
        "Difference, as it is watched 双账差额监控",
        "What the ledger itself finds every few seconds, line by line, over all months. It must be 0.00.",
        metric("max by (line) (dualbook_ledger_reconciliation_difference_minor_units) / 100", "{{line}}"),
        unit=MONEY,
    )
    return [efficiency, stocks, nobodys, now]


def _who() -> list[Panel]:
    sums = ", ".join(f"sum({measure}) AS {measure}" for measure, _, _ in MEASURES)
    branches = rows(
        "Branches 分行",
        "Results of the period by branch, a manager counting where they stand in each month. A branch leads to its managers.",
        Sql(
            LEDGER,
            f"""
            SELECT coalesce(branch_id, 'unassigned') AS branch_id, count(DISTINCT manager_id) AS managers, {sums}
            FROM reporting.manager_result WHERE {IN_PERIOD} GROUP BY branch_id ORDER BY efficiency DESC
            """,
        ),
        unit=MONEY,
    )
    branches = column(branches, "managers", unit="none")
    branches = column(
        branches,
        "branch_id",
        link=("Managers 客户经理", to_board(MANAGER, branch="${__value.raw}")),
    )
    departments = rows(
        "Departments 产品部门",
        "Results of the period by product department. A department leads to its products and managers.",
        Sql(
            LEDGER,
            f"""
            SELECT centre_id AS department_id, {sums} FROM reporting.statement
            WHERE book = 'department' AND {IN_PERIOD} GROUP BY centre_id ORDER BY efficiency DESC
            """,
        ),
        unit=MONEY,
    )
    departments = column(
        departments,
        "department_id",
        link=("Department 产品部门", to_board(DEPARTMENT, department="${__value.raw}")),
    )
    managers = rows(
        "Managers 客户经理",
        "Results of the period manager by manager, the best first, with the efficiency of as many months before.",
        Sql(
            LEDGER,
            f"""
            WITH span AS (SELECT count(*) AS months FROM reporting.period WHERE {IN_PERIOD}), earlier AS (
                SELECT month FROM reporting.period WHERE month < {FIRST}
                ORDER BY month DESC LIMIT (SELECT months FROM span)
            )
            SELECT manager_id, (array_agg(branch_id ORDER BY month DESC))[1] AS branch_id,
                   coalesce((array_agg(team_id ORDER BY month DESC))[1], '(none)') AS team_id,
                   coalesce(sum(virtual_profit) FILTER (WHERE {IN_PERIOD}), 0) AS virtual_profit,
                   coalesce(sum(efficiency) FILTER (WHERE {IN_PERIOD}), 0) AS efficiency,
                   coalesce(sum(efficiency) FILTER (WHERE month < {FIRST}), 0) AS efficiency_before
            FROM reporting.manager_result
            WHERE {IN_PERIOD} OR month IN (SELECT month FROM earlier)
            GROUP BY manager_id ORDER BY efficiency DESC LIMIT 200
            """,
        ),
        unit=MONEY,
        width=24,
    )
    return [branches, departments, column(managers, "manager_id", link=("Manager 客户经理", TO_MANAGER))]


def _months() -> Panel:
    return rows(
        "Months 会计期间",
        "Every month of the dashboard's time: whether it is closed, by whom and when.",
        Sql(
            LEDGER,
            """
            SELECT period, status, entries, closed_at, closed_by FROM reporting.period
            WHERE $__timeFilter(month_start) ORDER BY month DESC
            """,
        ),
        height=12,
    )
