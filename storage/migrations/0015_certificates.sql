-- Certificates that rotations have issued, and the last revocation list of each authority. Neither is sealed: a revocation
-- list is signed by its authority, and a new one is made from the one before, so that what is deleted or altered in
-- `issued_certificates` un-revokes nothing.

CREATE TABLE issued_certificates (
    authority         text COLLATE "C" NOT NULL,
    issuer            text COLLATE "C" NOT NULL,
    serial            text COLLATE "C" NOT NULL,
    function          text COLLATE "C" NOT NULL,
    secret_arn        text COLLATE "C" NOT NULL,
    secret_name       text COLLATE "C" NOT NULL,
    version_id        text COLLATE "C" NOT NULL,
    names             text COLLATE "C" NOT NULL,
    issued            timestamptz(3) NOT NULL,
    not_before        timestamptz(3) NOT NULL,
    not_after         timestamptz(3) NOT NULL,
    revoke_superseded boolean NOT NULL,
    revoked           timestamptz(3),
    reason            text COLLATE "C",
    PRIMARY KEY (authority, serial, issuer),
    CONSTRAINT issued_certificates_revoked_has_a_reason CHECK ((revoked IS NULL) = (reason IS NULL))
);

CREATE INDEX issued_certificates_by_end ON issued_certificates (not_after, authority, serial, issuer);
CREATE INDEX issued_certificates_by_secret ON issued_certificates (secret_arn, not_after);
CREATE INDEX issued_certificates_by_serial ON issued_certificates (serial);
CREATE INDEX issued_certificates_revoked ON issued_certificates (authority) WHERE revoked IS NOT NULL;
CREATE INDEX issued_certificates_to_supersede ON issued_certificates (authority, serial)
    WHERE revoke_superseded AND revoked IS NULL;

COMMENT ON TABLE issued_certificates IS 'Certificates that rotations have issued. Not sealed.';
COMMENT ON COLUMN issued_certificates.authority IS 'Its name in the configuration; empty: an external one.';
COMMENT ON COLUMN issued_certificates.issuer IS
    'SHA-256 of the issuer''s name (DER), hexadecimal: serial numbers are one issuer''s, and external CAs are several.';
COMMENT ON COLUMN issued_certificates.serial IS 'Hexadecimal, without leading zeros.';
COMMENT ON COLUMN issued_certificates.revoke_superseded IS
    'To be revoked when no value under AWSCURRENT, AWSPREVIOUS or AWSPENDING has it any more.';
COMMENT ON COLUMN issued_certificates.reason IS 'As RFC 5280, section 5.3.1, names it.';

CREATE TABLE certificate_revocation_lists (
    authority   text COLLATE "C" PRIMARY KEY,
    list        bytea,
    next_update timestamptz(3),
    CONSTRAINT certificate_revocation_lists_has_both CHECK ((list IS NULL) = (next_update IS NULL))
);

COMMENT ON TABLE certificate_revocation_lists IS
    'The last signed revocation list of each authority (DER). Whoever makes the next one locks the row.';
