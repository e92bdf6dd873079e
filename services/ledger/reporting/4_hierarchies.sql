-- Results along the hierarchies: manager, team, branch; products are in product_statement.

CREATE VIEW reporting.manager_place AS
SELECT
    month.period AS month,
    left(month.period::text, 4) || '-' || right(month.period::text, 2) AS period,
    place.manager_id,
    place.team_id,
    place.branch_id
FROM (SELECT DISTINCT period FROM public.month) AS month
CROSS JOIN LATERAL (
    SELECT DISTINCT ON (manager_id) manager_id, team_id, branch_id FROM public.manager_place
    WHERE effective_from < make_date(month.period / 100, month.period % 100, 1) + interval '1 month'
    ORDER BY manager_id, effective_from DESC
) AS place;
COMMENT ON VIEW reporting.manager_place IS
    'Where a manager belongs on the last day of each month with entries';
COMMENT ON COLUMN reporting.manager_place.month IS 'Month as YYYYMM, for filters and joins';
COMMENT ON COLUMN reporting.manager_place.period IS 'Month as YYYY-MM, for people';
COMMENT ON COLUMN reporting.manager_place.manager_id IS 'Customer manager 客户经理';
COMMENT ON COLUMN reporting.manager_place.team_id IS 'Team 团队; null where there is none';
COMMENT ON COLUMN reporting.manager_place.branch_id IS 'Branch 分行';


CREATE VIEW reporting.manager_result AS
SELECT
    statement.month,
    statement.period,
    statement.month_start,
    place.branch_id,
    place.team_id,
    statement.centre_id AS manager_id,
    statement.deposit_balance,
    statement.loan_balance,
    statement.interest_income,
    statement.fee_income,
    statement.settlement_income,
    statement.credit_risk_income,
    statement.deposit_cost,
    statement.ftp_income,
    statement.ftp_cost,
    statement.risk_charge,
    statement.direct_cost,
    statement.allocated_cost,
    statement.net_interest_income,
    statement.virtual_profit,
    statement.efficiency
FROM reporting.statement
LEFT JOIN reporting.manager_place AS place
    ON place.manager_id = statement.centre_id AND place.month = statement.month
WHERE statement.book = 'manager';
COMMENT ON VIEW reporting.manager_result IS
    'A manager''s statement of a month with team and branch. A transfer counts from its month on: over a quarter GET /v1/books/manager/hierarchy counts the whole of it where they stand on its last day';
COMMENT ON COLUMN reporting.manager_result.month IS 'Month as YYYYMM, for filters and joins';
COMMENT ON COLUMN reporting.manager_result.period IS 'Month as YYYY-MM, for people';
COMMENT ON COLUMN reporting.manager_result.month_start IS 'First day of the month, for time axes';
COMMENT ON COLUMN reporting.manager_result.branch_id IS 'Branch 分行 on the month''s last day; null for unassigned';
COMMENT ON COLUMN reporting.manager_result.team_id IS 'Team 团队; null where there is none';
COMMENT ON COLUMN reporting.manager_result.manager_id IS 'Customer manager 客户经理, or unassigned';
COMMENT ON COLUMN reporting.manager_result.deposit_balance IS 'Change of deposits 存款, of the month, signed for the centre, in currency units';
COMMENT ON COLUMN reporting.manager_result.loan_balance IS 'Change of loans 贷款, of the month, signed for the centre, in currency units';
COMMENT ON COLUMN reporting.manager_result.interest_income IS 'Interest income 利息收入, of the month, signed for the centre, in currency units';
COMMENT ON COLUMN reporting.manager_result.fee_income IS 'Fee income 中间业务收入, of the month, signed for the centre, in currency units';
COMMENT ON COLUMN reporting.manager_result.settlement_income IS 'Settlement income 国际结算收入, of the month, signed for the centre, in currency units';
COMMENT ON COLUMN reporting.manager_result.credit_risk_income IS 'Income for credit risk 授信风险费收入, of the month, signed for the centre, in currency units';
COMMENT ON COLUMN reporting.manager_result.deposit_cost IS 'Cost of deposits 自筹资金成本, of the month, signed for the centre, in currency units';
COMMENT ON COLUMN reporting.manager_result.ftp_income IS 'Deposits lent out inside the bank 拆出存款收入, of the month, signed for the centre, in currency units';
COMMENT ON COLUMN reporting.manager_result.ftp_cost IS 'Loans borrowed inside the bank 拆入资金成本, of the month, signed for the centre, in currency units';
COMMENT ON COLUMN reporting.manager_result.risk_charge IS 'Change of provisions 风险计提, of the month, signed for the centre, in currency units';
COMMENT ON COLUMN reporting.manager_result.direct_cost IS 'Direct costs 直接业务成本, of the month, signed for the centre, in currency units';
COMMENT ON COLUMN reporting.manager_result.allocated_cost IS 'Allocated costs 间接分摊成本, of the month, signed for the centre, in currency units';
COMMENT ON COLUMN reporting.manager_result.net_interest_income IS 'Net interest income 内部利差收入, in currency units';
COMMENT ON COLUMN reporting.manager_result.virtual_profit IS 'Virtual profit 虚拟利润, in currency units';
COMMENT ON COLUMN reporting.manager_result.efficiency IS 'Efficiency 客户经理效益, which appraisal pays on, in currency units';
