"""The event store and what surrounds it, the same in every service's database."""

from alembic import op

from shared.infrastructure.event_log import PARTITIONS

revision = "store_2026_11_23"
down_revision = None
branch_labels = ("store",)
depends_on = None


STATEMENTS = (
    """
    CREATE TABLE shard (
        shard    smallint PRIMARY KEY,
        position bigint   NOT NULL DEFAULT 0,
        hash     bytea    NOT NULL DEFAULT ''
    )
    """,
    """
    COMMENT ON TABLE shard IS
        'Head of each shard; its row lock makes the writer single and positions free of gaps'
    """,
    """
    CREATE TABLE event (
        shard         smallint    NOT NULL,
        position      bigint      NOT NULL,
        stream        text        NOT NULL,
        version       integer     NOT NULL,
        event_id      text        NOT NULL,
        type          text        NOT NULL,
        data          text        NOT NULL,
        business_date date        NOT NULL,
        recorded_at   timestamptz NOT NULL,
        cause         text        NOT NULL,
        actor         text        NOT NULL,
        metadata      text        NOT NULL,
        hash          bytea       NOT NULL,
        PRIMARY KEY (shard, position),
        CONSTRAINT event_is_known_once UNIQUE (event_id),
        CONSTRAINT stream_has_one_history UNIQUE (stream, version)
    )
    """,
    """
    COMMENT ON TABLE event IS
        'Append-only; never updated, never deleted. data and metadata are JSON kept to the byte, as the hash covers them'
    """,
    """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'table % is append-only: history is never edited', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
    """
    CREATE TRIGGER event_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON event
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
    """
    CREATE TABLE consumer_position (
        topic       text    NOT NULL,
        partition   integer NOT NULL,
        next_offset bigint  NOT NULL,
        PRIMARY KEY (topic, partition)
    )
    """,
    """
    COMMENT ON TABLE consumer_position IS 'Committed together with the effects of what was read'
    """,
    """
    CREATE TABLE relay_position (
        shard    smallint PRIMARY KEY,
        position bigint NOT NULL DEFAULT 0
    )
    """,
    """
    COMMENT ON TABLE relay_position IS 'Up to where the events of a shard have been published'
    """,
    """
    CREATE TABLE receipt (
        subject         text        NOT NULL,
        route           text        NOT NULL,
        idempotency_key text        NOT NULL,
        body_hash       bytea       NOT NULL,
        status          smallint    NOT NULL,
        answer          bytea       NOT NULL,
        version         integer     NULL,
        recorded_at     timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (subject, route, idempotency_key)
    )
    """,
    """
    COMMENT ON TABLE receipt IS 'First answers to requests with an Idempotency-Key'
    """,
    """
    CREATE TABLE dead_letter (
        dead_letter_id  text        PRIMARY KEY,
        event_id        text        NULL,
        type            text        NULL,
        topic           text        NOT NULL,
        partition       integer     NOT NULL,
        log_offset      bigint      NOT NULL,
        reason          text        NOT NULL,
        attempts        integer     NOT NULL,
        first_seen      timestamptz NOT NULL,
        replayed_at     timestamptz NULL,
        shard           smallint    NOT NULL,
        position        bigint      NOT NULL
    )
    """,
    """
    CREATE INDEX dead_letter_by_event ON dead_letter (event_id)
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
    for shard in range(PARTITIONS):
        op.execute(f"INSERT INTO shard (shard) VALUES ({shard})")
        op.execute(f"INSERT INTO relay_position (shard) VALUES ({shard})")
