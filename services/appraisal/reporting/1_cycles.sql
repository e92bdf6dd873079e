-- Cycles 考核周期, scorecards and what they are made of.

CREATE VIEW reporting.cycle AS
SELECT
    cycle_id,
    period,
    kind,
    status,
    opened_at,
    frozen_at,
    published_at,
    cards,
    (manager_efficiency * 0.01)::numeric(20, 2) AS manager_efficiency,
    (department_efficiency * 0.01)::numeric(20, 2) AS department_efficiency,
    (ledger_efficiency * 0.01)::numeric(20, 2) AS ledger_efficiency
FROM public.cycle;
COMMENT ON VIEW reporting.cycle IS
    'Cycles of appraisal';
COMMENT ON COLUMN reporting.cycle.cycle_id IS 'Cycle of appraisal 考核周期';
COMMENT ON COLUMN reporting.cycle.period IS 'Period appraised, such as 2026-Q3';
COMMENT ON COLUMN reporting.cycle.kind IS 'regular, or promotion 晋升评审';
COMMENT ON COLUMN reporting.cycle.status IS 'open, frozen, scored, approved, published or closed';
COMMENT ON COLUMN reporting.cycle.opened_at IS 'When it was opened';
COMMENT ON COLUMN reporting.cycle.frozen_at IS 'When its inputs were fixed';
COMMENT ON COLUMN reporting.cycle.published_at IS 'When it was published';
COMMENT ON COLUMN reporting.cycle.cards IS 'Scorecards';
COMMENT ON COLUMN reporting.cycle.manager_efficiency IS 'Efficiency of all managers and unassigned, in currency units';
COMMENT ON COLUMN reporting.cycle.department_efficiency IS 'Efficiency of all departments, in currency units';
COMMENT ON COLUMN reporting.cycle.ledger_efficiency IS 'Efficiency as the ledger has it, in currency units; all three must be equal';


CREATE VIEW reporting.scorecard AS
SELECT
    card.cycle_id,
    card.side,
    card.centre_id,
    card.group_id,
    card.scheme_id,
    card.scheme_version,
    (card.efficiency * 0.01)::numeric(20, 2) AS efficiency,
    (card.scored ->> 'computed')::numeric(9, 2) AS computed,
    (card.scored ->> 'calibration')::numeric(9, 2) AS calibration,
    card.total::numeric(9, 2) AS total,
    coalesce(appeal.rating, card.rating) AS rating,
    json_array_length(card.inputs -> 'vetoes') AS vetoes,
    appeal.status AS appeal,
    card.published
FROM public.card
LEFT JOIN public.appeal USING (cycle_id, side, centre_id);
COMMENT ON VIEW reporting.scorecard IS
    'Scorecards 记分卡 as they count: after calibration, and with the rating that an appeal changed';
COMMENT ON COLUMN reporting.scorecard.cycle_id IS 'Cycle of appraisal 考核周期';
COMMENT ON COLUMN reporting.scorecard.side IS 'Side of the appraisal: manager or department';
COMMENT ON COLUMN reporting.scorecard.centre_id IS 'Profit centre 利润中心: a manager, a department, unassigned or unallocated';
COMMENT ON COLUMN reporting.scorecard.group_id IS 'Grade of the manager on the period''s last day, or the department';
COMMENT ON COLUMN reporting.scorecard.scheme_id IS 'Scheme 考核方案 by which it is scored';
COMMENT ON COLUMN reporting.scorecard.scheme_version IS 'Version of the scheme';
COMMENT ON COLUMN reporting.scorecard.efficiency IS 'Efficiency 效益 of the cycle, in currency units';
COMMENT ON COLUMN reporting.scorecard.computed IS 'Total by the scheme, in points';
COMMENT ON COLUMN reporting.scorecard.calibration IS 'What the committee added, in points';
COMMENT ON COLUMN reporting.scorecard.total IS 'Total that counts, in points; null until it is scored';
COMMENT ON COLUMN reporting.scorecard.rating IS 'Rating A, B, C or D that counts; null until it is scored';
COMMENT ON COLUMN reporting.scorecard.vetoes IS 'Events that cap the rating';
COMMENT ON COLUMN reporting.scorecard.appeal IS 'Appeal 申诉: open, upheld or rejected; null for none';
COMMENT ON COLUMN reporting.scorecard.published IS 'Whether the cycle is published: what is not may still change';


CREATE VIEW reporting.indicator_score AS
SELECT
    card.cycle_id,
    card.side,
    card.centre_id,
    one ->> 'code' AS code,
    one ->> 'name' AS name,
    one ->> 'source' AS source,
    (one ->> 'weight')::numeric AS weight,
    (one ->> 'actual')::numeric AS actual,
    (one ->> 'target')::numeric AS target,
    (one ->> 'score')::numeric AS score,
    card.published
FROM public.card
CROSS JOIN LATERAL json_array_elements(card.scored -> 'indicators') AS one;
COMMENT ON VIEW reporting.indicator_score IS
    'What each indicator 考核指标 of a scorecard came to';
COMMENT ON COLUMN reporting.indicator_score.cycle_id IS 'Cycle of appraisal 考核周期';
COMMENT ON COLUMN reporting.indicator_score.side IS 'Side of the appraisal: manager or department';
COMMENT ON COLUMN reporting.indicator_score.centre_id IS 'Profit centre 利润中心: a manager, a department, unassigned or unallocated';
COMMENT ON COLUMN reporting.indicator_score.code IS 'Indicator';
COMMENT ON COLUMN reporting.indicator_score.name IS 'Name of the indicator';
COMMENT ON COLUMN reporting.indicator_score.source IS 'What is measured';
COMMENT ON COLUMN reporting.indicator_score.weight IS 'Weight, in percent';
COMMENT ON COLUMN reporting.indicator_score.actual IS 'Actual figure: money in currency units, percent, hours or a count, as the source says';
COMMENT ON COLUMN reporting.indicator_score.target IS 'Target, like actual; null where it needs none or has none';
COMMENT ON COLUMN reporting.indicator_score.score IS 'Score, in points';
COMMENT ON COLUMN reporting.indicator_score.published IS 'Whether the cycle is published';


CREATE VIEW reporting.target AS
SELECT
    year,
    source,
    kind AS unit_kind,
    id AS unit_id,
    amount,
    quarter_1,
    quarter_2,
    quarter_3,
    quarter_4
FROM public.target;
COMMENT ON VIEW reporting.target IS
    'Annual targets 考核目标 of units, and their quarters';
COMMENT ON COLUMN reporting.target.year IS 'Year';
COMMENT ON COLUMN reporting.target.source IS 'What is measured';
COMMENT ON COLUMN reporting.target.unit_kind IS 'bank, branch, team, manager or department';
COMMENT ON COLUMN reporting.target.unit_id IS 'The unit';
COMMENT ON COLUMN reporting.target.amount IS 'Target of the year: money in currency units, percent, hours or a count, as the source says';
COMMENT ON COLUMN reporting.target.quarter_1 IS 'Of the first quarter: money in currency units, percent, hours or a count, as the source says';
COMMENT ON COLUMN reporting.target.quarter_2 IS 'Of the second quarter: money in currency units, percent, hours or a count, as the source says';
COMMENT ON COLUMN reporting.target.quarter_3 IS 'Of the third quarter: money in currency units, percent, hours or a count, as the source says';
COMMENT ON COLUMN reporting.target.quarter_4 IS 'Of the fourth quarter: money in currency units, percent, hours or a count, as the source says';
