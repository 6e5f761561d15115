-- Generations of the keys in the token that are not master keys: the key that signs audit checkpoints, and the key that
-- seals rows.

CREATE TABLE token_keys (
    purpose    text COLLATE "C" NOT NULL CONSTRAINT token_keys_purpose CHECK (purpose IN ('audit', 'seal')),
    generation integer NOT NULL CONSTRAINT token_keys_generation CHECK (generation > 0),
    created    timestamptz(3) NOT NULL CONSTRAINT token_keys_created CHECK (isfinite(created)),
    activated  timestamptz(3),
    retired    boolean NOT NULL DEFAULT false,
    retirement uuid,
    marked     timestamptz,
    seal       bytea,
    PRIMARY KEY (purpose, generation),
    CONSTRAINT token_keys_marked CHECK ((retirement IS NULL) = (marked IS NULL) AND NOT (retired AND marked IS NOT NULL))
);

COMMENT ON TABLE token_keys IS 'Generations that some node made or found, so that the others look for them. Not sealed, but for retirements: what a node works with is what its token holds, and a seal under a key that was destroyed is not believed, whatever this says.';
COMMENT ON COLUMN token_keys.activated IS 'Of the seal key: since when every node knows it, so that rows are sealed under it.';
COMMENT ON COLUMN token_keys.retired IS 'It is out of use for good: each node destroys it in its token. The row stays, so that nothing is sealed under it and none is made a second time.';
COMMENT ON COLUMN token_keys.seal IS 'Of a retirement: HMAC-SHA256 keyed in the HSM over purpose and generation. Without a good one no token destroys a key.';
COMMENT ON COLUMN token_keys.retirement IS 'Of the seal key: which attempt to retire it is under way.';
COMMENT ON COLUMN token_keys.marked IS 'When that began. Nothing is sealed under it meanwhile.';

CREATE TABLE audit_signers (
    node       text COLLATE "C" PRIMARY KEY,
    journal    uuid NOT NULL,
    generation integer NOT NULL,
    seen       timestamptz(3) NOT NULL
);

COMMENT ON TABLE audit_signers IS 'Which generation of the audit key signs the journal of each node. Not sealed: it can keep an old generation from being destroyed, or have it destroyed before a journal names its successor; coffer-audit verify tells then.';

CREATE TABLE seal_holders (
    node       text COLLATE "C" PRIMARY KEY,
    generation integer NOT NULL,
    sealing    integer NOT NULL DEFAULT 1,
    changed    timestamptz(3),
    seen       timestamptz NOT NULL,
    stopped    boolean NOT NULL DEFAULT false
);

COMMENT ON COLUMN seal_holders.sealing IS 'Which generation the node makes new seals and sessions with.';
COMMENT ON COLUMN seal_holders.changed IS 'Since when, by the node''s clock; NULL: since its first start.';
COMMENT ON TABLE seal_holders IS 'The newest generation of the seal key that each node knows, and the one that it seals under. Not sealed: it can delay a rotation, or have rows sealed under a generation that a node has yet to look for.';

-- The generation that a seal names (crypto/seal_form.hpp); 0: it is no seal.
CREATE FUNCTION seal_generation(seal bytea) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE octet_length(seal)
        WHEN 32 THEN 1
        WHEN 36 THEN get_byte(seal, 0)::bigint * 16777216 + get_byte(seal, 1) * 65536 + get_byte(seal, 2) * 256 + get_byte(seal, 3)
        ELSE 0 END
$$;

-- Whether that generation of the seal key is being retired, or was.
CREATE FUNCTION seal_key_is_retired(number bigint) RETURNS boolean LANGUAGE sql VOLATILE AS $$
    SELECT EXISTS (SELECT 1 FROM token_keys k
                   WHERE k.purpose = 'seal' AND k.generation = number AND (k.retired OR k.marked IS NOT NULL))
$$;

-- A node that has not heard of a retirement must not seal anything under what is being destroyed.
CREATE FUNCTION refuse_retired_seal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM (SELECT DISTINCT seal_generation(seal) AS number FROM stored) s
               WHERE seal_key_is_retired(s.number)) THEN
        RAISE EXCEPTION 'a generation of the seal key that was retired cannot be used' USING ERRCODE = '55000';
    END IF;
    RETURN NULL;
END $$;
DO $$
DECLARE
    sealed text;
BEGIN
    FOREACH sealed IN ARRAY ARRAY['secrets', 'iam_entities', 'iam_manifest', 'set_seals'] LOOP
        EXECUTE format('CREATE TRIGGER refuse_retired_seal_insert AFTER INSERT ON %I REFERENCING NEW TABLE AS stored '
                       'FOR EACH STATEMENT EXECUTE FUNCTION refuse_retired_seal()', sealed);
        EXECUTE format('CREATE TRIGGER refuse_retired_seal_update AFTER UPDATE ON %I REFERENCING NEW TABLE AS stored '
                       'FOR EACH STATEMENT EXECUTE FUNCTION refuse_retired_seal()', sealed);
    END LOOP;
END $$;

ALTER TABLE audit_outbox ADD COLUMN generation integer NOT NULL DEFAULT 1;
COMMENT ON COLUMN audit_outbox.generation IS 'Of the seal key that the key of the MAC is derived from. While there is an event its generation is not retired.';

CREATE FUNCTION refuse_retired_outbox_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM (SELECT DISTINCT generation FROM stored) s WHERE seal_key_is_retired(s.generation)) THEN
        RAISE EXCEPTION 'a generation of the seal key that was retired cannot be used' USING ERRCODE = '55000';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER refuse_retired_outbox_key AFTER INSERT ON audit_outbox REFERENCING NEW TABLE AS stored
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_retired_outbox_key();

CREATE TABLE reseals (
    generation integer PRIMARY KEY,
    started    timestamptz(3) NOT NULL,
    ended      timestamptz(3),
    total      bigint NOT NULL,
    done       bigint NOT NULL DEFAULT 0,
    failed     bigint NOT NULL DEFAULT 0,
    position   uuid,
    node       text COLLATE "C" NOT NULL DEFAULT '',
    lease      timestamptz NOT NULL DEFAULT '-infinity'
);

COMMENT ON TABLE reseals IS 'The sealing anew after each rotation of the seal key. Says how far it is, and decides nothing: not sealed.';
COMMENT ON COLUMN reseals.position IS 'Behind which secret it goes on; NULL: at the beginning.';

CREATE TABLE reseal_failures (
    name    text COLLATE "C" PRIMARY KEY,
    reason  text COLLATE "C" NOT NULL,
    noticed timestamptz(3) NOT NULL DEFAULT now()
);

COMMENT ON TABLE reseal_failures IS 'Rows whose seal is broken. They are left as they are.';

CREATE TRIGGER notify_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON token_keys
    FOR EACH STATEMENT EXECUTE FUNCTION notify_master_keys_changed();

-- As in 0009: found whatever search_path a session has.
DO $$
DECLARE
    function regprocedure;
BEGIN
    FOR function IN
        SELECT p.oid::regprocedure FROM pg_proc p
        WHERE p.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
          AND p.proname IN ('refuse_retired_seal', 'refuse_retired_outbox_key', 'seal_key_is_retired')
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', function, current_schema());
    END LOOP;
END $$;
