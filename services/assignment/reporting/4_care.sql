-- Care for customers 客户维护; texts are sealed and not here.

CREATE VIEW reporting.visit AS
SELECT
    visit_id,
    customer_id,
    manager_id,
    visited_on,
    kind,
    revisit_on
FROM public.visit;
COMMENT ON VIEW reporting.visit IS
    'Visits that were made';
COMMENT ON COLUMN reporting.visit.visit_id IS 'Visit';
COMMENT ON COLUMN reporting.visit.customer_id IS 'Customer; names are not here';
COMMENT ON COLUMN reporting.visit.manager_id IS 'Customer manager 客户经理';
COMMENT ON COLUMN reporting.visit.visited_on IS 'Day of the visit';
COMMENT ON COLUMN reporting.visit.kind IS 'visit, revisit or call';
COMMENT ON COLUMN reporting.visit.revisit_on IS 'Day of a promised revisit';


CREATE VIEW reporting.visit_due AS
SELECT
    customer.customer_id,
    customer.manager_id,
    customer.tier,
    visit_cycle.visited_on,
    next_visit.due_on,
    next_visit.due_on <= (now() AT TIME ZONE 'Asia/Shanghai')::date AS is_due
FROM reporting.customer
JOIN public.visit_cycle USING (customer_id)
JOIN reporting.tier ON tier.tier = customer.tier
CROSS JOIN LATERAL (
    SELECT (coalesce(visit_cycle.visited_on, (SELECT min(effective_from) FROM public.portfolio
                                              WHERE portfolio.customer_id = customer.customer_id))
            + make_interval(months => tier.visit_months))::date AS due_on
) AS next_visit
WHERE customer.manager_id IS NOT NULL;
COMMENT ON VIEW reporting.visit_due IS
    'The next visit by the tier''s cycle to each customer whom somebody looks after';
COMMENT ON COLUMN reporting.visit_due.customer_id IS 'Customer; names are not here';
COMMENT ON COLUMN reporting.visit_due.manager_id IS 'Lead 主办客户经理 of today';
COMMENT ON COLUMN reporting.visit_due.tier IS 'Tier of the customer 客户分层';
COMMENT ON COLUMN reporting.visit_due.visited_on IS 'Last visit; calls do not count';
COMMENT ON COLUMN reporting.visit_due.due_on IS 'Day on which the next visit is due';
COMMENT ON COLUMN reporting.visit_due.is_due IS 'Whether that day has come';


CREATE VIEW reporting.visit_missed AS
SELECT
    customer_id,
    due_on,
    manager_id
FROM public.visit_missed;
COMMENT ON VIEW reporting.visit_missed IS
    'Visits that were not made by their day';
COMMENT ON COLUMN reporting.visit_missed.customer_id IS 'Customer; names are not here';
COMMENT ON COLUMN reporting.visit_missed.due_on IS 'Day on which it was due';
COMMENT ON COLUMN reporting.visit_missed.manager_id IS 'Lead 主办客户经理 on that day';


CREATE VIEW reporting.complaint AS
SELECT
    complaint_id,
    customer_id,
    received_on,
    channel,
    due_on,
    status,
    manager_id,
    answered_on,
    in_time,
    satisfied,
    answered_on IS NULL AND due_on < (now() AT TIME ZONE 'Asia/Shanghai')::date AS is_overdue
FROM public.complaint;
COMMENT ON VIEW reporting.complaint IS
    'Complaints 投诉 and how they were answered';
COMMENT ON COLUMN reporting.complaint.complaint_id IS 'Complaint';
COMMENT ON COLUMN reporting.complaint.customer_id IS 'Customer; names are not here';
COMMENT ON COLUMN reporting.complaint.received_on IS 'Day on which it came';
COMMENT ON COLUMN reporting.complaint.channel IS 'How it came';
COMMENT ON COLUMN reporting.complaint.due_on IS 'Day by which it is to be answered';
COMMENT ON COLUMN reporting.complaint.status IS 'received, assigned, answered or confirmed';
COMMENT ON COLUMN reporting.complaint.manager_id IS 'Manager to whom it is given; null for nobody yet';
COMMENT ON COLUMN reporting.complaint.answered_on IS 'Day of the answer';
COMMENT ON COLUMN reporting.complaint.in_time IS 'Whether it was answered by due_on';
COMMENT ON COLUMN reporting.complaint.satisfied IS 'Whether the customer was content';
COMMENT ON COLUMN reporting.complaint.is_overdue IS 'Whether it is still unanswered after due_on';


CREATE VIEW reporting.survey AS
SELECT
    survey_id,
    customer_id,
    manager_id,
    score,
    surveyed_on
FROM public.survey;
COMMENT ON VIEW reporting.survey IS
    'Satisfaction surveys 满意度';
COMMENT ON COLUMN reporting.survey.survey_id IS 'Survey';
COMMENT ON COLUMN reporting.survey.customer_id IS 'Customer; names are not here';
COMMENT ON COLUMN reporting.survey.manager_id IS 'Lead 主办客户经理 on the day';
COMMENT ON COLUMN reporting.survey.score IS 'From 1 to 5, the best';
COMMENT ON COLUMN reporting.survey.surveyed_on IS 'Day of the survey';


CREATE VIEW reporting.referral AS
SELECT
    referral_id,
    customer_id,
    manager_id,
    department_id,
    product_code,
    referred_on,
    status,
    closed_on,
    (amount * 0.01)::numeric(20, 2) AS amount
FROM public.referral;
COMMENT ON VIEW reporting.referral IS
    'Referrals to product departments 推荐';
COMMENT ON COLUMN reporting.referral.referral_id IS 'Referral';
COMMENT ON COLUMN reporting.referral.customer_id IS 'Customer; names are not here';
COMMENT ON COLUMN reporting.referral.manager_id IS 'Customer manager 客户经理';
COMMENT ON COLUMN reporting.referral.department_id IS 'Product department 产品部门';
COMMENT ON COLUMN reporting.referral.product_code IS 'Product';
COMMENT ON COLUMN reporting.referral.referred_on IS 'Day of the referral';
COMMENT ON COLUMN reporting.referral.status IS 'open, won or lost';
COMMENT ON COLUMN reporting.referral.closed_on IS 'Day on which it was won or lost';
COMMENT ON COLUMN reporting.referral.amount IS 'Amount won, in currency units';
