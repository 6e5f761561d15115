-- When access keys were last used: statistics beside the sealed rows. They decide nothing and are not sealed. The keys
-- themselves are part of their users' documents (iam_entities).

CREATE TABLE access_key_uses (
    access_key_id text COLLATE "C" PRIMARY KEY,
    used          timestamptz NOT NULL,
    service       text COLLATE "C" NOT NULL,
    region        text COLLATE "C" NOT NULL
);

COMMENT ON TABLE access_key_uses IS 'The last use of each access key, for GetAccessKeyLastUsed. Written in batches.';
COMMENT ON COLUMN access_key_uses.service IS 'As in a signature''s credential scope: secretsmanager, iam, sts.';
