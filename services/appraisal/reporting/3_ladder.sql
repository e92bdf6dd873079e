-- Grades, rewards and penalties.

CREATE VIEW reporting.grade_change AS
SELECT
    change_id,
    manager_id,
    cycle_id,
    direction,
    grade_before,
    grade,
    status,
    proposed_at,
    decided_at,
    effective_from,
    outcome
FROM public.grade_change;
COMMENT ON VIEW reporting.grade_change IS
    'Changes of grade 等级调整 that are due by ratings or measures';
COMMENT ON COLUMN reporting.grade_change.change_id IS 'Change';
COMMENT ON COLUMN reporting.grade_change.manager_id IS 'Customer manager 客户经理';
COMMENT ON COLUMN reporting.grade_change.cycle_id IS 'Cycle on whose account it is due; null for measures';
COMMENT ON COLUMN reporting.grade_change.direction IS 'up or down';
COMMENT ON COLUMN reporting.grade_change.grade_before IS 'Grade before';
COMMENT ON COLUMN reporting.grade_change.grade IS 'Grade after';
COMMENT ON COLUMN reporting.grade_change.status IS 'open, approved or rejected';
COMMENT ON COLUMN reporting.grade_change.proposed_at IS 'When it was proposed';
COMMENT ON COLUMN reporting.grade_change.decided_at IS 'When it was decided';
COMMENT ON COLUMN reporting.grade_change.effective_from IS 'From which day on';
COMMENT ON COLUMN reporting.grade_change.outcome IS 'applied or refused by the assignment service; null until it says so';


CREATE VIEW reporting.measure AS
SELECT
    measure_id,
    manager_id,
    kind,
    (amount * 0.01)::numeric(20, 2) AS amount,
    effective_from,
    status,
    proposed_at
FROM public.measure;
COMMENT ON VIEW reporting.measure IS
    'Rewards and penalties 奖惩; grounds are not here';
COMMENT ON COLUMN reporting.measure.measure_id IS 'Measure';
COMMENT ON COLUMN reporting.measure.manager_id IS 'Customer manager 客户经理';
COMMENT ON COLUMN reporting.measure.kind IS 'What it is';
COMMENT ON COLUMN reporting.measure.amount IS 'Amount, in currency units; null where there is none';
COMMENT ON COLUMN reporting.measure.effective_from IS 'From which day on';
COMMENT ON COLUMN reporting.measure.status IS 'proposed, approved, rejected, appealed, upheld or lifted';
COMMENT ON COLUMN reporting.measure.proposed_at IS 'When it was proposed';
