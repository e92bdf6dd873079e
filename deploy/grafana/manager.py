"""*Manager* 客户经理: one manager's statement, portfolio, loans, duties and scorecards."""

from deploy.grafana.board import API, MANAGER, PERIOD, Board, Panel, choice
from deploy.grafana.panels import (
    COUNT,
    GREEN,
    MONEY,
    MUST_BE_NONE,
    PERCENT,
    RED,
    YELLOW,
    Steps,
    bars,
    column,
    dial,
    figure,
    lines,
    parts,
    rows,
)
from deploy.grafana.sources import APPRAISAL, ASSIGNMENT, LEDGER, Sql
from deploy.grafana.statements import (
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

FULL: Steps = [(None, GREEN), (85, YELLOW), (100, RED)]
"""Percent of a capacity."""
POINTS: Steps = [(None, RED), (60, YELLOW), (75, GREEN)]
"""Totals of scorecards."""

_BRANCH = choice(
    "branch",
    "Branch 分行",
    "Branches of today.",
    ASSIGNMENT,
    "SELECT DISTINCT branch_id FROM reporting.manager WHERE branch_id IS NOT NULL ORDER BY branch_id",
)
_TEAM = choice(
    "team",
    "Team 团队",
    "Teams of the branch; (none) for those without one.",
    ASSIGNMENT,
    "SELECT DISTINCT coalesce(team_id, '(none)') FROM reporting.manager WHERE branch_id = '$branch' ORDER BY 1",
)
_MANAGER = choice(
    "manager",
    "Manager 客户经理",
    "Managers of the team.",
    ASSIGNMENT,
    """
    SELECT manager_id FROM reporting.manager
    WHERE branch_id = '$branch' AND coalesce(team_id, '(none)') = '$team' ORDER BY manager_id
    """,
)
_OWN = of_centre("manager", "$manager")


def board() -> Board:
    """The whole dashboard."""
    return Board(
        MANAGER,
        "Manager 客户经理",
        "What one manager earned, looks after, has to do, and how that was appraised.",
        since="now-2y",
        variables=(_BRANCH, _TEAM, _MANAGER, PERIOD, API),
        rows=(
            ("This period 本期", _headline()),
            ("Result 成果", [statement("manager", "$manager"), waterfall("manager", "$manager")]),
            ("Trend 趋势", [measures_by_month(_OWN), stocks_by_month(_OWN)]),
            ("Portfolio 客户组合", _portfolio()),
            ("Loans 贷款", _loans()),
            ("To do 待办", _to_do()),
            ("Appraisal 考核", _appraisal()),
        ),
    )


def _headline() -> list[Panel]:
    load = Sql(
        ASSIGNMENT,
        """
        SELECT coalesce(100 * load / nullif(capacity, 0), 0) AS load
        FROM reporting.manager WHERE manager_id = '$manager'
        """,
    )
    customers = Sql(ASSIGNMENT, "SELECT customers FROM reporting.manager WHERE manager_id = '$manager'")
    return [
        *measures(_OWN),
        stock(_OWN, Line.DEPOSIT_BALANCE),
        stock(_OWN, Line.LOAN_BALANCE),
        dial(
            "Load 负荷",
            "Load in percent of the grade's capacity today: tier weights × shares of all customers.",
            load,
            unit=PERCENT,
            steps=FULL,
            most=120,
            width=2,
        ),
        figure("Customers 客户", "Customers looked after today, shared ones too.", customers, width=2),
    ]


def _portfolio() -> list[Panel]:
    by_tier = parts(
        "Customers by tier 客户分层",
        "Customers looked after today, by tier.",
        Sql(
            ASSIGNMENT,
            """
            SELECT tier, count(*) AS customers FROM reporting.portfolio
            WHERE manager_id = '$manager' GROUP BY tier ORDER BY tier
            """,
        ),
    )
    customers = rows(
        "Customers 客户台账",
        "Who is looked after today, with the stocks of the last closed month and the contribution of the last twelve.",
        Sql(
            ASSIGNMENT,
            """
            WITH recent AS (
                SELECT DISTINCT month FROM reporting.customer_result ORDER BY month DESC LIMIT 12
            ), brought AS (
                SELECT customer_id, (array_agg(deposits ORDER BY month DESC))[1] AS deposits,
                       (array_agg(loans ORDER BY month DESC))[1] AS loans, sum(contribution) AS contribution
                FROM reporting.customer_result JOIN recent USING (month)
                WHERE customer_id IN (SELECT customer_id FROM reporting.portfolio WHERE manager_id = '$manager')
                GROUP BY customer_id
            )
            SELECT portfolio.customer_id, tier, kind, share, is_lead, effective_from AS since, deposits, loans,
                   contribution, visit_due.due_on AS visit_due
            FROM reporting.portfolio
            LEFT JOIN brought USING (customer_id)
            LEFT JOIN (SELECT customer_id, due_on FROM reporting.visit_due) AS visit_due USING (customer_id)
            WHERE portfolio.manager_id = '$manager'
            ORDER BY contribution DESC NULLS LAST, customer_id LIMIT 500
            """,
        ),
        width=18,
        height=8,
    )
    for name in ("deposits", "loans", "contribution"):
        customers = column(customers, name, unit=MONEY)
    return [by_tier, customers]


def _loans() -> list[Panel]:
    heat = loan_classes(
        "Loan classes, heat map 五级分类热力图",
        "Outstanding loans by class, by the shares of today: who else looks after the loans' customers stands beside the "
        "manager. The hotter, the more.",
        "manager_id",
        """
        FROM reporting.loan_share
        WHERE customer_id IN (SELECT customer_id FROM reporting.loan_share WHERE manager_id = '$manager')
        GROUP BY manager_id ORDER BY manager_id <> '$manager', manager_id
        """,
        width=16,
    )
    ratio = parts(
        "Outstanding by class 各类余额",
        "The manager's own part of outstanding loans, by class.",
        Sql(
            LEDGER,
            """
            SELECT loan_class, sum(outstanding) AS outstanding FROM reporting.loan_share
            WHERE manager_id = '$manager' GROUP BY loan_class ORDER BY loan_class
            """,
        ),
        unit=MONEY,
        width=8,
    )
    return [heat, ratio]


def _to_do() -> list[Panel]:
    duties = rows(
        "Duties 合规任务",
        "Duties for whose customers the manager answers today, the open ones first.",
        Sql(
            ASSIGNMENT,
            """
            SELECT kind, customer_id, raised_on, due_on, status, CASE WHEN is_overdue THEN 1 ELSE 0 END AS overdue, amount
            FROM reporting.duty WHERE manager_id = '$manager' ORDER BY done_on IS NOT NULL, due_on LIMIT 200
            """,
        ),
        width=10,
    )
    duties = column(column(duties, "overdue", steps=MUST_BE_NONE), "amount", unit=MONEY)
    visits = rows(
        "Visits 拜访",
        "When each customer is to be visited next, by tier.",
        Sql(
            ASSIGNMENT,
            """
            SELECT customer_id, tier, visited_on, due_on, CASE WHEN is_due THEN 1 ELSE 0 END AS due
            FROM reporting.visit_due WHERE manager_id = '$manager' ORDER BY due_on LIMIT 200
            """,
        ),
        width=7,
    )
    complaints = rows(
        "Complaints 投诉",
        "Complaints given to the manager, the unanswered first.",
        Sql(
            ASSIGNMENT,
            """
            SELECT customer_id, received_on, due_on, status, in_time FROM reporting.complaint
            WHERE manager_id = '$manager' ORDER BY answered_on IS NOT NULL, due_on LIMIT 200
            """,
        ),
        width=7,
    )
    return [duties, column(visits, "due", steps=[(None, GREEN), (1, YELLOW)]), complaints]


def _appraisal() -> list[Panel]:
    cards = rows(
        "Scorecards 记分卡",
        "Published scorecards, the newest first.",
        Sql(
            APPRAISAL,
            """
            SELECT cycle_id, total, rating, group_id AS grade, efficiency, calibration, vetoes FROM reporting.scorecard
            WHERE side = 'manager' AND centre_id = '$manager' AND published ORDER BY cycle_id DESC
            """,
        ),
    )
    cards = column(column(cards, "total", steps=POINTS), "efficiency", unit=MONEY)
    indicators = bars(
        "Indicators of the last scorecard 指标得分",
        "What each indicator of the newest published scorecard came to, in points.",
        Sql(
            APPRAISAL,
            """
            SELECT name, score FROM reporting.indicator_score
            WHERE side = 'manager' AND centre_id = '$manager' AND published AND cycle_id = (
                SELECT max(cycle_id) FROM reporting.scorecard
                WHERE side = 'manager' AND centre_id = '$manager' AND published)
            ORDER BY weight DESC, name
            """,
        ),
        unit=COUNT,
        lying=True,
    )
    vault = lines(
        "Vault 绩效薪酬金库",
        "Deferred pay by the day on which it falls due: paid, still open, and clawed back. The time is that of the awards.",
        Sql(
            APPRAISAL,
            """
            SELECT due_on::timestamp AS time, sum(paid) AS "Paid 已付", sum(open) AS "Open 待付", sum(cancelled) AS "Clawed back 扣回"
            FROM reporting.instalment WHERE manager_id = '$manager' GROUP BY due_on ORDER BY due_on
            """,
            series=True,
        ),
        unit=MONEY,
        points=True,
    ).time_from("5y/y")
    return [cards, indicators, vault]
