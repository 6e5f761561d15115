-- Requests and rotations by the tags of the secrets that they were for, and rotations by who carried them out. Statistics as
-- in 0005_usage.sql: they decide nothing and are not sealed.

CREATE TABLE usage_tags (
    day       date NOT NULL,
    node      text COLLATE "C" NOT NULL,
    tag_key   text COLLATE "C" NOT NULL,
    tag_value text COLLATE "C" NOT NULL,
    requests  bigint NOT NULL,
    errors    bigint NOT NULL,
    rotations bigint NOT NULL,
    PRIMARY KEY (day, node, tag_key, tag_value),
    CONSTRAINT usage_tags_errors_are_some CHECK (requests >= 0 AND errors BETWEEN 0 AND requests AND rotations >= 0)
) WITH (fillfactor = 80);

COMMENT ON TABLE usage_tags IS 'Requests for secrets, and rotations of secrets, by UTC day: in all, and for each tag that the last count of secrets kept.';
COMMENT ON COLUMN usage_tags.tag_key IS 'Empty for all secrets; a tag has at least one character.';

CREATE TABLE usage_rotations (
    day       date NOT NULL,
    node      text COLLATE "C" NOT NULL,
    principal text COLLATE "C" NOT NULL,
    count     bigint NOT NULL CHECK (count >= 0),
    PRIMARY KEY (day, node, principal)
) WITH (fillfactor = 80);

COMMENT ON TABLE usage_rotations IS 'Rotations of secrets that succeeded, by UTC day.';
COMMENT ON COLUMN usage_rotations.principal IS 'ARN of the rotation function.';
