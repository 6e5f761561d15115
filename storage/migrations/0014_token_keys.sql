-- Generations of the keys in the token that are not master keys: the key that signs audit checkpoints.

CREATE TABLE token_keys (
    purpose    text COLLATE "C" NOT NULL CONSTRAINT token_keys_purpose CHECK (purpose IN ('audit')),
    generation integer NOT NULL CONSTRAINT token_keys_generation CHECK (generation > 0),
    created    timestamptz(3) NOT NULL CONSTRAINT token_keys_created CHECK (isfinite(created)),
    PRIMARY KEY (purpose, generation)
);

COMMENT ON TABLE token_keys IS 'Generations that some node made or found, so that the others look for them. Not sealed: what a node works with is what its token holds, whatever this says.';

CREATE TABLE audit_signers (
    node       text COLLATE "C" PRIMARY KEY,
    journal    uuid NOT NULL,
    generation integer NOT NULL,
    seen       timestamptz(3) NOT NULL
);

COMMENT ON TABLE audit_signers IS 'Which generation of the audit key signs the journal of each node. Not sealed: it can keep an old generation from being destroyed, or have it destroyed before a journal names its successor; coffer-audit verify tells then.';

CREATE TRIGGER notify_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON token_keys
    FOR EACH STATEMENT EXECUTE FUNCTION notify_master_keys_changed();
