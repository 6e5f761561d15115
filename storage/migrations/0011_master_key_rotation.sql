-- Rotation of master keys: what is decided about a key, which generations are gone for good, and how far the
-- wrapping anew is that follows a rotation.

-- The seal over the set of master keys covers their settings as well from its next change on, and this number, which
-- every change raises. NULL: as sealed before, over the generations alone.
ALTER TABLE set_seals ADD COLUMN revision bigint;
COMMENT ON COLUMN set_seals.revision IS 'Raised by every change of the set and under its seal; NULL before the first one.';

CREATE TABLE master_key_settings (
    id                   uuid PRIMARY KEY,
    description          text COLLATE "C" NOT NULL,
    deletion_due         timestamptz(3),
    rotation_days        integer,
    next_rotation        timestamptz(3),
    rewrapped_generation integer NOT NULL,
    rewrapped            timestamptz(3),
    CONSTRAINT master_key_settings_schedule_is_whole CHECK ((rotation_days IS NULL) = (next_rotation IS NULL)),
    CONSTRAINT master_key_settings_rewrap_is_whole CHECK ((rewrapped_generation = 0) = (rewrapped IS NULL)),
    CONSTRAINT master_key_settings_times_are_finite CHECK (
        (deletion_due IS NULL OR isfinite(deletion_due)) AND (next_rotation IS NULL OR isfinite(next_rotation))
        AND (rewrapped IS NULL OR isfinite(rewrapped)))
);

COMMENT ON TABLE master_key_settings IS 'What is decided about a master key. Under the seal of the set of master keys (set_seals).';
COMMENT ON COLUMN master_key_settings.deletion_due IS 'When all generations are destroyed in the token; NULL: the key stays.';
COMMENT ON COLUMN master_key_settings.rotation_days IS 'A new generation after so many days; NULL: by hand alone.';
COMMENT ON COLUMN master_key_settings.rewrapped_generation IS 'Nothing was wrapped under older generations than this one when that was last looked at; 0: never looked at.';
COMMENT ON COLUMN master_key_settings.rewrapped IS 'When that was found: older backups need the older generations.';

CREATE TABLE retired_generations (
    id         uuid NOT NULL,
    generation integer NOT NULL,
    retired    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id, generation)
);

COMMENT ON TABLE retired_generations IS 'Generations that are being destroyed, or were. Nothing more can be stored under them, and none is made a second time.';

-- A node that has not heard of a rotation yet must not store anything under a generation that is being destroyed.
-- Once for each statement: wrapping anew changes hundreds of rows with one.
CREATE FUNCTION refuse_retired_generation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM retired_generations r
               WHERE EXISTS (SELECT 1 FROM stored s WHERE s.master_key = r.id AND s.key_generation = r.generation)) THEN
        RAISE EXCEPTION 'a generation of a master key that was retired cannot be used' USING ERRCODE = '55000';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER refuse_retired_insert AFTER INSERT ON secret_versions REFERENCING NEW TABLE AS stored
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_retired_generation();
CREATE TRIGGER refuse_retired_update AFTER UPDATE ON secret_versions REFERENCING NEW TABLE AS stored
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_retired_generation();

-- Wrapping anew changes no indexed column. With a little room in each page the new row stays in its page, and no index
-- is written: so there is none on (master_key, key_generation), which would cost more with each version than counting
-- costs in a year.
ALTER TABLE secret_versions SET (fillfactor = 90);

CREATE TABLE rewraps (
    master_key uuid PRIMARY KEY,
    generation integer NOT NULL,
    started    timestamptz(3) NOT NULL,
    ended      timestamptz(3),
    total      bigint NOT NULL,
    pass       integer NOT NULL DEFAULT 1
);

COMMENT ON TABLE rewraps IS 'The last wrapping anew of each master key. Says how far it is, and decides nothing: not sealed.';
COMMENT ON COLUMN rewraps.generation IS 'The generation that everything is to be under.';
COMMENT ON COLUMN rewraps.ended IS 'When a pass found nothing more to do, or only what does not open.';
COMMENT ON COLUMN rewraps.pass IS 'A further pass follows where something was stored under an older generation meanwhile.';

CREATE TABLE rewrap_slices (
    master_key       uuid NOT NULL REFERENCES rewraps ON DELETE CASCADE,
    slice            smallint NOT NULL,
    position_secret  uuid,
    position_version text COLLATE "C",
    done             bigint NOT NULL DEFAULT 0,
    finished         boolean NOT NULL DEFAULT false,
    node             text COLLATE "C" NOT NULL DEFAULT '',
    lease            timestamptz NOT NULL DEFAULT '-infinity',
    PRIMARY KEY (master_key, slice)
) WITH (fillfactor = 50);

COMMENT ON TABLE rewrap_slices IS 'Parts of a wrapping anew, by the first bits of secrets'' ids: a node leases one, goes through it, and takes the next.';
COMMENT ON COLUMN rewrap_slices.position_secret IS 'Behind which version it goes on; NULL: at the beginning.';

CREATE TABLE rewrap_failures (
    secret_id  uuid NOT NULL,
    version_id text COLLATE "C" NOT NULL,
    master_key uuid NOT NULL,
    generation integer NOT NULL,
    reason     text COLLATE "C" NOT NULL,
    noticed    timestamptz(3) NOT NULL DEFAULT now(),
    PRIMARY KEY (secret_id, version_id)
);
CREATE INDEX rewrap_failures_by_key ON rewrap_failures (master_key);

COMMENT ON TABLE rewrap_failures IS 'Versions whose data key does not open. They are left as they are.';

-- Tells every node (LISTEN coffer_master_keys_changed) at commit, also of changes by hand.
CREATE FUNCTION notify_master_keys_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('coffer_master_keys_changed', '');
    RETURN NULL;
END $$;
CREATE TRIGGER notify_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON master_keys
    FOR EACH STATEMENT EXECUTE FUNCTION notify_master_keys_changed();
CREATE TRIGGER notify_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON master_key_settings
    FOR EACH STATEMENT EXECUTE FUNCTION notify_master_keys_changed();

-- As in 0009: found whatever search_path a session has.
DO $$
DECLARE
    function regprocedure;
BEGIN
    FOR function IN
        SELECT p.oid::regprocedure FROM pg_proc p
        WHERE p.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
          AND p.prorettype = 'trigger'::regtype
          AND p.proname IN ('refuse_retired_generation', 'notify_master_keys_changed')
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', function, current_schema());
    END LOOP;
END $$;
