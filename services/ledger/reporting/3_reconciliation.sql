-- Both books side by side: what must agree to the fen.

CREATE VIEW reporting.reconciliation AS
SELECT
    period AS month,
    left(period::text, 4) || '-' || right(period::text, 2) AS period,
    make_date(period / 100, period % 100, 1) AS month_start,
    line,
    (coalesce(sum(amount) FILTER (WHERE book = 'manager' AND NOT contra), 0) * 0.01)::numeric(20, 2) AS manager_total,
    (coalesce(sum(amount) FILTER (WHERE book = 'department' AND NOT contra), 0) * 0.01)::numeric(20, 2) AS department_total,
    (coalesce(sum(CASE book WHEN 'manager' THEN amount ELSE -amount END) FILTER (WHERE NOT contra), 0) * 0.01)::numeric(20, 2) AS difference,
    (coalesce(sum(amount) FILTER (WHERE book = 'manager' AND centre_id = 'unassigned'), 0) * 0.01)::numeric(20, 2) AS unassigned_total,
    (coalesce(sum(amount) FILTER (WHERE book = 'manager' AND contra), 0) * 0.01)::numeric(20, 2) AS manager_contra,
    (coalesce(sum(amount) FILTER (WHERE book = 'department' AND contra), 0) * 0.01)::numeric(20, 2) AS department_contra
FROM public.centre_month
GROUP BY period, line;
COMMENT ON VIEW reporting.reconciliation IS
    'A month''s totals of each line in both books; difference must be 0.00. Equal to GET /v1/reconciliation, but that lines without a leg have no row';
COMMENT ON COLUMN reporting.reconciliation.month IS 'Month as YYYYMM, for filters and joins';
COMMENT ON COLUMN reporting.reconciliation.period IS 'Month as YYYY-MM, for people';
COMMENT ON COLUMN reporting.reconciliation.month_start IS 'First day of the month, for time axes';
COMMENT ON COLUMN reporting.reconciliation.line IS 'Line 科目 of a statement';
COMMENT ON COLUMN reporting.reconciliation.manager_total IS 'Total of the manager book, in currency units';
COMMENT ON COLUMN reporting.reconciliation.department_total IS 'Total of the department book, in currency units';
COMMENT ON COLUMN reporting.reconciliation.difference IS 'manager_total - department_total, which must be 0.00, in currency units';
COMMENT ON COLUMN reporting.reconciliation.unassigned_total IS 'What of manager_total is nobody''s, in currency units';
COMMENT ON COLUMN reporting.reconciliation.manager_contra IS 'Total of the contra centres of the manager book, in currency units';
COMMENT ON COLUMN reporting.reconciliation.department_contra IS 'Total of the contra centres of the department book, in currency units';


CREATE VIEW reporting.bank_stock AS
SELECT
    period AS month,
    left(period::text, 4) || '-' || right(period::text, 2) AS period,
    make_date(period / 100, period % 100, 1) AS month_start,
    line,
    (sum(manager) OVER so_far * 0.01)::numeric(20, 2) AS manager_balance,
    (sum(department) OVER so_far * 0.01)::numeric(20, 2) AS department_balance,
    (sum(manager - department) OVER so_far * 0.01)::numeric(20, 2) AS difference,
    (sum(unassigned) OVER so_far * 0.01)::numeric(20, 2) AS unassigned_balance
FROM (
    SELECT period, line,
           coalesce(sum(amount) FILTER (WHERE book = 'manager'), 0) AS manager,
           coalesce(sum(amount) FILTER (WHERE book = 'department'), 0) AS department,
           coalesce(sum(amount) FILTER (WHERE book = 'manager' AND centre_id = 'unassigned'), 0) AS unassigned
    FROM (SELECT DISTINCT period FROM public.month) AS month
    CROSS JOIN (VALUES ('deposit_balance'::line_name), ('loan_balance'::line_name)) AS stock (line)
    LEFT JOIN public.centre_month USING (period, line)
    WHERE contra IS NOT TRUE
    GROUP BY period, line
) AS moved
WINDOW so_far AS (PARTITION BY line ORDER BY period);
COMMENT ON VIEW reporting.bank_stock IS
    'The bank''s stocks at the end of each month in both books';
COMMENT ON COLUMN reporting.bank_stock.month IS 'Month as YYYYMM, for filters and joins';
COMMENT ON COLUMN reporting.bank_stock.period IS 'Month as YYYY-MM, for people';
COMMENT ON COLUMN reporting.bank_stock.month_start IS 'First day of the month, for time axes';
COMMENT ON COLUMN reporting.bank_stock.line IS 'deposit_balance or loan_balance';
COMMENT ON COLUMN reporting.bank_stock.manager_balance IS 'Balance in the manager book, in currency units';
COMMENT ON COLUMN reporting.bank_stock.department_balance IS 'Balance in the department book, in currency units';
COMMENT ON COLUMN reporting.bank_stock.difference IS 'manager_balance - department_balance, which must be 0.00, in currency units';
COMMENT ON COLUMN reporting.bank_stock.unassigned_balance IS 'What of manager_balance is nobody''s, in currency units';
