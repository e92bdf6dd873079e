"""*Appraisal and incentive* 考核与激励: scores, ratings, awards, vaults, clawbacks and grades of a cycle."""

from deploy.grafana.board import INCENTIVE, Board, Panel, choice
from deploy.grafana.manager import POINTS
from deploy.grafana.panels import MONEY, MUST_BE_ZERO, bars, column, distribution, figure, lines, parts, rows
from deploy.grafana.sources import APPRAISAL, Sql, metric

_CYCLE = choice(
    "cycle",
    "Cycle 考核周期",
    "Cycles that are published, the newest first.",
    APPRAISAL,
    "SELECT cycle_id FROM reporting.cycle WHERE published_at IS NOT NULL ORDER BY published_at DESC",
    newest_first=True,
)
_CARDS = "FROM reporting.scorecard WHERE cycle_id = '$cycle' AND published"


def board() -> Board:
    """The whole dashboard."""
    return Board(
        INCENTIVE,
        "Appraisal and incentive 考核与激励",
        "How a cycle came out, what was awarded for it, and what was taken back since.",
        since="now-2y",
        variables=(_CYCLE,),
        rows=(
            ("This cycle 本周期", _headline()),
            ("Scores 得分", _scores()),
            ("Awards 绩效薪酬", _awards()),
            ("Deferral and clawback 延期与扣回", _vaults()),
            ("Grades, rewards and penalties 等级与奖惩", _ladder()),
            ("Cycles 周期", _cycles()),
        ),
    )


def _sum(title: str, says: str, statement: str) -> Panel:
    return figure(title, says, Sql(APPRAISAL, statement), unit=MONEY)


def _headline() -> list[Panel]:
    return [
        figure(
            "Scorecards 记分卡",
            "Managers and departments that were scored.",
            Sql(APPRAISAL, f"SELECT count(*) AS cards {_CARDS}"),
        ),
        figure(
            "Mean total 平均得分",
            "Mean of the managers' totals, in points.",
            Sql(APPRAISAL, f"SELECT round(avg(total), 2) AS mean {_CARDS} AND side = 'manager'"),
            steps=POINTS,
        ),
        figure(
            "Both sides 双边差额",
            "Efficiency of all managers less that of all departments, as frozen. It must be 0.00.",
            Sql(
                APPRAISAL,
                "SELECT manager_efficiency - department_efficiency AS difference FROM reporting.cycle "
                "WHERE cycle_id = '$cycle'",
            ),
            unit=MONEY,
            steps=MUST_BE_ZERO,
        ),
        _sum(
            "Awarded 绩效薪酬",
            "Awards of the cycle to managers.",
            "SELECT coalesce(sum(amount), 0) AS awarded FROM reporting.award WHERE cycle_id = '$cycle'",
        ),
        _sum(
            "Still deferred 待付",
            "What of the cycle's awards is still to be paid.",
            "SELECT coalesce(sum(open), 0) AS open FROM reporting.instalment WHERE cycle_id = '$cycle'",
        ),
        _sum(
            "Clawed back 扣回",
            "What of the cycle's awards was clawed back, less what was released again.",
            "SELECT coalesce(sum(CASE WHEN released THEN -amount ELSE amount END), 0) AS clawed_back "
            "FROM reporting.clawback WHERE cycle_id = '$cycle'",
        ),
    ]


def _scores() -> list[Panel]:
    return [
        distribution(
            "Distribution of scores 得分分布",
            "How many managers had which total, in steps of five points.",
            Sql(APPRAISAL, f"SELECT total {_CARDS} AND side = 'manager' AND total IS NOT NULL"),
            bucket=5,
        ),
        bars(
            "Ratings 考核等级",
            "How many managers and departments had which rating, after calibration and appeals.",
            Sql(
                APPRAISAL,
                f"""
                SELECT rating, count(*) FILTER (WHERE side = 'manager') AS "Managers 客户经理",
                       count(*) FILTER (WHERE side = 'department') AS "Departments 产品部门"
                {_CARDS} AND rating IS NOT NULL GROUP BY rating ORDER BY rating
                """,
            ),
        ),
        bars(
            "Mean score of each indicator 指标平均得分",
            "What each indicator came to over all managers, in points: where the bank is strong and where not.",
            Sql(
                APPRAISAL,
                """
                SELECT name, round(avg(score), 2) AS score FROM reporting.indicator_score
                WHERE cycle_id = '$cycle' AND published AND side = 'manager' GROUP BY name ORDER BY name
                """,
            ),
            lying=True,
        ),
        column(
            column(
                rows(
                    "Ranking 排名",
                    "Scorecards of the cycle, the best first.",
                    Sql(
                        APPRAISAL,
                        f"""
                        SELECT centre_id, side, group_id, total, rating, efficiency, calibration, vetoes, appeal
                        {_CARDS} AND total IS NOT NULL ORDER BY total DESC, centre_id LIMIT 500
                        """,
                    ),
                ),
                "total",
                steps=POINTS,
            ),
            "efficiency",
            unit=MONEY,
        ),
    ]


def _awards() -> list[Panel]:
    by_grade = bars(
        "Awards by grade 各等级绩效薪酬",
        "What managers of each grade were awarded in the cycle, paid at once and deferred.",
        Sql(
            APPRAISAL,
            """
            SELECT coalesce(grade, '(none)') AS grade, sum(immediate) AS "At once 当期", sum(deferred) AS "Deferred 延期"
            FROM reporting.award WHERE cycle_id = '$cycle' GROUP BY grade ORDER BY grade
            """,
        ),
        unit=MONEY,
        stacked=True,
        width=8,
    )
    by_rating = parts(
        "Awards by rating 各评级绩效薪酬",
        "What managers of each rating were awarded in the cycle.",
        Sql(
            APPRAISAL,
            "SELECT rating, sum(amount) AS amount FROM reporting.award WHERE cycle_id = '$cycle' GROUP BY rating ORDER BY rating",
        ),
        unit=MONEY,
        width=8,
    )
    funds = bars(
        "Funds of departments 部门奖励基金",
        "What each department was granted in the cycle, by the same rule.",
        Sql(
            APPRAISAL,
            "SELECT department_id, amount FROM reporting.department_fund WHERE cycle_id = '$cycle' ORDER BY department_id",
        ),
        unit=MONEY,
        width=8,
    )
    return [by_grade, by_rating, funds]


def _vaults() -> list[Panel]:
    due = lines(
        "Deferred pay by due day 延期支付日程",
        "All vaults: what was paid, is open and was clawed back, by the day on which it falls due.",
        Sql(
            APPRAISAL,
            """
            SELECT due_on::timestamp AS time, sum(paid) AS "Paid 已付", sum(open) AS "Open 待付", sum(cancelled) AS "Clawed back 扣回"
            FROM reporting.instalment GROUP BY due_on ORDER BY due_on
            """,
            series=True,
        ),
        unit=MONEY,
        points=True,
    )
    clawbacks = rows(
        "Clawbacks 追索扣回",
        "Every clawback and release, the newest first; GET /v1/vaults/{manager_id}/clawbacks/{id}/explain explains each.",
        Sql(
            APPRAISAL,
            """
            SELECT business_date, manager_id, cycle_id, loan_id, loan_class, released, amount, from_instalments, claim
            FROM reporting.clawback ORDER BY business_date DESC, clawback_id LIMIT 200
            """,
        ),
    )
    for name in ("amount", "from_instalments", "claim"):
        clawbacks = column(clawbacks, name, unit=MONEY)
    payroll = bars(
        "Payroll 薪资项目",
        "What goes to the payroll, month by month and kind by kind.",
        Sql(
            APPRAISAL,
            """
            SELECT period, coalesce(sum(amount) FILTER (WHERE item = 'award'), 0) AS "Awards 绩效",
                   coalesce(sum(amount) FILTER (WHERE item <> 'award'), 0) AS "Other 其他"
            FROM reporting.payroll GROUP BY period ORDER BY period
            """,
        ),
        unit=MONEY,
        stacked=True,
        width=24,
    )
    return [due, clawbacks, payroll]


def _ladder() -> list[Panel]:
    changes = rows(
        "Changes of grade 等级调整",
        "Changes that ratings or measures gave rise to, and what became of them.",
        Sql(
            APPRAISAL,
            """
            SELECT proposed_at, manager_id, direction, grade_before, grade, status, effective_from, outcome
            FROM reporting.grade_change ORDER BY proposed_at DESC LIMIT 200
            """,
        ),
    )
    given = rows(
        "Rewards and penalties 奖惩",
        "Measures by kind and status, with the sum of their amounts.",
        Sql(
            APPRAISAL,
            """
            SELECT kind, status, count(*) AS measures, sum(amount) AS amount
            FROM reporting.measure GROUP BY kind, status ORDER BY kind, status
            """,
        ),
    )
    return [changes, column(given, "amount", unit=MONEY)]


def _cycles() -> list[Panel]:
    cycles = rows(
        "Cycles 考核周期",
        "Every cycle and where it stands; all three sums of efficiency must be equal.",
        Sql(
            APPRAISAL,
            """
            SELECT cycle_id, period, kind, status, cards, manager_efficiency, department_efficiency, ledger_efficiency,
                   frozen_at, published_at
            FROM reporting.cycle ORDER BY opened_at DESC
            """,
        ),
        width=16,
    )
    for name in ("manager_efficiency", "department_efficiency", "ledger_efficiency"):
        cycles = column(cycles, name, unit=MONEY)
    waiting = figure(
        "Waiting for a decision 待决",
        "Appeals and changes of grade on which somebody is to decide.",
        metric("max(dualbook_appraisal_appeals_open)", "Appeals 申诉", now=True),
        metric("max(dualbook_appraisal_grade_changes_open)", "Grades 等级", ref_id="B", now=True),
        width=8,
    )
    return [cycles, waiting]
