-- What Coffer never writes is kept out of columns that no seal covers, so that a slip of somebody's hand is refused when it is made.
-- It is no protection: whoever owns the tables can drop a constraint, and what is read is checked again. NOT VALID: rows of before
-- are left as they are, and do not keep the migration from being applied.

ALTER TABLE secret_versions ADD CONSTRAINT secret_versions_generation_is_one CHECK (key_generation > 0) NOT VALID;
ALTER TABLE master_keys ADD CONSTRAINT master_keys_generation_is_one CHECK (generation > 0) NOT VALID;
ALTER TABLE retired_generations ADD CONSTRAINT retired_generations_generation_is_one CHECK (generation > 0) NOT VALID;
ALTER TABLE rewraps ADD CONSTRAINT rewraps_generation_is_one CHECK (generation > 0) NOT VALID;
ALTER TABLE rewrap_slices ADD CONSTRAINT rewrap_slices_blocks_are_some
    CHECK (next_block BETWEEN 0 AND 4294967295 AND end_block BETWEEN 0 AND 4294967295) NOT VALID;
ALTER TABLE audit_outbox ADD CONSTRAINT audit_outbox_generation_is_one CHECK (generation > 0) NOT VALID;
-- 0: a journal that has no checkpoint yet.
ALTER TABLE audit_signers ADD CONSTRAINT audit_signers_generation_is_none_or_one CHECK (generation >= 0) NOT VALID;
ALTER TABLE seal_holders ADD CONSTRAINT seal_holders_generation_is_one CHECK (generation > 0 AND sealing > 0) NOT VALID;

-- Days of access are statistics: those that are none are forgotten.
UPDATE last_access SET day = '-infinity' WHERE day = 'infinity';
DELETE FROM version_last_access WHERE NOT isfinite(day);
ALTER TABLE last_access ADD CONSTRAINT last_access_day_is_not_to_come CHECK (day < 'infinity') NOT VALID;
ALTER TABLE version_last_access ADD CONSTRAINT version_last_access_day_is_finite CHECK (isfinite(day)) NOT VALID;

ALTER TABLE rotations ADD CONSTRAINT rotations_tries_are_finite
    CHECK ((started IS NULL OR isfinite(started)) AND (last_attempt IS NULL OR isfinite(last_attempt))) NOT VALID;
ALTER TABLE rotation_runs ADD CONSTRAINT rotation_runs_times_are_finite CHECK (isfinite(started) AND isfinite(ended)) NOT VALID;
ALTER TABLE issued_certificates ADD CONSTRAINT issued_certificates_times_are_finite
    CHECK (isfinite(issued) AND isfinite(not_before) AND isfinite(not_after) AND (revoked IS NULL OR isfinite(revoked))) NOT VALID;
ALTER TABLE access_key_uses ADD CONSTRAINT access_key_uses_used_is_finite CHECK (isfinite(used)) NOT VALID;
