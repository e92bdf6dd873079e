-- Loans as they stand now. Whose they are the shares of today say; what managers hold in the books is in stock.

CREATE VIEW reporting.loan AS
SELECT
    loan_id,
    customer_id,
    loan_class::text AS loan_class,
    (outstanding * 0.01)::numeric(20, 2) AS outstanding,
    (held * 0.01)::numeric(20, 2) AS provision,
    closed
FROM public.loan;
COMMENT ON VIEW reporting.loan IS
    'Every loan as it stands';
COMMENT ON COLUMN reporting.loan.loan_id IS 'Loan';
COMMENT ON COLUMN reporting.loan.customer_id IS 'Customer; names are not here';
COMMENT ON COLUMN reporting.loan.loan_class IS 'Loan class 五级分类, best first: normal, special_mention, substandard, doubtful, loss';
COMMENT ON COLUMN reporting.loan.outstanding IS 'Outstanding balance, in currency units';
COMMENT ON COLUMN reporting.loan.provision IS 'Provision held, in currency units';
COMMENT ON COLUMN reporting.loan.closed IS 'Repaid or written off';


CREATE VIEW reporting.loan_share AS
SELECT
    loan.loan_id,
    loan.customer_id,
    share.key AS manager_id,
    share.value::numeric / 10000 AS share,
    loan.loan_class::text AS loan_class,
    (loan.outstanding * share.value::numeric / 10000 * 0.01)::numeric(20, 2) AS outstanding,
    (loan.held * share.value::numeric / 10000 * 0.01)::numeric(20, 2) AS provision
FROM public.loan
LEFT JOIN (
    SELECT DISTINCT ON (customer_id) customer_id, shares FROM public.assignment
    WHERE effective_from <= (now() AT TIME ZONE 'Asia/Shanghai')::date
    ORDER BY customer_id, effective_from DESC
) AS known USING (customer_id)
CROSS JOIN LATERAL json_each_text(
    CASE WHEN json_typeof(known.shares) = 'object' AND known.shares::text <> '{}' THEN known.shares
         ELSE '{"unassigned": 10000}'::json END
) AS share
WHERE NOT loan.closed;
COMMENT ON VIEW reporting.loan_share IS
    'The part of each open loan that a manager looks after today, or unassigned';
COMMENT ON COLUMN reporting.loan_share.loan_id IS 'Loan';
COMMENT ON COLUMN reporting.loan_share.customer_id IS 'Customer; names are not here';
COMMENT ON COLUMN reporting.loan_share.manager_id IS 'Customer manager 客户经理, or unassigned';
COMMENT ON COLUMN reporting.loan_share.share IS 'Part of the customer, between 0 and 1';
COMMENT ON COLUMN reporting.loan_share.loan_class IS 'Loan class 五级分类, best first: normal, special_mention, substandard, doubtful, loss';
COMMENT ON COLUMN reporting.loan_share.outstanding IS 'Outstanding balance × share, each rounded for itself, in currency units';
COMMENT ON COLUMN reporting.loan_share.provision IS 'Provision held × share, each rounded for itself, in currency units';


CREATE VIEW reporting.loan_product AS
SELECT
    loan.loan_id,
    posted.product_code,
    posted.department_id,
    loan.loan_class::text AS loan_class,
    (loan.outstanding * 0.01)::numeric(20, 2) AS outstanding,
    (loan.held * 0.01)::numeric(20, 2) AS provision
FROM public.loan
CROSS JOIN LATERAL (
    SELECT product_code, department_id FROM public.leg
    WHERE book = 'department' AND NOT contra AND customer_id = loan.customer_id
      AND line = 'loan_balance' AND account_id = loan.loan_id
    ORDER BY business_date DESC LIMIT 1
) AS posted
WHERE NOT loan.closed;
COMMENT ON VIEW reporting.loan_product IS
    'Product and department of each open loan, by its last disbursement; looked up in the legs of its customer, so ask for few loans or for patience';
COMMENT ON COLUMN reporting.loan_product.loan_id IS 'Loan';
COMMENT ON COLUMN reporting.loan_product.product_code IS 'Product';
COMMENT ON COLUMN reporting.loan_product.department_id IS 'Product department 产品部门';
COMMENT ON COLUMN reporting.loan_product.loan_class IS 'Loan class 五级分类, best first: normal, special_mention, substandard, doubtful, loss';
COMMENT ON COLUMN reporting.loan_product.outstanding IS 'Outstanding balance, in currency units';
COMMENT ON COLUMN reporting.loan_product.provision IS 'Provision held, in currency units';
