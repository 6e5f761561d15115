-- Who may do what: users, groups, roles and managed policies, each one document.
--
-- Nothing here is believed as it stands. Each row carries a seal, an HMAC keyed in the HSM over all of its
-- columns; the manifest, one row under a seal of its own, lists kind, name, revision and seal of every row there
-- is, and the certificates that it claims (storage/iam_repository.hpp). A row that was inserted, edited, put back from yesterday or deleted by hand is
-- found when the tables are read, and grants nothing.

CREATE TABLE iam_entities (
    kind     text COLLATE "C" NOT NULL,
    name     text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    document text COLLATE "C" NOT NULL,
    seal     bytea NOT NULL,
    PRIMARY KEY (kind, name),
    CONSTRAINT iam_entities_kind_is_known CHECK (kind IN ('user', 'group', 'role', 'policy', 'account'))
);

COMMENT ON TABLE iam_entities IS 'Users, groups, roles and managed policies. Sealed: a row changed by hand grants nothing.';
COMMENT ON COLUMN iam_entities.revision IS 'The manifest''s revision that this row was written with.';
COMMENT ON COLUMN iam_entities.document IS 'The entity, as JSON.';
COMMENT ON COLUMN iam_entities.seal IS 'HMAC-SHA256 over the other columns, keyed in the HSM.';

CREATE TABLE iam_manifest (
    the_row  boolean PRIMARY KEY DEFAULT true,
    revision bigint NOT NULL,
    entries  text COLLATE "C" NOT NULL,
    seal     bytea,
    CONSTRAINT iam_manifest_has_one_row CHECK (the_row)
);
INSERT INTO iam_manifest (revision, entries) VALUES (0, '[]');

COMMENT ON TABLE iam_manifest IS 'One row: which rows of iam_entities there are. Sealed. Locked by whoever changes one of them.';
COMMENT ON COLUMN iam_manifest.revision IS 'Raised by every change.';
COMMENT ON COLUMN iam_manifest.entries IS 'JSON: [[kind, name, revision, seal in hexadecimal, identities], ...], sorted.';
COMMENT ON COLUMN iam_manifest.seal IS 'HMAC-SHA256 over revision and entries, keyed in the HSM. NULL: nothing was stored yet.';

-- Tells every node (LISTEN coffer_iam_changed) at commit that something changed, also by hand.
CREATE FUNCTION notify_iam_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('coffer_iam_changed', '');
    RETURN NULL;
END $$;

CREATE TRIGGER notify_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON iam_entities
    FOR EACH STATEMENT EXECUTE FUNCTION notify_iam_changed();
CREATE TRIGGER notify_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON iam_manifest
    FOR EACH STATEMENT EXECUTE FUNCTION notify_iam_changed();
