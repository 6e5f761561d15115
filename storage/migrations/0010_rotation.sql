-- Rotation of secrets. What a secret's rotation is (function, schedule, last and next time) is part of the secret and
-- under its seal. What is being done about it is in `rotations`, which is not sealed: a worker believes nothing there
-- that the sealed secret does not say as well, so whoever alters it can delay a rotation or start it early.

ALTER TABLE secrets ADD COLUMN rotation jsonb;
ALTER TABLE secrets ADD CONSTRAINT secrets_rotation_is_an_object
    CHECK (rotation IS NULL OR jsonb_typeof(rotation) = 'object');

COMMENT ON COLUMN secrets.rotation IS 'Function, schedule, and last and next rotation; NULL when never configured.';

CREATE TABLE rotations (
    secret_id    uuid PRIMARY KEY REFERENCES secrets (id) ON DELETE CASCADE,
    due          timestamptz(3),
    test_only    boolean NOT NULL DEFAULT false,
    version_id   text COLLATE "C",
    step         smallint NOT NULL DEFAULT 1,
    attempt      integer NOT NULL DEFAULT 0,
    started      timestamptz(3),
    last_attempt timestamptz(3),
    last_error   text COLLATE "C",
    failed       boolean NOT NULL DEFAULT false,
    paused       boolean NOT NULL DEFAULT false,
    node         text COLLATE "C",
    leased_until timestamptz(3),
    fence        bigint NOT NULL DEFAULT 0,
    CONSTRAINT rotations_step_is_known CHECK (step BETWEEN 1 AND 4),
    CONSTRAINT rotations_due_is_finite CHECK (due IS NULL OR isfinite(due))
) WITH (fillfactor = 80);

CREATE INDEX rotations_due ON rotations (due, secret_id) WHERE due IS NOT NULL AND NOT paused;
CREATE INDEX rotations_leased ON rotations (leased_until) WHERE leased_until IS NOT NULL;
CREATE INDEX rotations_failed ON rotations (secret_id) WHERE failed;

COMMENT ON TABLE rotations IS 'One row for each secret that rotates: what is due and how far it is. Not sealed.';
COMMENT ON COLUMN rotations.due IS 'When a worker may take it; NULL: not by itself.';
COMMENT ON COLUMN rotations.test_only IS 'RotateSecret with RotateImmediately=false: only testSecret is to be run.';
COMMENT ON COLUMN rotations.version_id IS 'The version that the rotation under way makes; NULL between rotations.';
COMMENT ON COLUMN rotations.step IS 'The step that runs or comes next. 1: createSecret, 2: setSecret, 3: testSecret, 4: finishSecret.';
COMMENT ON COLUMN rotations.attempt IS 'Tries of the rotation under way.';
COMMENT ON COLUMN rotations.failed IS 'No further try comes by itself before the next window.';
COMMENT ON COLUMN rotations.leased_until IS 'Until then no other node takes it, by the database''s clock.';
COMMENT ON COLUMN rotations.fence IS 'Raised whenever the row is taken: who had it before can write it no more.';

CREATE TABLE rotation_runs (
    secret_id  uuid NOT NULL REFERENCES secrets (id) ON DELETE CASCADE,
    version_id text COLLATE "C" NOT NULL,
    started    timestamptz(3) NOT NULL,
    ended      timestamptz(3) NOT NULL,
    outcome    text COLLATE "C" NOT NULL,
    step       smallint NOT NULL,
    attempts   integer NOT NULL,
    message    text COLLATE "C",
    PRIMARY KEY (secret_id, ended, version_id)
);

COMMENT ON TABLE rotation_runs IS 'Rotations that ended, the newest 50 of each secret. For people; the audit journal has the proof.';

CREATE TABLE rotation_control (
    one    boolean PRIMARY KEY DEFAULT true CHECK (one),
    paused boolean NOT NULL DEFAULT false
);
INSERT INTO rotation_control DEFAULT VALUES;

COMMENT ON TABLE rotation_control IS 'paused: no node begins a step of any rotation.';
