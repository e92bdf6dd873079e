-- Awards, what is deferred and what is taken back.

CREATE VIEW reporting.award AS
SELECT
    award.award_id,
    award.cycle_id,
    award.manager_id,
    award.granted_on,
    award.content ->> 'grade' AS grade,
    award.content ->> 'rating' AS rating,
    (award.amount * 0.01)::numeric(20, 2) AS amount,
    (award.immediate * 0.01)::numeric(20, 2) AS immediate,
    ((award.amount - award.immediate) * 0.01)::numeric(20, 2) AS deferred,
    (award.claimed * 0.01)::numeric(20, 2) AS claimed,
    (award.settled * 0.01)::numeric(20, 2) AS settled
FROM public.award;
COMMENT ON VIEW reporting.award IS
    'Awards 绩效薪酬 granted to managers';
COMMENT ON COLUMN reporting.award.award_id IS 'Award 绩效薪酬';
COMMENT ON COLUMN reporting.award.cycle_id IS 'Cycle of appraisal 考核周期';
COMMENT ON COLUMN reporting.award.manager_id IS 'Customer manager 客户经理';
COMMENT ON COLUMN reporting.award.granted_on IS 'Day of the grant';
COMMENT ON COLUMN reporting.award.grade IS 'Grade 等级';
COMMENT ON COLUMN reporting.award.rating IS 'Rating by which it was reckoned';
COMMENT ON COLUMN reporting.award.amount IS 'Whole award, in currency units';
COMMENT ON COLUMN reporting.award.immediate IS 'Part paid at once, in currency units';
COMMENT ON COLUMN reporting.award.deferred IS 'Part deferred 延期支付, in currency units';
COMMENT ON COLUMN reporting.award.claimed IS 'To be paid back beyond cancelled instalments, in currency units';
COMMENT ON COLUMN reporting.award.settled IS 'What of that was paid back, in currency units';


CREATE VIEW reporting.instalment AS
SELECT
    award.award_id,
    award.manager_id,
    award.cycle_id,
    instalment.due_on,
    (instalment.amount * 0.01)::numeric(20, 2) AS amount,
    (instalment.paid * 0.01)::numeric(20, 2) AS paid,
    (instalment.cancelled * 0.01)::numeric(20, 2) AS cancelled,
    ((instalment.amount - instalment.paid - instalment.cancelled) * 0.01)::numeric(20, 2) AS open,
    instalment.paid_on
FROM public.instalment
JOIN public.award USING (award_id);
COMMENT ON VIEW reporting.instalment IS
    'Deferred parts of awards: the vaults 绩效薪酬金库';
COMMENT ON COLUMN reporting.instalment.award_id IS 'Award 绩效薪酬';
COMMENT ON COLUMN reporting.instalment.manager_id IS 'Customer manager 客户经理';
COMMENT ON COLUMN reporting.instalment.cycle_id IS 'Cycle of appraisal 考核周期';
COMMENT ON COLUMN reporting.instalment.due_on IS 'Day on which it falls due';
COMMENT ON COLUMN reporting.instalment.amount IS 'Amount, in currency units';
COMMENT ON COLUMN reporting.instalment.paid IS 'What was paid, in currency units';
COMMENT ON COLUMN reporting.instalment.cancelled IS 'What was clawed back, in currency units';
COMMENT ON COLUMN reporting.instalment.open IS 'What is still to be paid, in currency units';
COMMENT ON COLUMN reporting.instalment.paid_on IS 'Day of payment';


CREATE VIEW reporting.clawback AS
SELECT
    clawback_id,
    manager_id,
    award_id,
    content ->> 'cycle_id' AS cycle_id,
    (content ->> 'business_date')::date AS business_date,
    released,
    content ->> 'loan_id' AS loan_id,
    content ->> 'loan_class' AS loan_class,
    (content ->> 'amount')::numeric(20, 2) AS amount,
    (content ->> 'from_instalments')::numeric(20, 2) AS from_instalments,
    (content ->> 'claim')::numeric(20, 2) AS claim
FROM public.clawback;
COMMENT ON VIEW reporting.clawback IS
    'What was clawed back 追索扣回 of awards, or released again';
COMMENT ON COLUMN reporting.clawback.clawback_id IS 'Clawback';
COMMENT ON COLUMN reporting.clawback.manager_id IS 'Customer manager 客户经理';
COMMENT ON COLUMN reporting.clawback.award_id IS 'Award 绩效薪酬';
COMMENT ON COLUMN reporting.clawback.cycle_id IS 'Cycle of appraisal 考核周期';
COMMENT ON COLUMN reporting.clawback.business_date IS 'Day for which it counts';
COMMENT ON COLUMN reporting.clawback.released IS 'Whether it was released, rather than clawed back';
COMMENT ON COLUMN reporting.clawback.loan_id IS 'Loan that changed its class';
COMMENT ON COLUMN reporting.clawback.loan_class IS 'Loan class 五级分类, best first: normal, special_mention, substandard, doubtful, loss';
COMMENT ON COLUMN reporting.clawback.amount IS 'Amount, in currency units, positive either way';
COMMENT ON COLUMN reporting.clawback.from_instalments IS 'What of it concerns instalments, in currency units';
COMMENT ON COLUMN reporting.clawback.claim IS 'What of it concerns the claim, in currency units';


CREATE VIEW reporting.department_fund AS
SELECT
    department_id,
    cycle_id,
    (amount * 0.01)::numeric(20, 2) AS amount,
    (content ->> 'efficiency')::numeric(20, 2) AS efficiency
FROM public.department_fund;
COMMENT ON VIEW reporting.department_fund IS
    'Funds 奖励基金 granted to departments';
COMMENT ON COLUMN reporting.department_fund.department_id IS 'Product department 产品部门';
COMMENT ON COLUMN reporting.department_fund.cycle_id IS 'Cycle of appraisal 考核周期';
COMMENT ON COLUMN reporting.department_fund.amount IS 'Fund, in currency units';
COMMENT ON COLUMN reporting.department_fund.efficiency IS 'Efficiency by which it was reckoned, in currency units';


CREATE VIEW reporting.payroll AS
SELECT
    month,
    left(month::text, 4) || '-' || right(month::text, 2) AS period,
    make_date(month / 100, month % 100, 1) AS month_start,
    item,
    count(*) AS items,
    (sum(amount) * 0.01)::numeric(20, 2) AS amount
FROM public.payroll_item
GROUP BY month, item;
COMMENT ON VIEW reporting.payroll IS
    'What goes to the payroll of a month, by kind; not person by person';
COMMENT ON COLUMN reporting.payroll.month IS 'Month as YYYYMM, for filters and joins';
COMMENT ON COLUMN reporting.payroll.period IS 'Month as YYYY-MM, for people';
COMMENT ON COLUMN reporting.payroll.month_start IS 'First day of the month, for time axes';
COMMENT ON COLUMN reporting.payroll.item IS 'Kind of item';
COMMENT ON COLUMN reporting.payroll.items IS 'How many';
COMMENT ON COLUMN reporting.payroll.amount IS 'Sum, positive where managers get it, in currency units';
