-- A rotation is abandoned when AWSCURRENT is no more the version that its pending value was made from. Which one that is,
-- is a new member of secrets.rotation ("made_from"), under the seal like the rest: a cofferd of before does not know it,
-- and has to refuse the schema. Whether the target was told is for people, and in the queue.

COMMENT ON COLUMN secrets.rotation IS
    'Function, schedule, last and next rotation, what is made and from which version; NULL when never configured.';

ALTER TABLE rotations ADD COLUMN told boolean NOT NULL DEFAULT false;
-- Of what is under way nobody wrote down more than the step.
UPDATE rotations SET told = true WHERE version_id IS NOT NULL AND step > 1;

COMMENT ON COLUMN rotations.told IS 'setSecret was begun, so that the target may have the value of version_id.';

-- For the metric that counts rotations whose window is over.
CREATE INDEX secrets_rotation_closes ON secrets (((rotation->>'closes')::bigint))
    WHERE rotation IS NOT NULL AND rotation->'enabled' = 'true'::jsonb AND deleted IS NULL;
