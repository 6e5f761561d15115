-- Events of changes, stored in the change's own transaction until the node that made the change has them in its
-- audit journal: no change without its event, whenever the node dies.

CREATE TABLE audit_outbox (
    event_id uuid PRIMARY KEY,
    node     text COLLATE "C" NOT NULL,
    stored   timestamptz NOT NULL DEFAULT now(),
    event    text COLLATE "C" NOT NULL,
    mac      bytea NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);

COMMENT ON TABLE audit_outbox IS 'Events of committed changes that may not be in their node''s audit journal yet.';
COMMENT ON COLUMN audit_outbox.node IS 'Name of the node that made the change, and whose journal the event belongs in.';
COMMENT ON COLUMN audit_outbox.event IS 'The event, one line of JSON.';
COMMENT ON COLUMN audit_outbox.mac IS 'HMAC-SHA256 over the other columns but stored, under a key derived in the HSM: a row made by hand is not journaled.';
