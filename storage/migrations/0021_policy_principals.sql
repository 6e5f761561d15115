-- Policies name users and roles by ARN, and mean who had it when the policy was put: the unique ids of those lie beside the
-- policy, under the secret's seal. Seals of secrets without any are as they were. Of trust policies the ids are a new member of
-- the role's document in iam_entities ("trust_principals"): a cofferd of before does not know it, and has to refuse the schema.

ALTER TABLE secrets ADD COLUMN policy_principals jsonb;

COMMENT ON COLUMN secrets.policy_principals IS
    'Unique ids behind the ARNs of resource_policy''s principals: [[ARN, id], ...], an empty id for who was not there when it was put; NULL for none. An ARN that is not listed is matched as it stands.';
