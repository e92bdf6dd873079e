-- Entries one by one, from the event store.

CREATE VIEW reporting.entry AS
SELECT
    event_id AS entry_id,
    shard,
    position,
    recorded_at,
    business_date,
    data::json #>> '{cause,type}' AS cause_type
FROM public.event
WHERE type = 'EntryBooked';
COMMENT ON VIEW reporting.entry IS
    'Every entry 记账凭证 with what it was booked for; ask for a range of recorded_at, by which it is found quickly';
COMMENT ON COLUMN reporting.entry.entry_id IS 'Entry, and the event that caused it; GET /v1/entries/{entry_id} shows all of it';
COMMENT ON COLUMN reporting.entry.shard IS 'Shard of the event store';
COMMENT ON COLUMN reporting.entry.position IS 'Place in the shard';
COMMENT ON COLUMN reporting.entry.recorded_at IS 'When it was booked';
COMMENT ON COLUMN reporting.entry.business_date IS 'Day for which it counts';
COMMENT ON COLUMN reporting.entry.cause_type IS 'Type of the event behind it';
