-- A transaction that notifies holds a lock of the whole server while it commits, the wait for the disk included, so that
-- changes of different secrets became durable one by one. The sessions of nodes (coffer.node = 'tells'; of those before this
-- version 'on') notify right after the change's transaction instead, in one that writes nothing to disk. Should the node die in
-- between, the change's event in audit_outbox says which secrets it changed: every node looks there once a second, and whoever
-- takes the event away notifies once more. Changes by hand notify by triggers, as before.

ALTER TABLE audit_outbox ADD COLUMN secrets text[] COLLATE "C" NOT NULL DEFAULT '{}';
COMMENT ON COLUMN audit_outbox.secrets IS 'Names of the secrets that the change was about, for the caches of the other nodes.';

DROP TRIGGER notify_changed ON secrets;
DROP TRIGGER notify_changed ON secret_versions;
DROP TRIGGER notify_changed ON staging_labels;
CREATE TRIGGER notify_changed AFTER INSERT OR UPDATE OR DELETE ON secrets
    FOR EACH ROW WHEN (current_setting('coffer.node', true) IS DISTINCT FROM 'tells') EXECUTE FUNCTION notify_secret_changed();
CREATE TRIGGER notify_changed AFTER INSERT OR UPDATE OR DELETE ON secret_versions
    FOR EACH ROW WHEN (coalesce(current_setting('coffer.node', true), '') NOT IN ('on', 'tells')) EXECUTE FUNCTION notify_part_of_secret_changed();
CREATE TRIGGER notify_changed AFTER INSERT OR UPDATE OR DELETE ON staging_labels
    FOR EACH ROW WHEN (coalesce(current_setting('coffer.node', true), '') NOT IN ('on', 'tells')) EXECUTE FUNCTION notify_part_of_secret_changed();

CREATE FUNCTION notify_secrets_of_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('coffer_secret_changed', c.name) FROM (SELECT DISTINCT unnest(secrets) AS name FROM gone) c;
    RETURN NULL;
END $$;
CREATE TRIGGER notify_changed AFTER DELETE ON audit_outbox REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION notify_secrets_of_events();

-- As in 0009: found whatever search_path a session has.
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION notify_secrets_of_events() SET search_path = %I, pg_temp', current_schema());
END $$;
