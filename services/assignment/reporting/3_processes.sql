-- Ways in which customers come to managers.

CREATE VIEW reporting.allocation AS
SELECT
    allocation_id,
    recorded_at,
    (summary ->> 'effective_from')::date AS effective_from,
    (summary ->> 'customers')::bigint AS customers,
    (summary ->> 'placed')::bigint AS placed,
    (summary ->> 'unchanged')::bigint AS unchanged,
    (SELECT coalesce(sum(value::bigint), 0)::bigint FROM json_each_text(summary -> 'unplaced')) AS unplaced
FROM public.allocation;
COMMENT ON VIEW reporting.allocation IS
    'Allocations 客户分配 that were made';
COMMENT ON COLUMN reporting.allocation.allocation_id IS 'Allocation';
COMMENT ON COLUMN reporting.allocation.recorded_at IS 'When it was made';
COMMENT ON COLUMN reporting.allocation.effective_from IS 'From which day on';
COMMENT ON COLUMN reporting.allocation.customers IS 'Customers looked at';
COMMENT ON COLUMN reporting.allocation.placed IS 'Customers given to a manager';
COMMENT ON COLUMN reporting.allocation.unchanged IS 'Customers who stay where they are';
COMMENT ON COLUMN reporting.allocation.unplaced IS 'Customers who could not be placed';


CREATE VIEW reporting.tender AS
SELECT
    tender_id,
    cardinality(customer_ids) AS customers,
    (baseline_profit * 0.01)::numeric(20, 2) AS baseline_profit,
    lowest_grade,
    opened_at,
    closes_at,
    CASE WHEN status = 'open' AND closes_at <= now() THEN 'closed' ELSE status END AS status,
    (SELECT count(*) FROM public.bid WHERE bid.tender_id = tender.tender_id) AS bids,
    manager_id,
    (committed_profit * 0.01)::numeric(20, 2) AS committed_profit,
    ended_at
FROM public.tender;
COMMENT ON VIEW reporting.tender IS
    'Tenders 竞标';
COMMENT ON COLUMN reporting.tender.tender_id IS 'Tender';
COMMENT ON COLUMN reporting.tender.customers IS 'Customers put up';
COMMENT ON COLUMN reporting.tender.baseline_profit IS 'Profit a year above which bids count, in currency units';
COMMENT ON COLUMN reporting.tender.lowest_grade IS 'Lowest grade that may bid';
COMMENT ON COLUMN reporting.tender.opened_at IS 'When it was opened';
COMMENT ON COLUMN reporting.tender.closes_at IS 'Until when bids are taken';
COMMENT ON COLUMN reporting.tender.status IS 'open, closed to bids, awarded, not-awarded or cancelled';
COMMENT ON COLUMN reporting.tender.bids IS 'Bids 标书; what they say stays sealed';
COMMENT ON COLUMN reporting.tender.manager_id IS 'Winner; null until there is one';
COMMENT ON COLUMN reporting.tender.committed_profit IS 'Profit a year that the winner committed to, in currency units';
COMMENT ON COLUMN reporting.tender.ended_at IS 'When it was awarded or ended';


CREATE VIEW reporting.hand_over AS
SELECT
    hand_over_id,
    manager_id,
    ground,
    effective_from,
    json_array_length(items) AS customers,
    cardinality(successor_ids) AS successors,
    (SELECT count(*) FROM public.acknowledgement WHERE acknowledgement.hand_over_id = hand_over.hand_over_id) AS acknowledged,
    status,
    planned_at,
    ended_at
FROM public.hand_over;
COMMENT ON VIEW reporting.hand_over IS
    'Hand-overs 移交';
COMMENT ON COLUMN reporting.hand_over.hand_over_id IS 'Hand-over';
COMMENT ON COLUMN reporting.hand_over.manager_id IS 'Manager who gives customers up';
COMMENT ON COLUMN reporting.hand_over.ground IS 'Why';
COMMENT ON COLUMN reporting.hand_over.effective_from IS 'From which day on';
COMMENT ON COLUMN reporting.hand_over.customers IS 'Customers handed over';
COMMENT ON COLUMN reporting.hand_over.successors IS 'Managers who take over';
COMMENT ON COLUMN reporting.hand_over.acknowledged IS 'Parties that acknowledged the plan';
COMMENT ON COLUMN reporting.hand_over.status IS 'planned, completed or cancelled';
COMMENT ON COLUMN reporting.hand_over.planned_at IS 'When it was planned';
COMMENT ON COLUMN reporting.hand_over.ended_at IS 'When it was completed or cancelled';


CREATE VIEW reporting.proposal AS
SELECT
    proposal_id,
    kind,
    status,
    proposed_at,
    decided_at
FROM public.proposal;
COMMENT ON VIEW reporting.proposal IS
    'What one person wants done and another decides on 提议';
COMMENT ON COLUMN reporting.proposal.proposal_id IS 'Proposal';
COMMENT ON COLUMN reporting.proposal.kind IS 'What is proposed';
COMMENT ON COLUMN reporting.proposal.status IS 'open, approved or rejected';
COMMENT ON COLUMN reporting.proposal.proposed_at IS 'When it was proposed';
COMMENT ON COLUMN reporting.proposal.decided_at IS 'When it was decided';
