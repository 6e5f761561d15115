-- A copy of the nodes' audit journals, for searching over all nodes. Not the proof: rows here carry no seal and can be
-- changed by whoever can write the table; `coffer-audit verify` on a journal is the proof.
--
-- One partition for each UTC day, made by the nodes as needed. Ranges are over event_time itself, so that the newest
-- events are read from the end of the last partition's primary key, without sorting. An event that concerns several
-- secrets has a row for each: part 0 has its text.

CREATE TABLE audit_events (
    event_time   timestamptz NOT NULL,
    journal      uuid NOT NULL,
    sequence     bigint NOT NULL,
    part         smallint NOT NULL,
    node         text COLLATE "C" NOT NULL,
    event_id     uuid NOT NULL,
    event_source text COLLATE "C" NOT NULL,
    event_name   text COLLATE "C" NOT NULL,
    principal    text COLLATE "C",
    user_name    text COLLATE "C",
    principal_id text COLLATE "C",
    secret       text COLLATE "C",
    secret_name  text COLLATE "C",
    error_code   text COLLATE "C",
    read_only    boolean NOT NULL,
    event        text COLLATE "C",
    PRIMARY KEY (event_time, journal, sequence, part)
) PARTITION BY RANGE (event_time);

CREATE INDEX audit_events_secret ON audit_events (secret_name, event_time) WHERE secret_name IS NOT NULL;
CREATE INDEX audit_events_id ON audit_events (event_id) WHERE part = 0;

COMMENT ON TABLE audit_events IS 'Copies of audit events for searching; the journals are the proof. One partition for each UTC day.';
COMMENT ON COLUMN audit_events.journal IS 'Id of the journal, with sequence the record''s place in it: a record that is delivered again is there already.';
COMMENT ON COLUMN audit_events.part IS '0, and 1 and up for further secrets of the same event.';
COMMENT ON COLUMN audit_events.principal IS 'The caller''s ARN, else the name on its certificate, else the part of Coffer that acted.';
COMMENT ON COLUMN audit_events.secret IS 'ARN of the secret, else what the request called it.';
COMMENT ON COLUMN audit_events.secret_name IS 'Name of the secret, without the ARN''s six characters.';
COMMENT ON COLUMN audit_events.error_code IS 'NULL: the request was done.';
COMMENT ON COLUMN audit_events.event IS 'The event, one line of JSON as in the journal; only in part 0.';

CREATE TABLE audit_checkpoints (
    journal  uuid NOT NULL,
    sequence bigint NOT NULL,
    node     text COLLATE "C" NOT NULL,
    stored   timestamptz NOT NULL DEFAULT now(),
    json     text COLLATE "C" NOT NULL,
    PRIMARY KEY (journal, sequence)
);

COMMENT ON TABLE audit_checkpoints IS 'Copies of signed checkpoints of the audit journals, to hold a journal against (coffer-audit verify --head).';
