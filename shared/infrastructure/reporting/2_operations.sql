-- Long work on a service's database, in every service's database.

CREATE VIEW reporting.operation AS
SELECT
    name,
    outcome,
    done,
    total,
    started_at,
    updated_at,
    ended_at,
    succeeded_at
FROM public.operation;
COMMENT ON VIEW reporting.operation IS
    'The last run of each operation: replay, verify, close, backup';
COMMENT ON COLUMN reporting.operation.name IS 'Operation';
COMMENT ON COLUMN reporting.operation.outcome IS 'running, ok or failed';
COMMENT ON COLUMN reporting.operation.done IS 'How much is done, in the unit of total';
COMMENT ON COLUMN reporting.operation.total IS 'How much there is in all; 0 where that is not known';
COMMENT ON COLUMN reporting.operation.started_at IS 'When it began last';
COMMENT ON COLUMN reporting.operation.updated_at IS 'When it said last how far it is; one that runs and has been silent for a minute was broken off';
COMMENT ON COLUMN reporting.operation.ended_at IS 'When it ended last';
COMMENT ON COLUMN reporting.operation.succeeded_at IS 'When it came to a good end last';
