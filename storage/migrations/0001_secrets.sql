-- Secrets, their versions and staging labels, the days of the last reads, and the master keys' register.
--
-- Nothing here is believed as it stands: each secret carries a seal, an HMAC keyed in the HSM over the
-- secret's row, all its versions' metadata and all its labels (storage/secret_seal.hpp). A change by hand is
-- refused at the next read. Ciphertext is authenticated by its own encryption. Text is compared and sorted by
-- its bytes (COLLATE "C"), so that no index depends on the machine's locale.

CREATE TABLE secrets (
    id           uuid PRIMARY KEY,
    name         text COLLATE "C" NOT NULL,
    arn          text COLLATE "C" NOT NULL,
    description  text COLLATE "C",
    kms_key_id   text COLLATE "C",
    created      timestamptz(3) NOT NULL,
    last_changed timestamptz(3) NOT NULL,
    deleted      timestamptz(3),
    purge_due    timestamptz(3),
    tags         jsonb,
    resource_policy text COLLATE "C",
    creation_token  text COLLATE "C",
    revision     bigint NOT NULL,
    seal         bytea NOT NULL,
    CONSTRAINT secrets_name_is_unique UNIQUE (name),
    CONSTRAINT secrets_deletion_is_whole CHECK ((deleted IS NULL) = (purge_due IS NULL)),
    CONSTRAINT secrets_times_are_finite CHECK (isfinite(created) AND isfinite(last_changed)
        AND (deleted IS NULL OR isfinite(deleted)) AND (purge_due IS NULL OR isfinite(purge_due))),
    CONSTRAINT secrets_tags_are_a_list CHECK (tags IS NULL OR jsonb_typeof(tags) = 'array')
) WITH (fillfactor = 80);

CREATE INDEX secrets_by_created ON secrets (created, id);
CREATE INDEX secrets_by_last_changed ON secrets (last_changed, id);
CREATE INDEX secrets_by_purge_due ON secrets (purge_due, id) WHERE purge_due IS NOT NULL;

COMMENT ON TABLE secrets IS 'One row for each secret. Sealed: a row changed by hand is refused when it is read.';
COMMENT ON COLUMN secrets.id IS 'Row id; a name that is created again after its deletion gets a new one.';
COMMENT ON COLUMN secrets.kms_key_id IS 'Master key as the caller named it; NULL for the default master key.';
COMMENT ON COLUMN secrets.last_changed IS 'Last change of the secret, its versions, labels or tags.';
COMMENT ON COLUMN secrets.deleted IS 'When deletion was asked for; NULL while the secret is not being deleted.';
COMMENT ON COLUMN secrets.purge_due IS 'When the secret is destroyed for good.';
COMMENT ON COLUMN secrets.tags IS 'List of [key, value] in the order of their first appearance; NULL when never tagged.';
COMMENT ON COLUMN secrets.resource_policy IS 'JSON of the policy attached to the secret, as it was given; NULL for none.';
COMMENT ON COLUMN secrets.creation_token IS 'The ClientRequestToken that created the secret.';
COMMENT ON COLUMN secrets.revision IS 'Raised by every change.';
COMMENT ON COLUMN secrets.seal IS 'HMAC-SHA256 over this row, its versions and its labels, keyed in the HSM.';

CREATE TABLE secret_versions (
    secret_id      uuid NOT NULL REFERENCES secrets (id) ON DELETE CASCADE,
    version_id     text COLLATE "C" NOT NULL,
    created        timestamptz(3) NOT NULL,
    kind           smallint,
    master_key     uuid,
    key_generation integer,
    wrapped_key    bytea,
    ciphertext     bytea,
    PRIMARY KEY (secret_id, version_id),
    CONSTRAINT secret_versions_created_is_finite CHECK (isfinite(created)),
    CONSTRAINT secret_versions_kind_is_known CHECK (kind IN (1, 2)),
    CONSTRAINT secret_versions_value_is_whole CHECK (
        num_nulls(kind, master_key, key_generation, wrapped_key, ciphertext) IN (0, 5))
);
-- Ciphertext does not compress; kept out of line when long, so that loading versions does not read it.
ALTER TABLE secret_versions ALTER COLUMN ciphertext SET STORAGE EXTERNAL;

COMMENT ON TABLE secret_versions IS 'The versions of secrets, with their encrypted values. Metadata is under the secret''s seal.';
COMMENT ON COLUMN secret_versions.version_id IS 'The ClientRequestToken that made the version.';
COMMENT ON COLUMN secret_versions.kind IS '1: SecretString, 2: SecretBinary, NULL: no value yet.';
COMMENT ON COLUMN secret_versions.master_key IS 'Master key that the data key is wrapped under.';
COMMENT ON COLUMN secret_versions.key_generation IS 'Generation of that master key.';
COMMENT ON COLUMN secret_versions.wrapped_key IS 'The version''s data key, wrapped in the HSM (RFC 3394).';
COMMENT ON COLUMN secret_versions.ciphertext IS 'The value, encrypted in the HSM under the data key.';

CREATE TABLE staging_labels (
    secret_id  uuid NOT NULL,
    label      text COLLATE "C" NOT NULL,
    version_id text COLLATE "C" NOT NULL,
    position   integer NOT NULL,
    -- The key itself keeps a label on at most one version of a secret.
    PRIMARY KEY (secret_id, label),
    FOREIGN KEY (secret_id, version_id) REFERENCES secret_versions (secret_id, version_id) ON DELETE CASCADE
);

COMMENT ON TABLE staging_labels IS 'Which version of a secret a staging label is attached to. Under the secret''s seal.';
COMMENT ON COLUMN staging_labels.position IS 'Order in which the labels of a version were attached.';

-- Tells every node's cache (LISTEN coffer_secret_changed) the name of a secret that changed, at commit. As
-- triggers, so that a change by hand is told as well, and found out at the next read. An empty payload: forget
-- everything. A node's own sessions (coffer.node = 'on', set by cofferd) change versions and labels only along
-- with their secret's row, whose trigger is enough; anybody else's changes of them are told by triggers of their
-- own.
CREATE FUNCTION notify_secret_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM pg_notify('coffer_secret_changed', OLD.name);
        RETURN NULL;
    END IF;
    PERFORM pg_notify('coffer_secret_changed', NEW.name);
    IF TG_OP = 'UPDATE' AND OLD.name <> NEW.name THEN
        PERFORM pg_notify('coffer_secret_changed', OLD.name);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION notify_part_of_secret_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM pg_notify('coffer_secret_changed', s.name) FROM secrets s WHERE s.id = OLD.secret_id;
    END IF;
    IF TG_OP = 'INSERT' OR (TG_OP = 'UPDATE' AND NEW.secret_id <> OLD.secret_id) THEN
        PERFORM pg_notify('coffer_secret_changed', s.name) FROM secrets s WHERE s.id = NEW.secret_id;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION notify_all_secrets_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('coffer_secret_changed', '');
    RETURN NULL;
END $$;

CREATE TRIGGER notify_changed AFTER INSERT OR UPDATE OR DELETE ON secrets
    FOR EACH ROW EXECUTE FUNCTION notify_secret_changed();
CREATE TRIGGER notify_changed AFTER INSERT OR UPDATE OR DELETE ON secret_versions
    FOR EACH ROW WHEN (current_setting('coffer.node', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION notify_part_of_secret_changed();
CREATE TRIGGER notify_changed AFTER INSERT OR UPDATE OR DELETE ON staging_labels
    FOR EACH ROW WHEN (current_setting('coffer.node', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION notify_part_of_secret_changed();
CREATE TRIGGER notify_truncated AFTER TRUNCATE ON secrets
    FOR EACH STATEMENT EXECUTE FUNCTION notify_all_secrets_changed();
CREATE TRIGGER notify_truncated AFTER TRUNCATE ON secret_versions
    FOR EACH STATEMENT EXECUTE FUNCTION notify_all_secrets_changed();
CREATE TRIGGER notify_truncated AFTER TRUNCATE ON staging_labels
    FOR EACH STATEMENT EXECUTE FUNCTION notify_all_secrets_changed();

-- No foreign keys here: checking one locks the secret's row, and writers would wait for statistics.
CREATE TABLE last_access (
    secret_id uuid PRIMARY KEY,
    day       date NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 80);
CREATE INDEX last_access_by_day ON last_access (day, secret_id);

COMMENT ON TABLE last_access IS 'UTC day on which any version of a secret was last read. Not sealed: it decides nothing.';
COMMENT ON COLUMN last_access.day IS '-infinity: never.';

CREATE TABLE version_last_access (
    secret_id  uuid NOT NULL,
    version_id text COLLATE "C" NOT NULL,
    day        date NOT NULL,
    PRIMARY KEY (secret_id, version_id)
) WITH (fillfactor = 80);

COMMENT ON TABLE version_last_access IS 'UTC day on which a version was last read. Not sealed.';

CREATE TABLE master_keys (
    id                uuid NOT NULL,
    generation        integer NOT NULL,
    name              text COLLATE "C" NOT NULL,
    created           timestamptz(3) NOT NULL,
    check_wrapped_key bytea NOT NULL,
    check_ciphertext  bytea NOT NULL,
    PRIMARY KEY (id, generation),
    CONSTRAINT master_keys_created_is_finite CHECK (isfinite(created))
);

COMMENT ON TABLE master_keys IS 'Generations of the HSM''s master keys. The keys themselves never leave the HSM. Sealed as one set.';
COMMENT ON COLUMN master_keys.check_ciphertext IS 'A known text encrypted under this generation: opens only with the very same key.';

CREATE TABLE set_seals (
    name text COLLATE "C" PRIMARY KEY,
    seal bytea
);
INSERT INTO set_seals (name) VALUES ('master_keys');

COMMENT ON TABLE set_seals IS 'Seals over whole tables, so that a row that is gone is noticed. NULL: nothing was stored yet.';
