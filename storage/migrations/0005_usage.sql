-- What was used: requests by day, node, principal and operation; secrets by day and tag. Statistics beside the sealed
-- rows: they decide nothing and are not sealed.

CREATE TABLE usage_requests (
    day       date NOT NULL,
    node      text COLLATE "C" NOT NULL,
    principal text COLLATE "C" NOT NULL,
    operation text COLLATE "C" NOT NULL,
    count     bigint NOT NULL,
    errors    bigint NOT NULL,
    PRIMARY KEY (day, node, principal, operation),
    CONSTRAINT usage_requests_errors_are_some CHECK (count >= 0 AND errors BETWEEN 0 AND count)
) WITH (fillfactor = 80);

COMMENT ON TABLE usage_requests IS 'Requests that were answered, by UTC day. Added up by each node in a row of its own, so that nodes do not wait for each other.';
COMMENT ON COLUMN usage_requests.principal IS 'ARN; "(nobody)" for certificates of nobody here, "(others)" where a node had no room for more.';
COMMENT ON COLUMN usage_requests.errors IS 'Those of count that were answered with an error.';

CREATE TABLE usage_days (
    day   date PRIMARY KEY,
    node  text COLLATE "C" NOT NULL,
    taken timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE usage_days IS 'UTC days on which the secrets were counted, by the node that came first.';

CREATE TABLE usage_secrets (
    day       date NOT NULL REFERENCES usage_days (day) ON DELETE CASCADE,
    tag_key   text COLLATE "C" NOT NULL,
    tag_value text COLLATE "C" NOT NULL,
    secrets   bigint NOT NULL,
    scheduled bigint NOT NULL,
    PRIMARY KEY (day, tag_key, tag_value)
);

COMMENT ON TABLE usage_secrets IS 'How many secrets there were on a day: in all, and with each tag.';
COMMENT ON COLUMN usage_secrets.tag_key IS 'Empty for all secrets; a tag has at least one character.';
COMMENT ON COLUMN usage_secrets.secrets IS 'Without those that are scheduled for deletion, which are not charged for.';
COMMENT ON COLUMN usage_secrets.scheduled IS 'Those that are scheduled for deletion.';

ALTER TABLE last_access ADD COLUMN principal text COLLATE "C";

COMMENT ON COLUMN last_access.principal IS 'ARN of one who read the secret on that day; NULL where it is not known.';
