-- Months, and costs to be spread.

CREATE VIEW reporting.period AS
SELECT
    month,
    left(month::text, 4) || '-' || right(month::text, 2) AS period,
    make_date(month / 100, month % 100, 1) AS month_start,
    CASE WHEN month <= (SELECT max(month) FROM public.period) THEN 'closed' ELSE 'open' END AS status,
    coalesce(booked.entries, 0) AS entries,
    closed.closed_at,
    closed.closed_by
FROM (SELECT period AS month, sum(entries)::bigint AS entries FROM public.month GROUP BY period) AS booked
FULL JOIN public.period AS closed USING (month)
FULL JOIN (SELECT DISTINCT month FROM public.cost_pool) AS pool USING (month);
COMMENT ON VIEW reporting.period IS
    'Every month with entries, cost pools or a close 会计期间';
COMMENT ON COLUMN reporting.period.month IS 'Month as YYYYMM, for filters and joins';
COMMENT ON COLUMN reporting.period.period IS 'Month as YYYY-MM, for people';
COMMENT ON COLUMN reporting.period.month_start IS 'First day of the month, for time axes';
COMMENT ON COLUMN reporting.period.status IS 'open or closed';
COMMENT ON COLUMN reporting.period.entries IS 'Entries booked in the month';
COMMENT ON COLUMN reporting.period.closed_at IS 'When it was closed 月结; null where an earlier close closed it along, or none';
COMMENT ON COLUMN reporting.period.closed_by IS 'Who closed it';


CREATE VIEW reporting.cost_pool AS
SELECT
    month,
    left(month::text, 4) || '-' || right(month::text, 2) AS period,
    pool,
    (amount * 0.01)::numeric(20, 2) AS amount,
    driver
FROM public.cost_pool;
COMMENT ON VIEW reporting.cost_pool IS
    'Indirect costs declared, to be spread when their month closes 间接成本';
COMMENT ON COLUMN reporting.cost_pool.month IS 'Month as YYYYMM, for filters and joins';
COMMENT ON COLUMN reporting.cost_pool.period IS 'Month as YYYY-MM, for people';
COMMENT ON COLUMN reporting.cost_pool.pool IS 'Cost pool';
COMMENT ON COLUMN reporting.cost_pool.amount IS 'Amount, in currency units';
COMMENT ON COLUMN reporting.cost_pool.driver IS 'What it is spread by: revenue, balances or entries';
