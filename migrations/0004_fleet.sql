-- +goose Up
CREATE TABLE node_group (
    tenant_id  text NOT NULL REFERENCES tenant (tenant_id),
    id         text NOT NULL UNIQUE,
    name       text NOT NULL CHECK (name ~ '^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$'),
    comment    text NOT NULL DEFAULT '',
    version    bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, name)
);
CALL guard_tenant_table('node_group', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE node (
    tenant_id        text NOT NULL REFERENCES tenant (tenant_id),
    id               text NOT NULL UNIQUE,
    name             text NOT NULL CHECK (name ~ '^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$'),
    host             text NOT NULL DEFAULT '',  -- address that subscribers dial
    region           text NOT NULL DEFAULT '',
    comment          text NOT NULL DEFAULT '',
    status           text NOT NULL CHECK (status IN ('waiting', 'active', 'suspended', 'revoked')),
    agent_version    text NOT NULL DEFAULT '',
    capability       integer NOT NULL DEFAULT 0,
    kinds            text[] NOT NULL DEFAULT '{}',
    epoch            bigint NOT NULL DEFAULT 0,
    clock_skew_ms    bigint NOT NULL DEFAULT 0,
    seen_at          timestamptz,
    fault            text NOT NULL DEFAULT '',
    wanted_revision  bigint NOT NULL DEFAULT 0,
    wanted_hash      text NOT NULL DEFAULT '',
    applied_revision bigint NOT NULL DEFAULT 0,
    applied_at       timestamptz,
    refused_revision bigint NOT NULL DEFAULT 0,
    refused_path     text NOT NULL DEFAULT '',
    refused_reason   text NOT NULL DEFAULT '',
    version          bigint NOT NULL DEFAULT 1,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, name)
);
CALL guard_tenant_table('node', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE node_group_member (
    tenant_id text NOT NULL,
    group_id  text NOT NULL,
    node_id   text NOT NULL,
    PRIMARY KEY (tenant_id, group_id, node_id),
    FOREIGN KEY (tenant_id, group_id) REFERENCES node_group (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, node_id) REFERENCES node (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX ON node_group_member (tenant_id, node_id);
CALL guard_tenant_table('node_group_member', 'SELECT, INSERT, DELETE');

CREATE TABLE enrol_token (
    tenant_id  text NOT NULL,
    node_id    text NOT NULL,
    hash       bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    PRIMARY KEY (tenant_id, node_id, hash),
    FOREIGN KEY (tenant_id, node_id) REFERENCES node (tenant_id, id) ON DELETE CASCADE
);
CALL guard_tenant_table('enrol_token', 'SELECT, INSERT, UPDATE, DELETE');

-- Client certificates issued to nodes. Only the serials listed here, unrevoked, are let in.
CREATE TABLE node_certificate (
    tenant_id  text NOT NULL,
    node_id    text NOT NULL,
    serial     text NOT NULL UNIQUE,
    not_after  timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz,
    PRIMARY KEY (tenant_id, node_id, serial),
    FOREIGN KEY (tenant_id, node_id) REFERENCES node (tenant_id, id) ON DELETE CASCADE
);
CALL guard_tenant_table('node_certificate', 'SELECT, INSERT, UPDATE');

CREATE TABLE certificate (
    tenant_id  text NOT NULL REFERENCES tenant (tenant_id),
    id         text NOT NULL UNIQUE,
    name       text NOT NULL CHECK (name ~ '^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$'),
    source     text NOT NULL CHECK (source IN ('self_signed', 'import')),
    names      text[] NOT NULL,
    chain      text NOT NULL,
    key        bytea NOT NULL,          -- sealed PEM
    sha256     bytea NOT NULL,          -- of the leaf: what clients pin
    not_before timestamptz NOT NULL,
    not_after  timestamptz NOT NULL,
    version    bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, name)
);
CALL guard_tenant_table('certificate', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE ingress (
    tenant_id      text NOT NULL,
    id             text NOT NULL UNIQUE,
    node_id        text NOT NULL,
    kind           text NOT NULL,
    name           text NOT NULL CHECK (name ~ '^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$'),
    listen         text NOT NULL,
    certificate_id text,
    options        bytea NOT NULL,      -- sealed JSON document of the kind: it may hold an obfuscation password
    enabled        boolean NOT NULL DEFAULT true,
    fault          text NOT NULL DEFAULT '', -- why the node refused it; left out of its document until it is changed
    version        bigint NOT NULL DEFAULT 1,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, node_id, name),
    FOREIGN KEY (tenant_id, node_id) REFERENCES node (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, certificate_id) REFERENCES certificate (tenant_id, id)
);
CALL guard_tenant_table('ingress', 'SELECT, INSERT, UPDATE, DELETE');

-- Compiled documents. They hold credentials of every tenant on a node: the application role has no rights here.
CREATE TABLE desired_state (
    node_id       text PRIMARY KEY REFERENCES node (id) ON DELETE CASCADE,
    revision      bigint NOT NULL,
    hash          text NOT NULL,
    sections_rev  bigint NOT NULL,      -- revision in which the sections last changed
    sections      bytea NOT NULL,       -- sealed nodeapi.Sections
    rows          bigint NOT NULL,
    mixed         bytea NOT NULL,       -- nodeapi.Mix of the row digests
    compiled_at   timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON desired_state TO culvert_system;

CREATE TABLE desired_subscriber (
    node_id       text NOT NULL REFERENCES node (id) ON DELETE CASCADE,
    subscriber_id text NOT NULL,
    revision      bigint NOT NULL,      -- in which this row last changed
    removed       boolean NOT NULL DEFAULT false, -- tombstone
    digest        bytea NOT NULL,
    row           bytea NOT NULL,       -- sealed nodeapi.Subscriber
    PRIMARY KEY (node_id, subscriber_id)
);
CREATE INDEX desired_subscriber_revision ON desired_subscriber (node_id, revision);
GRANT SELECT, INSERT, UPDATE, DELETE ON desired_subscriber TO culvert_system;
