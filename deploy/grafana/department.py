"""*Department* 产品部门: one product department's statement, products, and the managers who bring its result."""

from deploy.grafana.board import API, DEPARTMENT, IN_PERIOD, PERIOD, TO_MANAGER, Board, Panel, choice
from deploy.grafana.manager import POINTS
from deploy.grafana.panels import COUNT, MONEY, bars, column, parts, rows
from deploy.grafana.sources import APPRAISAL, ASSIGNMENT, LEDGER, Sql
from deploy.grafana.statements import (
    MEASURES,
    loan_classes,
    measures,
    measures_by_month,
    of_centre,
    statement,
    stock,
    stocks_by_month,
    waterfall,
)
from shared.kernel.books import Line

_DEPARTMENT = choice(
    "department",
    "Department 产品部门",
    "Departments with a result.",
    LEDGER,
    "SELECT DISTINCT centre_id FROM reporting.statement WHERE book = 'department' ORDER BY centre_id",
)
_OWN = of_centre("department", "$department")
_SUMS = ", ".join(f"sum({measure}) AS {measure}" for measure, _, _ in MEASURES)


def board() -> Board:
    """The whole dashboard."""
    return Board(
        DEPARTMENT,
        "Department 产品部门",
        "What one product department earned, with which products and through whom.",
        since="now-2y",
        variables=(_DEPARTMENT, PERIOD, API),
        rows=(
            (
                "This period 本期",
                [*measures(_OWN), stock(_OWN, Line.DEPOSIT_BALANCE, 6), stock(_OWN, Line.LOAN_BALANCE, 6)],
            ),
            ("Result 成果", [statement("department", "$department"), waterfall("department", "$department")]),
            ("Products and managers 产品与客户经理", [_products(), _managers()]),
            ("Trend 趋势", [measures_by_month(_OWN), stocks_by_month(_OWN)]),
            ("Loans and referrals 贷款与推荐", [_loans(), _referrals()]),
            ("Appraisal 考核", [_cards(), _funds()]),
        ),
    )


def _products() -> Panel:
    return rows(
        "Products 产品",
        "What each product adds to the department in the period. What a month close gives to the department as a whole "
        "stands under (close).",
        Sql(
            LEDGER,
            f"""
            SELECT coalesce(product_code, '(close)') AS product, {_SUMS} FROM reporting.product_statement
            WHERE {_OWN} AND {IN_PERIOD} GROUP BY product_code ORDER BY efficiency DESC
            """,
        ),
        unit=MONEY,
    )


def _managers() -> Panel:
    panel = rows(
        "Through whom 由谁实现",
        "The managers who brought the department's result of the period, by the manager book.",
        Sql(
            LEDGER,
            f"""
            WITH place AS (
                SELECT manager_id, branch_id, coalesce(team_id, '(none)') AS team_id FROM reporting.manager_place
                WHERE month = (SELECT max(month) FROM reporting.period WHERE {IN_PERIOD})
            )
            SELECT centre_id AS manager_id, branch_id, team_id, {_SUMS}
            FROM reporting.product_statement LEFT JOIN place ON place.manager_id = product_statement.centre_id
            WHERE book = 'manager' AND department_id = '$department' AND {IN_PERIOD}
            GROUP BY centre_id, branch_id, team_id ORDER BY efficiency DESC LIMIT 200
            """,
        ),
        unit=MONEY,
    )
    return column(panel, "manager_id", link=("Manager 客户经理", TO_MANAGER))


def _loans() -> Panel:
    return loan_classes(
        "Loan classes by department, heat map 五级分类热力图",
        "Outstanding loans by class of every department that has any, the chosen one first. The hotter, the more.",
        "department_id",
        """
        FROM reporting.loan_product
        GROUP BY department_id ORDER BY department_id <> '$department', department_id
        """,
        width=12,
    )


def _referrals() -> Panel:
    return parts(
        "Referrals 推荐",
        "What managers referred to the departments, by outcome, the chosen department and all others apart.",
        Sql(
            ASSIGNMENT,
            """
            SELECT CASE department_id WHEN '$department' THEN status ELSE status || ' (others)' END AS outcome,
                   count(*) AS referrals
            FROM reporting.referral GROUP BY 1 ORDER BY 1
            """,
        ),
        width=12,
    )


def _cards() -> Panel:
    panel = rows(
        "Scorecards 记分卡",
        "Published scorecards of the department, the newest first.",
        Sql(
            APPRAISAL,
            """
            SELECT cycle_id, total, rating, efficiency, calibration FROM reporting.scorecard
            WHERE side = 'department' AND centre_id = '$department' AND published ORDER BY cycle_id DESC
            """,
        ),
    )
    return column(column(panel, "total", steps=POINTS, unit=COUNT), "efficiency", unit=MONEY)


def _funds() -> Panel:
    return bars(
        "Funds 奖励基金",
        "The fund that the department was granted in each cycle, beside those of all others.",
        Sql(
            APPRAISAL,
            """
            SELECT cycle_id, coalesce(sum(amount) FILTER (WHERE department_id = '$department'), 0) AS "This 本部门",
                   coalesce(sum(amount) FILTER (WHERE department_id <> '$department'), 0) AS "Others 其他"
            FROM reporting.department_fund GROUP BY cycle_id ORDER BY cycle_id
            """,
        ),
        unit=MONEY,
        stacked=True,
    )
