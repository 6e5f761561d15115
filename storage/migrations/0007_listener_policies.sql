-- Policies of listeners: what may be done through one, on all nodes, in the table and under the manifest that principals
-- are under.

ALTER TABLE iam_entities DROP CONSTRAINT iam_entities_kind_is_known;
ALTER TABLE iam_entities ADD CONSTRAINT iam_entities_kind_is_known
    CHECK (kind IN ('user', 'group', 'role', 'policy', 'listener', 'account'));

COMMENT ON TABLE iam_entities IS 'Users, groups, roles, managed policies and policies of listeners. Sealed: a row changed by hand grants nothing.';
