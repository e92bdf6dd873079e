-- What the policy in force today says of grades and tiers; what no policy says is as in domain/grade.py and domain/policy.py, and a test compares.

CREATE VIEW reporting.grade AS
SELECT
    usual.grade,
    usual.rank,
    coalesce((SELECT terms #>> ARRAY['grades', usual.grade, 'capacity'] FROM public.policy
     WHERE effective_from <= (now() AT TIME ZONE 'Asia/Shanghai')::date AND terms #>> ARRAY['grades', usual.grade, 'capacity'] IS NOT NULL
     ORDER BY effective_from DESC, number DESC LIMIT 1)::numeric, usual.capacity) AS capacity
FROM (VALUES ('trainee', 0, 0), ('assistant', 1, 300), ('manager-4', 2, 500), ('manager-3', 3, 600), ('manager-2', 4, 700),
             ('manager-1', 5, 800), ('senior-2', 6, 900), ('senior-1', 7, 1000), ('principal', 8, 1200)
) AS usual (grade, rank, capacity);
COMMENT ON VIEW reporting.grade IS
    'Grades 等级 under the policy in force today';
COMMENT ON COLUMN reporting.grade.grade IS 'Grade 等级';
COMMENT ON COLUMN reporting.grade.rank IS 'Place in the ladder, 0 for the lowest';
COMMENT ON COLUMN reporting.grade.capacity IS 'Capacity 容量: how much load a manager of this grade may have';


CREATE VIEW reporting.tier AS
SELECT
    named.tier,
    coalesce((SELECT terms #>> ARRAY['tiers', named.tier, 'weight'] FROM public.policy
     WHERE effective_from <= (now() AT TIME ZONE 'Asia/Shanghai')::date AND terms #>> ARRAY['tiers', named.tier, 'weight'] IS NOT NULL
     ORDER BY effective_from DESC, number DESC LIMIT 1)::numeric, usual.weight, 1) AS weight,
    coalesce((SELECT terms #>> ARRAY['tiers', named.tier, 'visit_months'] FROM public.policy
     WHERE effective_from <= (now() AT TIME ZONE 'Asia/Shanghai')::date AND terms #>> ARRAY['tiers', named.tier, 'visit_months'] IS NOT NULL
     ORDER BY effective_from DESC, number DESC LIMIT 1)::integer, usual.visit_months, 12) AS visit_months
FROM (
    SELECT tier FROM public.customer
    UNION SELECT json_object_keys(terms -> 'tiers') FROM public.policy
    UNION VALUES ('basic'), ('silver'), ('gold'), ('platinum'), ('private')
) AS named
LEFT JOIN (VALUES ('basic', 0.5, 12), ('silver', 1, 6), ('gold', 2, 3), ('platinum', 3, 2), ('private', 5, 1)
) AS usual (tier, weight, visit_months) USING (tier);
COMMENT ON VIEW reporting.tier IS
    'Tiers of customers 客户分层 under the policy in force today: those that a policy or a customer names';
COMMENT ON COLUMN reporting.tier.tier IS 'Tier of the customer 客户分层';
COMMENT ON COLUMN reporting.tier.weight IS 'Load 负荷 of a customer of this tier';
COMMENT ON COLUMN reporting.tier.visit_months IS 'Months from one visit to the next';
