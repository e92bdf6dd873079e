-- Who looks after whom today.

CREATE VIEW reporting.portfolio AS
SELECT
    held.customer_id,
    held.manager_id,
    held.share,
    row_number() OVER (PARTITION BY held.customer_id ORDER BY held.share DESC, held.manager_id) = 1 AS is_lead,
    held.effective_from,
    customer.tier,
    customer.kind,
    customer.region,
    customer.industry,
    customer.branch_id
FROM (SELECT * FROM public.portfolio WHERE effective_from <= (now() AT TIME ZONE 'Asia/Shanghai')::date AND (effective_to IS NULL OR effective_to > (now() AT TIME ZONE 'Asia/Shanghai')::date)) AS held
JOIN public.customer USING (customer_id);
COMMENT ON VIEW reporting.portfolio IS
    'Shares of customers in force today 客户归属';
COMMENT ON COLUMN reporting.portfolio.customer_id IS 'Customer; names are not here';
COMMENT ON COLUMN reporting.portfolio.manager_id IS 'Customer manager 客户经理';
COMMENT ON COLUMN reporting.portfolio.share IS 'Part of the customer, between 0 and 1';
COMMENT ON COLUMN reporting.portfolio.is_lead IS 'Whether the manager leads the customer 主办客户经理: the largest share, ties to the smaller id';
COMMENT ON COLUMN reporting.portfolio.effective_from IS 'Since when';
COMMENT ON COLUMN reporting.portfolio.tier IS 'Tier of the customer 客户分层';
COMMENT ON COLUMN reporting.portfolio.kind IS 'Kind of customer';
COMMENT ON COLUMN reporting.portfolio.region IS 'Region';
COMMENT ON COLUMN reporting.portfolio.industry IS 'Industry';
COMMENT ON COLUMN reporting.portfolio.branch_id IS 'Branch 分行';


CREATE VIEW reporting.customer AS
SELECT
    customer.customer_id,
    customer.kind,
    customer.region,
    customer.industry,
    customer.tier,
    customer.branch_id,
    customer.registered_on,
    held.manager_id
FROM public.customer
LEFT JOIN LATERAL (
    SELECT manager_id FROM public.portfolio
    WHERE portfolio.customer_id = customer.customer_id AND effective_from <= (now() AT TIME ZONE 'Asia/Shanghai')::date AND (effective_to IS NULL OR effective_to > (now() AT TIME ZONE 'Asia/Shanghai')::date)
    ORDER BY share DESC, manager_id LIMIT 1
) AS held ON true;
COMMENT ON VIEW reporting.customer IS
    'Every customer with who leads them today';
COMMENT ON COLUMN reporting.customer.customer_id IS 'Customer; names are not here';
COMMENT ON COLUMN reporting.customer.kind IS 'Kind of customer';
COMMENT ON COLUMN reporting.customer.region IS 'Region';
COMMENT ON COLUMN reporting.customer.industry IS 'Industry';
COMMENT ON COLUMN reporting.customer.tier IS 'Tier of the customer 客户分层';
COMMENT ON COLUMN reporting.customer.branch_id IS 'Branch 分行';
COMMENT ON COLUMN reporting.customer.registered_on IS 'Day on which they became a customer';
COMMENT ON COLUMN reporting.customer.manager_id IS 'Lead 主办客户经理; null where nobody looks after them';


CREATE VIEW reporting.manager AS
SELECT
    manager.manager_id,
    present.status,
    present.grade,
    present.branch_id,
    present.team_id,
    manager.hired_on,
    manager.departed_on,
    coalesce(held.customers, 0) AS customers,
    coalesce(held.load, 0) AS load,
    grade.capacity
FROM public.manager
LEFT JOIN LATERAL (
    SELECT status, grade, branch_id, team_id FROM public.standing
    WHERE standing.manager_id = manager.manager_id AND effective_from <= (now() AT TIME ZONE 'Asia/Shanghai')::date
    ORDER BY effective_from DESC LIMIT 1
) AS present ON true
LEFT JOIN reporting.grade USING (grade)
LEFT JOIN (
    SELECT manager_id, sum(customers)::bigint AS customers, sum(shares * weight) AS load
    FROM (
        SELECT manager_id, tier, count(*) AS customers, sum(share) AS shares
        FROM public.portfolio JOIN public.customer USING (customer_id) WHERE effective_from <= (now() AT TIME ZONE 'Asia/Shanghai')::date AND (effective_to IS NULL OR effective_to > (now() AT TIME ZONE 'Asia/Shanghai')::date)
        GROUP BY manager_id, tier
    ) AS by_tier JOIN reporting.tier USING (tier)
    GROUP BY manager_id
) AS held USING (manager_id);
COMMENT ON VIEW reporting.manager IS
    'Every manager as they stand today, with load and capacity';
COMMENT ON COLUMN reporting.manager.manager_id IS 'Customer manager 客户经理';
COMMENT ON COLUMN reporting.manager.status IS 'probation, confirmed, on-leave, suspended or departed; null before the first day';
COMMENT ON COLUMN reporting.manager.grade IS 'Grade 等级';
COMMENT ON COLUMN reporting.manager.branch_id IS 'Branch 分行';
COMMENT ON COLUMN reporting.manager.team_id IS 'Team 团队; null where there is none';
COMMENT ON COLUMN reporting.manager.hired_on IS 'Day of hiring; null where nobody knows';
COMMENT ON COLUMN reporting.manager.departed_on IS 'First day on which they are a manager no more';
COMMENT ON COLUMN reporting.manager.customers IS 'Customers looked after, shared ones too';
COMMENT ON COLUMN reporting.manager.load IS 'Load 负荷: sum of tier weight × share';
COMMENT ON COLUMN reporting.manager.capacity IS 'Capacity 容量 of the grade';


CREATE VIEW reporting.customer_result AS
SELECT
    customer_id,
    month,
    left(month::text, 4) || '-' || right(month::text, 2) AS period,
    make_date(month / 100, month % 100, 1) AS month_start,
    (deposits * 0.01)::numeric(20, 2) AS deposits,
    (loans * 0.01)::numeric(20, 2) AS loans,
    (contribution * 0.01)::numeric(20, 2) AS contribution
FROM public.customer_result;
COMMENT ON VIEW reporting.customer_result IS
    'What a customer had and brought in a closed month 台账';
COMMENT ON COLUMN reporting.customer_result.customer_id IS 'Customer; names are not here';
COMMENT ON COLUMN reporting.customer_result.month IS 'Month as YYYYMM, for filters and joins';
COMMENT ON COLUMN reporting.customer_result.period IS 'Month as YYYY-MM, for people';
COMMENT ON COLUMN reporting.customer_result.month_start IS 'First day of the month, for time axes';
COMMENT ON COLUMN reporting.customer_result.deposits IS 'Deposits at the end of the month, in currency units';
COMMENT ON COLUMN reporting.customer_result.loans IS 'Loans at the end of the month, in currency units';
COMMENT ON COLUMN reporting.customer_result.contribution IS 'Contribution 贡献度 of the month, in currency units';
