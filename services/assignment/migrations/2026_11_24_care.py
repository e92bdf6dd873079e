"""Care: visits, complaints, satisfaction surveys, market feedback and referrals."""

from alembic import op

revision = "assignment_2026_11_24_care"
down_revision = "assignment_2026_11_24_careers"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE visit (
        visit_id    text PRIMARY KEY,
        customer_id text NOT NULL,
        manager_id  text NOT NULL,
        visited_on  date NOT NULL,
        kind        text NOT NULL CHECK (kind IN ('visit', 'revisit', 'call')),
        revisit_on  date NULL CHECK (revisit_on > visited_on),
        sealed      text NOT NULL
    )
    """,
    "CREATE INDEX visit_by_customer ON visit (customer_id, visit_id)",
    """
    CREATE INDEX visit_last ON visit (customer_id, visited_on DESC, visit_id DESC) WHERE kind <> 'call'
    """,
    "CREATE INDEX visit_promise ON visit (customer_id, revisit_on) WHERE revisit_on IS NOT NULL",
    """
    CREATE TABLE complaint (
        complaint_id  text    PRIMARY KEY,
        customer_id   text    NOT NULL,
        received_on   date    NOT NULL,
        channel       text    NOT NULL,
        due_on        date    NOT NULL,
        status        text    NOT NULL CHECK (status IN ('received', 'assigned', 'answered', 'confirmed')),
        manager_id    text    NULL,
        assigned_on   date    NULL,
        answered_on   date    NULL,
        answered_by   text    NULL,
        in_time       boolean NULL,
        confirmed_on  date    NULL,
        confirmed_by  text    NULL,
        satisfied     boolean NULL,
        sealed        text    NOT NULL,
        sealed_answer text    NULL
    )
    """,
    "COMMENT ON TABLE complaint IS 'Of several answers to a complaint the last'",
    "CREATE INDEX complaint_by_customer ON complaint (customer_id, complaint_id)",
    "CREATE INDEX complaint_by_manager ON complaint (manager_id, complaint_id)",
    "CREATE INDEX complaint_unanswered ON complaint (due_on) WHERE status IN ('received', 'assigned')",
    """
    CREATE TABLE survey (
        survey_id   text     PRIMARY KEY,
        customer_id text     NOT NULL,
        manager_id  text     NULL,
        score       smallint NOT NULL CHECK (score BETWEEN 1 AND 5),
        surveyed_on date     NOT NULL,
        sealed      text     NULL
    )
    """,
    "COMMENT ON COLUMN survey.manager_id IS 'Who had the largest share of the customer on the day of the survey'",
    "CREATE INDEX survey_by_manager ON survey (manager_id, surveyed_on) INCLUDE (score)",
    "CREATE INDEX survey_by_customer ON survey (customer_id, survey_id)",
    """
    CREATE TABLE feedback (
        feedback_id   text PRIMARY KEY,
        key           text NOT NULL,
        department_id text NOT NULL,
        customer_id   text NULL,
        given_by      text NOT NULL,
        given_on      date NOT NULL,
        status        text NOT NULL CHECK (status IN ('open', 'answered')),
        subject       text NULL,
        text          text NULL,
        sealed        text NULL,
        answered_by   text NULL,
        answered_on   date NULL,
        answer        text NULL,
        sealed_answer text NULL,
        CHECK (customer_id IS NULL OR (subject IS NULL AND text IS NULL AND answer IS NULL))
    )
    """,
    "COMMENT ON TABLE feedback IS 'Texts are in the clear only where no customer is named'",
    "CREATE INDEX feedback_by_department ON feedback (department_id, feedback_id)",
    "CREATE INDEX feedback_by_author ON feedback (given_by, feedback_id)",
    """
    CREATE TABLE referral (
        referral_id   text   PRIMARY KEY,
        customer_id   text   NOT NULL,
        manager_id    text   NOT NULL,
        department_id text   NOT NULL,
        product_code  text   NULL,
        referred_on   date   NOT NULL,
        status        text   NOT NULL CHECK (status IN ('open', 'won', 'lost')),
        closed_on     date   NULL,
        amount        bigint NULL CHECK (amount IS NULL OR (amount > 0 AND status = 'won')),
        sealed        text   NOT NULL,
        sealed_reason text   NULL
    )
    """,
    "COMMENT ON COLUMN referral.amount IS 'Minor units'",
    "CREATE INDEX referral_by_customer ON referral (customer_id, referral_id)",
    "CREATE INDEX referral_by_manager ON referral (manager_id, referral_id)",
    "CREATE INDEX referral_by_department ON referral (department_id, referral_id)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
