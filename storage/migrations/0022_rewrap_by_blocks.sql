-- Wrapping anew goes through the versions as they lie in their table, and not by their ids, which are random: each of a million
-- rows was in another block then, and each block was read, written to the log whole and evicted several times. A part is a
-- range of blocks. What is moved to another part meanwhile, or added behind the last one, is seen by the count at the end, which
-- begins another pass. Of a wrapping anew that is under way that count comes next, as there are no parts.

DELETE FROM rewrap_slices;

ALTER TABLE rewrap_slices
    DROP COLUMN position_secret,
    DROP COLUMN position_version,
    ADD COLUMN next_block bigint NOT NULL DEFAULT 0,
    ADD COLUMN end_block bigint NOT NULL DEFAULT 0;

COMMENT ON TABLE rewrap_slices IS 'Parts of a wrapping anew, by the blocks of secret_versions: a node leases one, goes through it, and takes the next.';
COMMENT ON COLUMN rewrap_slices.next_block IS 'At which block it goes on.';
COMMENT ON COLUMN rewrap_slices.end_block IS 'The first block behind the part.';
