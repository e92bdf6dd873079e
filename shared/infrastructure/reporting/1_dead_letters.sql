-- Messages that were given up, in every service's database.

CREATE VIEW reporting.dead_letter AS
SELECT
    dead_letter_id,
    event_id,
    type,
    topic,
    partition,
    log_offset,
    attempts,
    first_seen,
    replayed_at,
    dismissed_at
FROM public.dead_letter;
COMMENT ON VIEW reporting.dead_letter IS
    'Dead letters 死信: messages of the log that could not be read or that a rule refused. Reasons and texts are at GET /v1/dead-letters, as a stranger''s text may hold anything';
COMMENT ON COLUMN reporting.dead_letter.dead_letter_id IS 'Dead letter';
COMMENT ON COLUMN reporting.dead_letter.event_id IS 'Id of the message, where it had one';
COMMENT ON COLUMN reporting.dead_letter.type IS 'Type of the message, where it had one';
COMMENT ON COLUMN reporting.dead_letter.topic IS 'Topic from which it came';
COMMENT ON COLUMN reporting.dead_letter.partition IS 'Partition of the topic';
COMMENT ON COLUMN reporting.dead_letter.log_offset IS 'Offset in the partition';
COMMENT ON COLUMN reporting.dead_letter.attempts IS 'How often it was tried';
COMMENT ON COLUMN reporting.dead_letter.first_seen IS 'When it was given up first';
COMMENT ON COLUMN reporting.dead_letter.replayed_at IS 'When it was worked after all';
COMMENT ON COLUMN reporting.dead_letter.dismissed_at IS 'When somebody decided that it will not be worked; it waits while both are null';
