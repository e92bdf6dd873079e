"""*Operations* 运行: whether the system keeps up, how quick it is, and what waits for somebody."""

from grafana_foundation_sdk.models.dashboard import DataSourceRef

from deploy.grafana.board import OPERATIONS, Board, Panel
from deploy.grafana.panels import (
    BEST_NONE,
    BYTES,
    GREEN,
    MUST_BE_NONE,
    PER_SECOND,
    RED,
    SECONDS,
    SHARE,
    YELLOW,
    Steps,
    column,
    figure,
    levels,
    lines,
    rows,
)
from deploy.grafana.sources import APPRAISAL, ASSIGNMENT, LEDGER, Sql, metric

_LAG: Steps = [(None, GREEN), (1_000, YELLOW), (10_000, RED)]
_AGE: Steps = [(None, GREEN), (30, YELLOW), (120, RED)]
_FREE: Steps = [(None, RED), (0.1, YELLOW), (0.2, GREEN)]
_UP: Steps = [(None, RED), (3, GREEN)]
_DATABASES = (("assignment", ASSIGNMENT), ("ledger", LEDGER), ("appraisal", APPRAISAL))


def board() -> Board:
    """The whole dashboard."""
    return Board(
        OPERATIONS,
        "Operations 运行",
        "Lag, throughput, latency and errors of the services, their databases, and long operations.",
        since="now-3h",
        refresh="30s",
        rows=(
            ("Now 当前", _headline()),
            ("Flow 流量", _flow()),
            ("Latency and errors 延迟与错误", _latency()),
            ("Dead letters 死信", [_letters(name) for name in _DATABASES]),
            ("Databases 数据库", _databases()),
            ("Replay, verify, close, backup 重放、核验、月结、备份", _operations()),
        ),
    )


def _headline() -> list[Panel]:
    return [
        figure(
            "Services up 在线服务",
            "Services of which at least one process answers; there are three.",
            metric(
                'count(max by (job) (up{job=~"assignment|ledger|appraisal"}) == 1) or vector(0)',
                "up",
                now=True,
            ),
            steps=_UP,
        ),
        figure(
            "Lag 消费延迟",
            "Messages in the log that no service has worked yet.",
            metric("sum(max by (service, topic) (dualbook_consumer_lag_messages))", "messages", now=True),
            steps=_LAG,
        ),
        figure(
            "Oldest unpublished 最久未发布",
            "Age of the oldest event that a relay has not passed to the log.",
            metric("max(dualbook_relay_oldest_unpublished_seconds)", "age", now=True),
            unit=SECONDS,
            steps=_AGE,
        ),
        figure(
            "Dead letters 死信",
            "Messages given up that wait for somebody.",
            metric("sum(max by (service) (dualbook_dead_letters_waiting))", "waiting", now=True),
            steps=BEST_NONE,
        ),
        figure(
            "Something is wrong 异常",
            "Watches that found the books out of balance or a broken hash chain. It must be 0.",
            metric("sum(max by (service, watch) (dualbook_watch_broken))", "broken", now=True),
            steps=MUST_BE_NONE,
        ),
        figure(
            "Disk free 磁盘余量",
            "Free part of the fullest disk on which a data folder lies.",
            metric("min(dualbook_disk_free_bytes / dualbook_disk_size_bytes)", "free", now=True),
            unit=SHARE,
            steps=_FREE,
        ),
    ]


def _flow() -> list[Panel]:
    return [
        lines(
            "Entries booked 记账速度",
            "Entries that the ledger books a second, by the type of event behind them.",
            metric("sum by (type) (rate(dualbook_ledger_events_booked_total[$__rate_interval]))", "{{type}}"),
            unit=PER_SECOND,
        ),
        lines(
            "Messages worked 消费速度",
            "Messages of the log that each service works a second, by outcome.",
            metric(
                "sum by (service, outcome) (rate(dualbook_consumer_messages_total[$__rate_interval]))",
                "{{service}} {{outcome}}",
            ),
            unit=PER_SECOND,
        ),
        lines(
            "Lag by topic 各主题延迟",
            "Messages that each service has still to work, by topic.",
            metric("max by (service, topic) (dualbook_consumer_lag_messages)", "{{service}} ← {{topic}}"),
        ),
        lines(
            "Relay backlog 待发布事件",
            "Stored events that are not in the log yet.",
            metric("max by (service) (dualbook_relay_backlog_events)", "{{service}}"),
        ),
        lines(
            "Published 发布速度",
            "Events that the relays pass to the log a second.",
            metric(
                "sum by (service, topic) (rate(dualbook_relay_published_total[$__rate_interval]))",
                "{{topic}}",
            ),
            unit=PER_SECOND,
        ),
        lines(
            "Batch size 批量",
            "Mean number of messages in a transaction: large batches are what makes it quick.",
            metric(
                "sum by (service) (rate(dualbook_consumer_batch_size_sum[$__rate_interval])) / "
                "sum by (service) (rate(dualbook_consumer_batch_size_count[$__rate_interval]))",
                "{{service}}",
            ),
        ),
    ]


def _quantile(quantile: float, family: str, by: str) -> str:
    return f"histogram_quantile({quantile}, sum by (le, {by}) (rate({family}_bucket[$__rate_interval])))"


def _latency() -> list[Panel]:
    return [
        lines(
            "HTTP latency HTTP 延迟",
            "Time to answer within which half and 99 percent of the requests lie.",
            metric(_quantile(0.5, "dualbook_http_request_duration_seconds", "service"), "{{service}} p50"),
            metric(
                _quantile(0.99, "dualbook_http_request_duration_seconds", "service"),
                "{{service}} p99",
                ref_id="B",
            ),
            unit=SECONDS,
        ),
        lines(
            "HTTP requests HTTP 请求",
            "Requests a second, by service and first digit of the status.",
            metric(
                "sum by (service, class) (label_replace(rate(dualbook_http_requests_total[$__rate_interval]), "
                '"class", "${1}xx", "status", "(.).*"))',
                "{{service}} {{class}}",
            ),
            unit=PER_SECOND,
        ),
        lines(
            "HTTP errors HTTP 错误率",
            "Part of the requests that failed by our fault (status 5xx).",
            metric(
                '(sum by (service) (rate(dualbook_http_requests_total{status=~"5.."}[$__rate_interval])) or '
                "0 * sum by (service) (rate(dualbook_http_requests_total[$__rate_interval]))) / "
                "sum by (service) (rate(dualbook_http_requests_total[$__rate_interval]))",
                "{{service}}",
            ),
            unit=SHARE,
        ),
        lines(
            "Transaction of a batch 批处理时长",
            "Time of a transaction that works messages, half and 99 percent of them.",
            metric(_quantile(0.5, "dualbook_consumer_batch_seconds", "service"), "{{service}} p50"),
            metric(
                _quantile(0.99, "dualbook_consumer_batch_seconds", "service"), "{{service}} p99", ref_id="B"
            ),
            unit=SECONDS,
        ),
        lines(
            "Views 视图更新时长",
            "Time that each view takes to take in a batch of events, on average.",
            metric(
                "sum by (service, view) (rate(dualbook_projection_seconds_sum[$__rate_interval])) / "
                "sum by (service, view) (rate(dualbook_projection_seconds_count[$__rate_interval]))",
                "{{service}} {{view}}",
            ),
            unit=SECONDS,
        ),
        levels(
            "Slowest routes 最慢接口",
            "The ten routes that took longest, on average over the dashboard's time.",
            metric(
                "topk(10, sum by (service, method, route) (increase(dualbook_http_request_duration_seconds_sum[$__range])) / "
                "(sum by (service, method, route) (increase(dualbook_http_request_duration_seconds_count[$__range])) > 0))",
                "{{method}} {{route}}",
                now=True,
            ),
            unit=SECONDS,
            steps=[(None, GREEN), (0.5, YELLOW), (2, RED)],
            width=12,
        ),
    ]


def _letters(database: tuple[str, DataSourceRef]) -> Panel:
    name, source = database
    return rows(
        f"Dead letters of {name} 死信",
        f"Messages that {name} gave up, those that wait first. Reasons, texts and replay are at its GET /v1/dead-letters.",
        Sql(
            source,
            """
            SELECT first_seen, type, topic, partition, log_offset, attempts, replayed_at, dismissed_at
            FROM reporting.dead_letter
            ORDER BY replayed_at IS NOT NULL OR dismissed_at IS NOT NULL, first_seen DESC LIMIT 100
            """,
        ),
        width=8,
    )


def _databases() -> list[Panel]:
    return [
        lines(
            "Size 数据库大小",
            "Size of each service's database.",
            metric("max by (service) (dualbook_database_size_bytes)", "{{service}}"),
            unit=BYTES,
            width=8,
        ),
        lines(
            "Connections 连接",
            "Connections to the databases, of all processes.",
            metric("sum by (service, state) (dualbook_database_connections)", "{{service}} {{state}}"),
            width=8,
        ),
        lines(
            "Events stored 事件",
            "Events that each service stores a second, found by where its shards end.",
            metric(
                "sum by (service) (max by (service, shard) (dualbook_event_store_position))", "{{service}}"
            ),
            width=8,
        ),
    ]


def _operations() -> list[Panel]:
    progress = levels(
        "Progress 进度",
        "How far the last run of each operation is, or was.",
        metric(
            "max by (service, operation) (dualbook_operation_progress_ratio)",
            "{{service}} {{operation}}",
            now=True,
        ),
        unit=SHARE,
        steps=[(None, YELLOW), (1, GREEN)],
        most=1,
    )
    failed = lines(
        "Failed 失败",
        "1 while the last run of an operation has failed or was broken off.",
        metric("max by (service, operation) (dualbook_operation_failed)", "{{service}} {{operation}}"),
        width=8,
    )
    closes = lines(
        "Close of a month 月结时长",
        "Mean time that the closes of a month took, each to its answer.",
        metric(
            "sum(dualbook_ledger_period_close_seconds_sum) / (sum(dualbook_ledger_period_close_seconds_count) > 0)",
            "close",
        ),
        unit=SECONDS,
        width=8,
    )
    tables = [
        column(
            rows(
                f"Operations of {name} 长任务",
                f"The last run of each operation of {name}.",
                Sql(
                    source,
                    """
                    SELECT name, outcome, done, total, started_at, ended_at, succeeded_at,
                           CASE WHEN total > 0 THEN done::numeric / total END AS part
                    FROM reporting.operation ORDER BY started_at DESC
                    """,
                ),
                width=8,
            ),
            "part",
            unit=SHARE,
        )
        for name, source in _DATABASES
    ]
    return [progress, failed, closes, *tables]
