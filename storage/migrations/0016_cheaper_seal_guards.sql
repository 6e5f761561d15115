-- The guards of 0014 ran a function that is planned at each call, for every row that is stored. They say the same with a
-- plan that a session keeps, and look at what was stored only where a generation is out of use.

-- Not STRICT, so that it becomes part of the statements that use it.
CREATE OR REPLACE FUNCTION seal_generation(seal bytea) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE octet_length(seal)
        WHEN 32 THEN 1
        WHEN 36 THEN get_byte(seal, 0)::bigint * 16777216 + get_byte(seal, 1) * 65536 + get_byte(seal, 2) * 256 + get_byte(seal, 3)
        ELSE 0 END
$$;

CREATE OR REPLACE FUNCTION refuse_retired_seal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM token_keys k
               WHERE k.purpose = 'seal' AND (k.retired OR k.marked IS NOT NULL)
                 AND EXISTS (SELECT 1 FROM stored s WHERE seal_generation(s.seal) = k.generation)) THEN
        RAISE EXCEPTION 'a generation of the seal key that was retired cannot be used' USING ERRCODE = '55000';
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION refuse_retired_outbox_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM token_keys k
               WHERE k.purpose = 'seal' AND (k.retired OR k.marked IS NOT NULL)
                 AND EXISTS (SELECT 1 FROM stored s WHERE s.generation = k.generation)) THEN
        RAISE EXCEPTION 'a generation of the seal key that was retired cannot be used' USING ERRCODE = '55000';
    END IF;
    RETURN NULL;
END $$;

DROP FUNCTION seal_key_is_retired(bigint);

-- As in 0009, and lost by CREATE OR REPLACE.
DO $$
DECLARE
    function regprocedure;
BEGIN
    FOR function IN
        SELECT p.oid::regprocedure FROM pg_proc p
        WHERE p.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
          AND p.proname IN ('refuse_retired_seal', 'refuse_retired_outbox_key')
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', function, current_schema());
    END LOOP;
END $$;
