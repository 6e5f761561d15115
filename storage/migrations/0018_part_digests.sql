-- A seal that does not match says that a secret was altered, and not where. The digests say which part, to people alone:
-- nothing is decided by them. A secret that was last changed before this version has none until its next change.

ALTER TABLE secrets ADD COLUMN part_digests bytea;
COMMENT ON COLUMN secrets.part_digests IS
    'A short digest of each part of what the seal covers, to say which one was altered. Neither sealed nor keyed: decides nothing.';
