-- Statements of both books, from the sums of legs by centre and month; contra centres are left out.

CREATE VIEW reporting.statement AS
SELECT
    period AS month,
    left(period::text, 4) || '-' || right(period::text, 2) AS period,
    make_date(period / 100, period % 100, 1) AS month_start,
    book,
    centre_id,
    deposit_balance,
    loan_balance,
    interest_income,
    fee_income,
    settlement_income,
    credit_risk_income,
    deposit_cost,
    ftp_income,
    ftp_cost,
    risk_charge,
    direct_cost,
    allocated_cost,
    (interest_income + ftp_income + ftp_cost + deposit_cost)::numeric(20, 2) AS net_interest_income,
    (interest_income + ftp_income + ftp_cost + deposit_cost + fee_income + settlement_income + risk_charge)::numeric(20, 2) AS virtual_profit,
    (interest_income + ftp_income + ftp_cost + deposit_cost + credit_risk_income + fee_income + settlement_income + direct_cost + allocated_cost + risk_charge)::numeric(20, 2) AS efficiency
FROM (
    SELECT period, book, centre_id,
           (coalesce(sum(amount) FILTER (WHERE line = 'deposit_balance'), 0) * 0.01)::numeric(20, 2) AS deposit_balance,
           (coalesce(sum(amount) FILTER (WHERE line = 'loan_balance'), 0) * 0.01)::numeric(20, 2) AS loan_balance,
           (coalesce(sum(amount) FILTER (WHERE line = 'interest_income'), 0) * 0.01)::numeric(20, 2) AS interest_income,
           (coalesce(sum(amount) FILTER (WHERE line = 'fee_income'), 0) * 0.01)::numeric(20, 2) AS fee_income,
           (coalesce(sum(amount) FILTER (WHERE line = 'settlement_income'), 0) * 0.01)::numeric(20, 2) AS settlement_income,
           (coalesce(sum(amount) FILTER (WHERE line = 'credit_risk_income'), 0) * 0.01)::numeric(20, 2) AS credit_risk_income,
           (coalesce(sum(amount) FILTER (WHERE line = 'deposit_cost'), 0) * 0.01)::numeric(20, 2) AS deposit_cost,
           (coalesce(sum(amount) FILTER (WHERE line = 'ftp_income'), 0) * 0.01)::numeric(20, 2) AS ftp_income,
           (coalesce(sum(amount) FILTER (WHERE line = 'ftp_cost'), 0) * 0.01)::numeric(20, 2) AS ftp_cost,
           (coalesce(sum(amount) FILTER (WHERE line = 'risk_charge'), 0) * 0.01)::numeric(20, 2) AS risk_charge,
           (coalesce(sum(amount) FILTER (WHERE line = 'direct_cost'), 0) * 0.01)::numeric(20, 2) AS direct_cost,
           (coalesce(sum(amount) FILTER (WHERE line = 'allocated_cost'), 0) * 0.01)::numeric(20, 2) AS allocated_cost
    FROM public.centre_month WHERE NOT contra
    GROUP BY period, book, centre_id
) AS summed;
COMMENT ON VIEW reporting.statement IS
    'A profit centre''s month in its book: every line, and the three measures. Of stocks the change of the month; balances are in stock';
COMMENT ON COLUMN reporting.statement.month IS 'Month as YYYYMM, for filters and joins';
COMMENT ON COLUMN reporting.statement.period IS 'Month as YYYY-MM, for people';
COMMENT ON COLUMN reporting.statement.month_start IS 'First day of the month, for time axes';
COMMENT ON COLUMN reporting.statement.book IS 'Book 账本: manager or department';
COMMENT ON COLUMN reporting.statement.centre_id IS 'Profit centre 利润中心: a manager, a department, unassigned or unallocated';
COMMENT ON COLUMN reporting.statement.deposit_balance IS 'Change of deposits 存款, of the month, signed for the centre, in currency units';
COMMENT ON COLUMN reporting.statement.loan_balance IS 'Change of loans 贷款, of the month, signed for the centre, in currency units';
COMMENT ON COLUMN reporting.statement.interest_income IS 'Interest income 利息收入, of the month, signed for the centre, in currency units';
COMMENT ON COLUMN reporting.statement.fee_income IS 'Fee income 中间业务收入, of the month, signed for the centre, in currency units';
COMMENT ON COLUMN reporting.statement.settlement_income IS 'Settlement income 国际结算收入, of the month, signed for the centre, in currency units';
COMMENT ON COLUMN reporting.statement.credit_risk_income IS 'Income for credit risk 授信风险费收入, of the month, signed for the centre, in currency units';
COMMENT ON COLUMN reporting.statement.deposit_cost IS 'Cost of deposits 自筹资金成本, of the month, signed for the centre, in currency units';
COMMENT ON COLUMN reporting.statement.ftp_income IS 'Deposits lent out inside the bank 拆出存款收入, of the month, signed for the centre, in currency units';
COMMENT ON COLUMN reporting.statement.ftp_cost IS 'Loans borrowed inside the bank 拆入资金成本, of the month, signed for the centre, in currency units';
COMMENT ON COLUMN reporting.statement.risk_charge IS 'Change of provisions 风险计提, of the month, signed for the centre, in currency units';
COMMENT ON COLUMN reporting.statement.direct_cost IS 'Direct costs 直接业务成本, of the month, signed for the centre, in currency units';
COMMENT ON COLUMN reporting.statement.allocated_cost IS 'Allocated costs 间接分摊成本, of the month, signed for the centre, in currency units';
COMMENT ON COLUMN reporting.statement.net_interest_income IS 'Net interest income 内部利差收入, in currency units';
COMMENT ON COLUMN reporting.statement.virtual_profit IS 'Virtual profit 虚拟利润, in currency units';
COMMENT ON COLUMN reporting.statement.efficiency IS 'Efficiency 客户经理效益, which appraisal pays on, in currency units';


CREATE VIEW reporting.statement_line AS
SELECT
    period AS month,
    left(period::text, 4) || '-' || right(period::text, 2) AS period,
    make_date(period / 100, period % 100, 1) AS month_start,
    book,
    centre_id,
    line,
    (sum(amount) * 0.01)::numeric(20, 2) AS amount
FROM public.centre_month WHERE NOT contra
GROUP BY period, book, centre_id, line;
COMMENT ON VIEW reporting.statement_line IS
    'A profit centre''s month, one row a line that has a leg';
COMMENT ON COLUMN reporting.statement_line.month IS 'Month as YYYYMM, for filters and joins';
COMMENT ON COLUMN reporting.statement_line.period IS 'Month as YYYY-MM, for people';
COMMENT ON COLUMN reporting.statement_line.month_start IS 'First day of the month, for time axes';
COMMENT ON COLUMN reporting.statement_line.book IS 'Book 账本: manager or department';
COMMENT ON COLUMN reporting.statement_line.centre_id IS 'Profit centre 利润中心: a manager, a department, unassigned or unallocated';
COMMENT ON COLUMN reporting.statement_line.line IS 'Line 科目 of a statement';
COMMENT ON COLUMN reporting.statement_line.amount IS 'Sum of the month''s legs, signed for the centre, in currency units';


CREATE VIEW reporting.product_statement AS
SELECT
    period AS month,
    left(period::text, 4) || '-' || right(period::text, 2) AS period,
    make_date(period / 100, period % 100, 1) AS month_start,
    book,
    centre_id,
    department_id,
    nullif(product_code, '') AS product_code,
    deposit_balance,
    loan_balance,
    interest_income,
    fee_income,
    settlement_income,
    credit_risk_income,
    deposit_cost,
    ftp_income,
    ftp_cost,
    risk_charge,
    direct_cost,
    allocated_cost,
    (interest_income + ftp_income + ftp_cost + deposit_cost)::numeric(20, 2) AS net_interest_income,
    (interest_income + ftp_income + ftp_cost + deposit_cost + fee_income + settlement_income + risk_charge)::numeric(20, 2) AS virtual_profit,
    (interest_income + ftp_income + ftp_cost + deposit_cost + credit_risk_income + fee_income + settlement_income + direct_cost + allocated_cost + risk_charge)::numeric(20, 2) AS efficiency
FROM (
    SELECT period, book, centre_id, department_id, product_code,
           (coalesce(sum(amount) FILTER (WHERE line = 'deposit_balance'), 0) * 0.01)::numeric(20, 2) AS deposit_balance,
           (coalesce(sum(amount) FILTER (WHERE line = 'loan_balance'), 0) * 0.01)::numeric(20, 2) AS loan_balance,
           (coalesce(sum(amount) FILTER (WHERE line = 'interest_income'), 0) * 0.01)::numeric(20, 2) AS interest_income,
           (coalesce(sum(amount) FILTER (WHERE line = 'fee_income'), 0) * 0.01)::numeric(20, 2) AS fee_income,
           (coalesce(sum(amount) FILTER (WHERE line = 'settlement_income'), 0) * 0.01)::numeric(20, 2) AS settlement_income,
           (coalesce(sum(amount) FILTER (WHERE line = 'credit_risk_income'), 0) * 0.01)::numeric(20, 2) AS credit_risk_income,
           (coalesce(sum(amount) FILTER (WHERE line = 'deposit_cost'), 0) * 0.01)::numeric(20, 2) AS deposit_cost,
           (coalesce(sum(amount) FILTER (WHERE line = 'ftp_income'), 0) * 0.01)::numeric(20, 2) AS ftp_income,
           (coalesce(sum(amount) FILTER (WHERE line = 'ftp_cost'), 0) * 0.01)::numeric(20, 2) AS ftp_cost,
           (coalesce(sum(amount) FILTER (WHERE line = 'risk_charge'), 0) * 0.01)::numeric(20, 2) AS risk_charge,
           (coalesce(sum(amount) FILTER (WHERE line = 'direct_cost'), 0) * 0.01)::numeric(20, 2) AS direct_cost,
           (coalesce(sum(amount) FILTER (WHERE line = 'allocated_cost'), 0) * 0.01)::numeric(20, 2) AS allocated_cost
    FROM public.centre_month WHERE NOT contra
    GROUP BY period, book, centre_id, department_id, product_code
) AS summed;
COMMENT ON VIEW reporting.product_statement IS
    'What a product adds to a profit centre in a month. In the department book the products of a department; in the manager book a manager''s cells, product by product and department';
COMMENT ON COLUMN reporting.product_statement.month IS 'Month as YYYYMM, for filters and joins';
COMMENT ON COLUMN reporting.product_statement.period IS 'Month as YYYY-MM, for people';
COMMENT ON COLUMN reporting.product_statement.month_start IS 'First day of the month, for time axes';
COMMENT ON COLUMN reporting.product_statement.book IS 'Book 账本: manager or department';
COMMENT ON COLUMN reporting.product_statement.centre_id IS 'Profit centre 利润中心: a manager, a department, unassigned or unallocated';
COMMENT ON COLUMN reporting.product_statement.department_id IS 'Product department 产品部门';
COMMENT ON COLUMN reporting.product_statement.product_code IS 'Product; null for what a month close gives to a department as a whole';
COMMENT ON COLUMN reporting.product_statement.deposit_balance IS 'Change of deposits 存款, of the month, signed for the centre, in currency units';
COMMENT ON COLUMN reporting.product_statement.loan_balance IS 'Change of loans 贷款, of the month, signed for the centre, in currency units';
COMMENT ON COLUMN reporting.product_statement.interest_income IS 'Interest income 利息收入, of the month, signed for the centre, in currency units';
COMMENT ON COLUMN reporting.product_statement.fee_income IS 'Fee income 中间业务收入, of the month, signed for the centre, in currency units';
COMMENT ON COLUMN reporting.product_statement.settlement_income IS 'Settlement income 国际结算收入, of the month, signed for the centre, in currency units';
COMMENT ON COLUMN reporting.product_statement.credit_risk_income IS 'Income for credit risk 授信风险费收入, of the month, signed for the centre, in currency units';
COMMENT ON COLUMN reporting.product_statement.deposit_cost IS 'Cost of deposits 自筹资金成本, of the month, signed for the centre, in currency units';
COMMENT ON COLUMN reporting.product_statement.ftp_income IS 'Deposits lent out inside the bank 拆出存款收入, of the month, signed for the centre, in currency units';
COMMENT ON COLUMN reporting.product_statement.ftp_cost IS 'Loans borrowed inside the bank 拆入资金成本, of the month, signed for the centre, in currency units';
COMMENT ON COLUMN reporting.product_statement.risk_charge IS 'Change of provisions 风险计提, of the month, signed for the centre, in currency units';
COMMENT ON COLUMN reporting.product_statement.direct_cost IS 'Direct costs 直接业务成本, of the month, signed for the centre, in currency units';
COMMENT ON COLUMN reporting.product_statement.allocated_cost IS 'Allocated costs 间接分摊成本, of the month, signed for the centre, in currency units';
COMMENT ON COLUMN reporting.product_statement.net_interest_income IS 'Net interest income 内部利差收入, in currency units';
COMMENT ON COLUMN reporting.product_statement.virtual_profit IS 'Virtual profit 虚拟利润, in currency units';
COMMENT ON COLUMN reporting.product_statement.efficiency IS 'Efficiency 客户经理效益, which appraisal pays on, in currency units';


CREATE VIEW reporting.stock AS
SELECT
    month.period AS month,
    left(month.period::text, 4) || '-' || right(month.period::text, 2) AS period,
    make_date(month.period / 100, month.period % 100, 1) AS month_start,
    stock.book,
    stock.centre_id,
    stock.line,
    (stock.balance * 0.01)::numeric(20, 2) AS balance,
    (sign(stock.on_three_days) * (
        div(abs(stock.on_three_days), 3) + CASE mod(abs(stock.on_three_days), 3) WHEN 2 THEN 1 ELSE 0 END
    ) * 0.01)::numeric(20, 2) AS ten_day_average
FROM (SELECT DISTINCT period FROM public.month) AS month
CROSS JOIN LATERAL (
    SELECT book, centre_id, line, sum(amount) AS balance,
           sum(CASE WHEN centre_month.period < month.period THEN 3 * amount ELSE by_10 + by_20 + amount END)
               AS on_three_days
    FROM public.centre_month
    WHERE NOT contra AND line IN ('deposit_balance', 'loan_balance') AND centre_month.period <= month.period
    GROUP BY book, centre_id, line
) AS stock;
COMMENT ON VIEW reporting.stock IS
    'A profit centre''s stocks 存量 at the end of a month, and their ten-day averages 旬均余额; one row a centre, line and month with entries anywhere';
COMMENT ON COLUMN reporting.stock.month IS 'Month as YYYYMM, for filters and joins';
COMMENT ON COLUMN reporting.stock.period IS 'Month as YYYY-MM, for people';
COMMENT ON COLUMN reporting.stock.month_start IS 'First day of the month, for time axes';
COMMENT ON COLUMN reporting.stock.book IS 'Book 账本: manager or department';
COMMENT ON COLUMN reporting.stock.centre_id IS 'Profit centre 利润中心: a manager, a department, unassigned or unallocated';
COMMENT ON COLUMN reporting.stock.line IS 'deposit_balance or loan_balance';
COMMENT ON COLUMN reporting.stock.balance IS 'Balance at the end of the month, in currency units';
COMMENT ON COLUMN reporting.stock.ten_day_average IS 'Mean of the balances on the 10th, the 20th and the last day, in currency units';
