"""*Assignment* 客户归属: load against capacity, how customers come to managers, and how they are cared for."""

from deploy.grafana.board import ASSIGNMENTS, MANAGER, Board, Panel
from deploy.grafana.manager import FULL
from deploy.grafana.panels import (
    BEST_NONE,
    COUNT,
    GREEN,
    MONEY,
    MUST_BE_NONE,
    PERCENT,
    RED,
    SHARE,
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
from deploy.grafana.sources import ASSIGNMENT, Sql

_GOOD_SHARE: Steps = [(None, RED), (0.8, YELLOW), (0.95, GREEN)]
_CONTENT: Steps = [(None, RED), (3, YELLOW), (4, GREEN)]
_ACTIVE = "status IN ('probation', 'confirmed')"


def board() -> Board:
    """The whole dashboard."""
    return Board(
        ASSIGNMENTS,
        "Assignment 客户归属",
        "Who looks after whom, who has room for more, and whether customers are cared for.",
        since="now-1y",
        rows=(
            ("Today 今日", _headline()),
            ("Load against capacity 负荷与容量", _loads()),
            ("Customers 客户", _customers()),
            ("Allocation, tenders, hand-overs 分配、竞标、移交", _processes()),
            ("Care 客户维护", _care()),
            ("Compliance 合规", _duties()),
        ),
    )


def _one(
    title: str, says: str, statement: str, unit: str = COUNT, steps: Steps | None = None, width: int = 4
) -> Panel:
    query = Sql(ASSIGNMENT, statement)
    return figure(title, says, query, unit=unit, steps=steps or [(None, "blue")], width=width)


def _headline() -> list[Panel]:
    return [
        _one(
            "Managers 客户经理",
            "Managers at work today.",
            f"SELECT count(*) AS managers FROM reporting.manager WHERE {_ACTIVE}",
        ),
        _one(
            "Customers 客户", "Customers on record.", "SELECT count(*) AS customers FROM reporting.customer"
        ),
        _one(
            "Unassigned 未分配",
            "Customers whom nobody looks after today.",
            "SELECT count(*) FILTER (WHERE manager_id IS NULL) AS unassigned FROM reporting.customer",
            steps=BEST_NONE,
        ),
        dial(
            "Load 负荷",
            "Load of all managers at work in percent of their capacity.",
            Sql(
                ASSIGNMENT,
                f"SELECT coalesce(100 * sum(load) / nullif(sum(capacity), 0), 0) AS load FROM reporting.manager WHERE {_ACTIVE}",
            ),
            unit=PERCENT,
            steps=FULL,
            most=120,
        ),
        _one(
            "Overdue 逾期",
            "Duties still to be done after their day, and complaints unanswered after theirs.",
            "SELECT (SELECT count(*) FROM reporting.duty WHERE is_overdue) + "
            "(SELECT count(*) FROM reporting.complaint WHERE is_overdue) AS overdue",
            steps=MUST_BE_NONE,
        ),
        _one(
            "Proposals 待批提议",
            "Proposals that wait for another person's decision.",
            "SELECT count(*) FILTER (WHERE status = 'open') AS open FROM reporting.proposal",
            steps=BEST_NONE,
        ),
    ]


def _loads() -> list[Panel]:
    managers = rows(
        "Managers by load 客户经理负荷",
        "Who has least room: load and capacity of every manager at work today, the fullest first.",
        Sql(
            ASSIGNMENT,
            f"""
            SELECT manager_id, branch_id, coalesce(team_id, '(none)') AS team_id, grade, customers, load, capacity,
                   round(100 * load / nullif(capacity, 0), 1) AS percent
            FROM reporting.manager WHERE {_ACTIVE} ORDER BY percent DESC NULLS LAST, manager_id LIMIT 500
            """,
        ),
        width=14,
    )
    managers = column(managers, "percent", unit=PERCENT, steps=FULL)
    link = f"/d/{MANAGER}?var-branch=${{__data.fields.branch_id}}&var-team=${{__data.fields.team_id}}&var-manager=${{__value.raw}}"
    managers = column(managers, "manager_id", link=("Manager 客户经理", link))
    branches = bars(
        "Branches 分行",
        "Load of each branch's managers at work beside their capacity.",
        Sql(
            ASSIGNMENT,
            f"""
            SELECT branch_id, sum(load) AS "Load 负荷", sum(capacity) AS "Capacity 容量"
            FROM reporting.manager WHERE {_ACTIVE} GROUP BY branch_id ORDER BY branch_id
            """,
        ),
        width=10,
    )
    return [managers, branches]


def _customers() -> list[Panel]:
    def by(field: str, title: str) -> Panel:
        return parts(
            title,
            f"Customers on record, by {field}.",
            Sql(
                ASSIGNMENT,
                f"SELECT {field}, count(*) AS customers FROM reporting.customer GROUP BY {field} ORDER BY {field}",
            ),
        )

    unassigned = bars(
        "Assigned and unassigned by branch 各分行分配情况",
        "Customers of each branch whom somebody looks after today, and those whom nobody does.",
        Sql(
            ASSIGNMENT,
            """
            SELECT branch_id, count(manager_id) AS "Assigned 已分配", count(*) - count(manager_id) AS "Unassigned 未分配"
            FROM reporting.customer GROUP BY branch_id ORDER BY branch_id
            """,
        ),
        stacked=True,
        height=8,
    )
    return [by("tier", "Tiers 客户分层"), by("kind", "Kinds 客户类型"), unassigned]


def _processes() -> list[Panel]:
    allocations = rows(
        "Allocations 客户分配",
        "What each allocation placed, left where it was, and could not place.",
        Sql(
            ASSIGNMENT,
            """
            SELECT recorded_at, effective_from, customers, placed, unchanged, unplaced
            FROM reporting.allocation ORDER BY recorded_at DESC LIMIT 100
            """,
        ),
    )
    tenders = rows(
        "Tenders 竞标",
        "Customers put up for tender, the newest first; bids stay sealed until a tender closes.",
        Sql(
            ASSIGNMENT,
            """
            SELECT opened_at, closes_at, status, customers, bids, lowest_grade, baseline_profit, committed_profit, manager_id
            FROM reporting.tender ORDER BY opened_at DESC LIMIT 100
            """,
        ),
    )
    for name in ("baseline_profit", "committed_profit"):
        tenders = column(tenders, name, unit=MONEY)
    hand_overs = rows(
        "Hand-overs 移交",
        "Plans by which customers go from one manager to others: how many parties acknowledged, and where they stand.",
        Sql(
            ASSIGNMENT,
            """
            SELECT planned_at, manager_id, ground, effective_from, customers, successors, acknowledged, status
            FROM reporting.hand_over ORDER BY planned_at DESC LIMIT 100
            """,
        ),
        width=14,
    )
    proposals = bars(
        "Proposals 提议",
        "What was proposed under four eyes, by kind and outcome.",
        Sql(
            ASSIGNMENT,
            """
            SELECT kind, count(*) FILTER (WHERE status = 'open') AS "Open 待批",
                   count(*) FILTER (WHERE status = 'approved') AS "Approved 批准",
                   count(*) FILTER (WHERE status = 'rejected') AS "Rejected 否决"
            FROM reporting.proposal GROUP BY kind ORDER BY kind
            """,
        ),
        stacked=True,
        width=10,
    )
    return [allocations, column(tenders, "bids", unit=COUNT), hand_overs, proposals]


def _care() -> list[Panel]:
    visits = bars(
        "Visits by branch 各分行拜访",
        "Customers whose visit is due today, and those whose day is still to come.",
        Sql(
            ASSIGNMENT,
            """
            SELECT branch_id, count(*) FILTER (WHERE is_due) AS "Due 到期", count(*) FILTER (WHERE NOT is_due) AS "To come 未到期"
            FROM reporting.visit_due JOIN reporting.customer USING (customer_id) GROUP BY branch_id ORDER BY branch_id
            """,
        ),
        stacked=True,
        width=8,
        height=8,
    )
    made = lines(
        "Visits made 拜访量",
        "Visits, revisits and calls of each month.",
        Sql(
            ASSIGNMENT,
            """
            SELECT date_trunc('month', visited_on)::timestamp AS time, kind, count(*) AS visits
            FROM reporting.visit WHERE $__timeFilter(visited_on) GROUP BY 1, kind ORDER BY 1
            """,
            series=True,
        ),
        width=8,
        points=True,
    )
    content = lines(
        "Satisfaction 满意度",
        "Mean of the surveys of each month, from 1 to 5.",
        Sql(
            ASSIGNMENT,
            """
            SELECT date_trunc('month', surveyed_on)::timestamp AS time, round(avg(score), 2) AS "Satisfaction 满意度"
            FROM reporting.survey WHERE $__timeFilter(surveyed_on) GROUP BY 1 ORDER BY 1
            """,
            series=True,
        ),
        width=8,
        points=True,
    )
    return [
        visits,
        made,
        content,
        _one(
            "Missed visits 未按期拜访",
            "Visits that were not made by their day, of the last twelve months.",
            "SELECT count(*) AS missed FROM reporting.visit_missed WHERE due_on > now() - interval '1 year'",
            steps=BEST_NONE,
            width=6,
        ),
        _one(
            "Complaints in time 投诉及时率",
            "Part of the complaints answered in the last twelve months that were answered by their day.",
            "SELECT coalesce(avg(CASE WHEN in_time THEN 1.0 ELSE 0.0 END), 1) AS in_time FROM reporting.complaint "
            "WHERE answered_on > now() - interval '1 year'",
            unit=SHARE,
            steps=_GOOD_SHARE,
            width=6,
        ),
        _one(
            "Satisfaction 满意度",
            "Mean of the surveys of the last twelve months, from 1 to 5.",
            "SELECT round(avg(score), 2) AS satisfaction FROM reporting.survey WHERE surveyed_on > now() - interval '1 year'",
            steps=_CONTENT,
            width=6,
        ),
        _one(
            "Complaints open 未答复投诉",
            "Complaints that nobody has answered yet.",
            "SELECT count(*) FILTER (WHERE answered_on IS NULL) AS open FROM reporting.complaint",
            steps=BEST_NONE,
            width=6,
        ),
    ]


def _duties() -> list[Panel]:
    kinds = bars(
        "Duties 合规任务",
        "Duties by kind: done, open and in time so far, and overdue.",
        Sql(
            ASSIGNMENT,
            """
            SELECT kind, count(*) FILTER (WHERE done_on IS NOT NULL) AS "Done 完成",
                   count(*) FILTER (WHERE done_on IS NULL AND NOT is_overdue) AS "Open 待办",
                   count(*) FILTER (WHERE is_overdue) AS "Overdue 逾期"
            FROM reporting.duty GROUP BY kind ORDER BY kind
            """,
        ),
        stacked=True,
        width=10,
    )
    due = rows(
        "Duties to do 待办合规任务",
        "What is to be done next, and who answers for it today.",
        Sql(
            ASSIGNMENT,
            """
            SELECT due_on, CASE WHEN is_overdue THEN 1 ELSE 0 END AS overdue, kind, customer_id, manager_id, raised_on, amount
            FROM reporting.duty WHERE done_on IS NULL ORDER BY due_on LIMIT 200
            """,
        ),
        width=14,
    )
    return [kinds, column(column(due, "overdue", steps=MUST_BE_NONE), "amount", unit=MONEY)]
