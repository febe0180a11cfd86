-- +goose Up
-- Where subscribers are signed in to the portal. A session lives no longer than what opened it: a password counts by the
-- generation of the subscriber's credentials, a subscription address by its hash.
CREATE TABLE portal_session (
    tenant_id     text NOT NULL,
    id            text NOT NULL UNIQUE,
    subscriber_id text NOT NULL,
    token_hash    bytea NOT NULL UNIQUE,
    generation    bigint,                 -- opened with the password
    proof         bytea,                  -- opened with a subscription address: its hash
    address       text NOT NULL DEFAULT '',
    user_agent    text NOT NULL DEFAULT '',
    created_at    timestamptz NOT NULL,
    seen_at       timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    revoked_at    timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, subscriber_id) REFERENCES subscriber (tenant_id, id) ON DELETE CASCADE,
    CHECK ((generation IS NULL) <> (proof IS NULL))
);
CREATE INDEX ON portal_session (tenant_id, subscriber_id);
CREATE INDEX ON portal_session (expires_at);
CALL guard_tenant_table('portal_session', 'SELECT, INSERT, UPDATE');
