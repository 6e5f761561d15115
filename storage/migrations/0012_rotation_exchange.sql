-- A rotation whose new value is the answer to a call that uses the present one up (an OAuth refresh token that works
-- once): what was sent is noted first, so that nobody sends it twice when the answer was lost.

ALTER TABLE rotations ADD COLUMN spent_version text COLLATE "C";

COMMENT ON COLUMN rotations.spent_version IS
    'The version whose value was sent to be exchanged for a new one; NULL when the exchange is known to have had no effect.';

-- Secrets of a group do not begin to rotate shortly one after the other. The groups are the configuration's.
CREATE TABLE rotation_groups (
    name       text COLLATE "C" PRIMARY KEY,
    last_begun timestamptz(3) NOT NULL
);

COMMENT ON TABLE rotation_groups IS 'When a secret of a group last began to rotate. Not sealed: it can delay a rotation, or not.';
