-- A rotation whose target was told, and that ends without its version becoming AWSCURRENT, leaves a value behind that may be the
-- only one that works. The next rotation tries it, where AWSCURRENT's and AWSPREVIOUS's are refused, at the server and as the user
-- that AWSCURRENT names alone. Like the rest of the queue it is not sealed: whoever alters it can have a version of the same secret
-- tried in vain, or not tried.

ALTER TABLE rotations ADD COLUMN left_behind text[] COLLATE "C" NOT NULL DEFAULT '{}';

COMMENT ON COLUMN rotations.left_behind IS
    'Versions whose values the target may have since rotations that were not finished, the newest first; none once one was finished.';
