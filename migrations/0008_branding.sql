-- +goose Up
-- How a tenant's pages look, and the host name by which they are found. A logo is small and lies beside the rest: every
-- replica of the panel serves it.
CREATE TABLE branding (
    tenant_id     text PRIMARY KEY REFERENCES tenant (tenant_id),
    title         text NOT NULL DEFAULT '' CHECK (length(title) <= 64),
    accent        text NOT NULL DEFAULT '' CHECK (accent ~ '^(#[0-9a-f]{6})?$'),
    support_url   text NOT NULL DEFAULT '' CHECK (length(support_url) <= 512),
    support_email text NOT NULL DEFAULT '' CHECK (length(support_email) <= 254),
    language      text NOT NULL DEFAULT '' CHECK (language IN ('', 'en', 'zh', 'ko', 'ru')),
    host          text NOT NULL DEFAULT '' CHECK (length(host) <= 253),
    logo          bytea CHECK (length(logo) <= 131072),
    logo_type     text NOT NULL DEFAULT '',
    logo_tag      text NOT NULL DEFAULT '', -- changes with the picture
    version       bigint NOT NULL DEFAULT 1,
    updated_at    timestamptz NOT NULL
);
CREATE UNIQUE INDEX branding_host ON branding (host) WHERE host <> '';
CALL guard_tenant_table('branding', 'SELECT, INSERT, UPDATE');

-- What a person reads the panel in; empty: what the tenant's pages are in.
ALTER TABLE login ADD COLUMN language text NOT NULL DEFAULT '' CHECK (language IN ('', 'en', 'zh', 'ko', 'ru'));
