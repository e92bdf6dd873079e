-- Compliance duties 合规任务; suspicious reports are not here.

CREATE VIEW reporting.duty AS
SELECT
    duty.duty_id,
    duty.customer_id,
    duty.kind,
    duty.raised_on,
    duty.due_on,
    (duty.amount * 0.01)::numeric(20, 2) AS amount,
    duty.status,
    customer.manager_id,
    duty.done_on IS NULL AND duty.due_on < (now() AT TIME ZONE 'Asia/Shanghai')::date AS is_overdue,
    duty.breached_by,
    duty.serious,
    duty.done_on,
    duty.done_by,
    duty.in_time
FROM public.duty
LEFT JOIN reporting.customer USING (customer_id);
COMMENT ON VIEW reporting.duty IS
    'Every duty and who answers for it';
COMMENT ON COLUMN reporting.duty.duty_id IS 'Duty';
COMMENT ON COLUMN reporting.duty.customer_id IS 'Customer; names are not here';
COMMENT ON COLUMN reporting.duty.kind IS 'large-value-report 大额交易报告 or customer-review 客户尽职调查';
COMMENT ON COLUMN reporting.duty.raised_on IS 'Day on which it was raised';
COMMENT ON COLUMN reporting.duty.due_on IS 'Day by which it is to be done';
COMMENT ON COLUMN reporting.duty.amount IS 'Amount that gave rise to it, in currency units; null where none did';
COMMENT ON COLUMN reporting.duty.status IS 'open, done or breached 逾期违规; what was breached stays so when it is done late';
COMMENT ON COLUMN reporting.duty.manager_id IS 'Responsible today: the customer''s lead; null where there is none';
COMMENT ON COLUMN reporting.duty.is_overdue IS 'Whether it is still to be done after due_on';
COMMENT ON COLUMN reporting.duty.breached_by IS 'Manager responsible on the due day, once it is breached';
COMMENT ON COLUMN reporting.duty.serious IS 'Whether the breach is a serious one';
COMMENT ON COLUMN reporting.duty.done_on IS 'Day on which it was done';
COMMENT ON COLUMN reporting.duty.done_by IS 'Manager responsible on that day';
COMMENT ON COLUMN reporting.duty.in_time IS 'Whether that was by due_on';
