-- +goose Up
-- The roles culvert_app and culvert_system exist before this runs: panel/internal/pg makes them with derived passwords.
-- culvert_app serves requests and is held by row-level security; culvert_system does the installation's own work on its
-- own pool. Neither owns a table, and no setting turns one into the other.

CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- +goose StatementBegin
-- The tenant of this transaction. After commit the setting is an empty string, never absent: hence NULLIF.
CREATE FUNCTION current_tenant() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT NULLIF(current_setting('culvert.tenant', true), '') $$;
-- +goose StatementEnd

CREATE TABLE tenant_closure (
    ancestor   text NOT NULL,
    descendant text NOT NULL,
    depth      integer NOT NULL CHECK (depth >= 0),
    PRIMARY KEY (ancestor, descendant)
);
CREATE INDEX ON tenant_closure (descendant);
ALTER TABLE tenant_closure ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_closure FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_sees_subtree ON tenant_closure FOR SELECT TO culvert_app USING (ancestor = current_tenant());
CREATE POLICY system_all ON tenant_closure TO culvert_system USING (true) WITH CHECK (true);
GRANT SELECT ON tenant_closure TO culvert_app;
GRANT SELECT, INSERT, DELETE ON tenant_closure TO culvert_system;

-- +goose StatementBegin
-- guard_tenant_table puts a table under the tenant policy and grants the named rights to the application role.
-- The system role gets everything. Every table with a tenant_id goes through here; a test walks the catalogue.
CREATE PROCEDURE guard_tenant_table(tab regclass, app_rights text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tab);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', tab);
    EXECUTE format('CREATE POLICY tenant_subtree ON %s TO culvert_app
        USING (tenant_id IN (SELECT descendant FROM tenant_closure WHERE ancestor = current_tenant()))
        WITH CHECK (tenant_id IN (SELECT descendant FROM tenant_closure WHERE ancestor = current_tenant()))', tab);
    EXECUTE format('CREATE POLICY system_all ON %s TO culvert_system USING (true) WITH CHECK (true)', tab);
    IF app_rights <> '' THEN
        EXECUTE format('GRANT %s ON %s TO culvert_app', app_rights, tab);
    END IF;
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO culvert_system', tab);
END $$;
-- +goose StatementEnd

-- tenant_id equals id: the tenant's own row is the root of its subtree, and one rule serves all tables.
CREATE TABLE tenant (
    tenant_id    text PRIMARY KEY CHECK (tenant_id ~ '^tnt_[0-9a-z]{26}$'),
    parent_id    text REFERENCES tenant (tenant_id),
    name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 128),
    realm        text NOT NULL DEFAULT '' CHECK (realm ~ '^([a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?)?$'),
    status       text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended', 'closed')),
    node_groups  text[] NOT NULL DEFAULT '{}', -- granted by the parent; empty = all
    version      bigint NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    CHECK ((parent_id IS NULL) = (realm = ''))
);
CREATE UNIQUE INDEX tenant_one_root ON tenant ((true)) WHERE parent_id IS NULL;
CREATE UNIQUE INDEX tenant_realm ON tenant (realm);
CREATE INDEX ON tenant (parent_id);
CALL guard_tenant_table('tenant', 'SELECT, INSERT, UPDATE');
-- A new tenant is not in the closure yet when its row is checked: it must hang below the tenant that makes it. Rows do
-- not move afterwards (tenant_parent_fixed), so this widens nothing for updates.
ALTER POLICY tenant_subtree ON tenant WITH CHECK (
    coalesce(parent_id, tenant_id) IN (SELECT descendant FROM tenant_closure WHERE ancestor = current_tenant())
    OR tenant_id = current_tenant());

-- +goose StatementBegin
-- The closure is kept by the database, so that no code path can leave a tenant outside the policies.
CREATE FUNCTION tenant_closure_insert() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO tenant_closure (ancestor, descendant, depth)
    SELECT ancestor, NEW.tenant_id, depth + 1 FROM tenant_closure WHERE descendant = NEW.parent_id
    UNION ALL SELECT NEW.tenant_id, NEW.tenant_id, 0;
    RETURN NULL;
END $$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION tenant_parent_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.parent_id IS DISTINCT FROM OLD.parent_id OR NEW.tenant_id <> OLD.tenant_id THEN
        RAISE EXCEPTION 'a tenant does not move in the tree' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
-- The trigger runs as the owner, whom FORCE would hold too: the owner may fill the closure and nothing else.
CREATE POLICY owner_fills ON tenant_closure TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE TRIGGER tenant_closure_insert AFTER INSERT ON tenant FOR EACH ROW EXECUTE FUNCTION tenant_closure_insert();
CREATE TRIGGER tenant_parent_fixed BEFORE UPDATE ON tenant FOR EACH ROW EXECUTE FUNCTION tenant_parent_fixed();

CREATE TABLE login (
    tenant_id    text NOT NULL REFERENCES tenant (tenant_id),
    id           text NOT NULL UNIQUE,
    name         text NOT NULL CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
    email        text NOT NULL DEFAULT '',
    verifier     text NOT NULL,          -- argon2id over the lower-case hex SHA-256 of the password
    role         text NOT NULL CHECK (role IN ('owner', 'admin', 'billing', 'support', 'readonly', 'custom')),
    permissions  text[] NOT NULL DEFAULT '{}', -- only for role custom
    status       text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
    must_change  boolean NOT NULL DEFAULT false,
    second_factor boolean NOT NULL DEFAULT false,
    last_login_at timestamptz,
    version      bigint NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, name)
);
CALL guard_tenant_table('login', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE login_session (
    tenant_id   text NOT NULL,
    id          text NOT NULL UNIQUE,
    login_id    text NOT NULL,
    token_hash  bytea NOT NULL UNIQUE,    -- keyed hash; the token is shown once
    address     text NOT NULL DEFAULT '',
    user_agent  text NOT NULL DEFAULT '',
    permissions text[],                   -- set when an access key opened it: at most that key's rights
    created_at  timestamptz NOT NULL,
    seen_at     timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    revoked_at  timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, login_id) REFERENCES login (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX ON login_session (tenant_id, login_id);
CALL guard_tenant_table('login_session', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE access_key (
    tenant_id      text NOT NULL REFERENCES tenant (tenant_id),
    id             text NOT NULL UNIQUE CHECK (id ~ '^[0-9A-Za-z]{20}$'),
    secret_hash    bytea NOT NULL,
    old_hash       bytea,                 -- still good until old_until: rotation with overlap
    old_until      timestamptz,
    owner          text NOT NULL,         -- the login, or the subscriber name, it acts for
    owner_kind     text NOT NULL CHECK (owner_kind IN ('login', 'subscriber')),
    sets           text[] NOT NULL DEFAULT '{}', -- permission sets of the command registry; empty = all commands (root keys only)
    permissions    text[] NOT NULL DEFAULT '{}', -- resource:action for the REST surface; empty = the owner's
    addresses      text[] NOT NULL DEFAULT '{}', -- IP/CIDR allow-list; empty = the tenant's list alone decides
    comment        text NOT NULL DEFAULT '',
    idempotent     boolean NOT NULL DEFAULT false, -- quirk: 5, 6 and 3 become 0
    created_by     text NOT NULL,
    created_at     timestamptz NOT NULL,
    expires_at     timestamptz,
    revoked_at     timestamptz,
    last_used_at   timestamptz,
    last_used_from text NOT NULL DEFAULT '',
    PRIMARY KEY (tenant_id, id)
);
CALL guard_tenant_table('access_key', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE legacy_key (
    tenant_id  text NOT NULL REFERENCES tenant (tenant_id),
    hash       bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, hash)
);
CALL guard_tenant_table('legacy_key', 'SELECT, INSERT, DELETE');

-- Switches of the Hestia endpoint, one row a tenant.
CREATE TABLE api_setting (
    tenant_id       text PRIMARY KEY REFERENCES tenant (tenant_id),
    level           smallint NOT NULL DEFAULT 1 CHECK (level BETWEEN 0 AND 2),
    legacy          boolean NOT NULL DEFAULT false,
    legacy_password boolean NOT NULL DEFAULT false,
    allowed         text[] NOT NULL DEFAULT '{allow-all}',
    sign_in         boolean NOT NULL DEFAULT true  -- false: people cannot sign in, keys go on
);
CALL guard_tenant_table('api_setting', 'SELECT, INSERT, UPDATE');

-- Failed sign-ins by account and by address. Unlogged: losing it in a crash costs an attacker's penalty, nothing else.
CREATE UNLOGGED TABLE throttle (
    key           text PRIMARY KEY,
    failures      integer NOT NULL,
    blocked_until timestamptz NOT NULL,
    seen_at       timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON throttle TO culvert_system;

-- One row a name: salts and sealed keys of the installation (CA, job signing, password salt).
CREATE TABLE installation (
    name       text NOT NULL,
    id         text NOT NULL,
    public     bytea NOT NULL DEFAULT '',
    sealed     bytea NOT NULL,
    created_at timestamptz NOT NULL,
    retired_at timestamptz,
    PRIMARY KEY (name, id)
);
GRANT SELECT, INSERT, UPDATE ON installation TO culvert_system;

-- Data keys, each wrapped by the master key that lives outside the database.
CREATE TABLE data_key (
    id         integer PRIMARY KEY,
    wrapped    bytea NOT NULL,
    created_at timestamptz NOT NULL,
    retired_at timestamptz
);
GRANT SELECT, INSERT, UPDATE ON data_key TO culvert_system;
