-- What the triggers call finds Coffer's tables whatever search_path a session has: a dump's first lines empty it, and
-- loading rows alone then failed. pg_temp comes last, so that nobody's temporary table stands in for one of ours.
DO $$
DECLARE
    function regprocedure;
BEGIN
    FOR function IN
        SELECT p.oid::regprocedure FROM pg_proc p
        WHERE p.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
          AND p.prorettype = 'trigger'::regtype
          AND p.proname IN ('notify_secret_changed', 'notify_part_of_secret_changed', 'notify_all_secrets_changed',
                            'notify_iam_changed')
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', function, current_schema());
    END LOOP;
END $$;
