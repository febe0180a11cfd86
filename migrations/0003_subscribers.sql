-- +goose Up
CREATE TABLE plan (
    tenant_id     text NOT NULL REFERENCES tenant (tenant_id),
    id            text NOT NULL UNIQUE,
    name          text NOT NULL CHECK (name ~ '^[A-Za-z0-9]([A-Za-z0-9._-]{0,64}[A-Za-z0-9])?$'),
    traffic_limit bigint NOT NULL DEFAULT -1 CHECK (traffic_limit >= -1), -- bytes a period; -1 = unlimited
    reset         text NOT NULL DEFAULT 'monthly' CHECK (reset IN ('never', 'daily', 'weekly', 'monthly', 'anniversary')),
    term_days     integer NOT NULL DEFAULT 0 CHECK (term_days BETWEEN 0 AND 36500), -- 0 = no expiry set at creation
    protocols     text[] NOT NULL DEFAULT '{}', -- empty = all
    node_groups   text[] NOT NULL DEFAULT '{}', -- empty = all that the tenant may use
    devices       integer NOT NULL DEFAULT 0 CHECK (devices BETWEEN 0 AND 10000),
    speed_up      bigint NOT NULL DEFAULT 0 CHECK (speed_up >= 0),   -- bits per second
    speed_down    bigint NOT NULL DEFAULT 0 CHECK (speed_down >= 0), -- bits per second
    price         bigint NOT NULL DEFAULT 0 CHECK (price >= 0),      -- minor units
    currency      text NOT NULL DEFAULT '' CHECK (currency ~ '^([A-Z]{3})?$'),
    hidden        boolean NOT NULL DEFAULT false,
    version       bigint NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, name)
);
CALL guard_tenant_table('plan', 'SELECT, INSERT, UPDATE, DELETE');

-- A subscriber carries a snapshot of what the plan gave: a plan change never rewrites what was sold.
CREATE TABLE subscriber (
    tenant_id     text NOT NULL REFERENCES tenant (tenant_id),
    id            text NOT NULL UNIQUE,
    name          text NOT NULL CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,30}[a-z0-9]$'),
    email         text NOT NULL DEFAULT '',
    full_name     text NOT NULL DEFAULT '' CHECK (length(full_name) <= 128),
    comment       text NOT NULL DEFAULT '' CHECK (length(comment) <= 255),
    label         text NOT NULL DEFAULT '',     -- the domain a billing system sends along
    language      text NOT NULL DEFAULT 'en',
    external_id   text CHECK (length(external_id) BETWEEN 1 AND 128),
    plan_id       text NOT NULL,
    status        text NOT NULL CHECK (status IN ('on_hold', 'active', 'limited', 'expired', 'suspended', 'closed')),
    reason        text NOT NULL DEFAULT '',     -- of the suspension: overdue, quota, abuse, manual, expired
    traffic_limit bigint NOT NULL CHECK (traffic_limit >= -1),
    reset         text NOT NULL CHECK (reset IN ('never', 'daily', 'weekly', 'monthly', 'anniversary')),
    period        bigint NOT NULL DEFAULT 1,    -- counts resets; usage and allowances belong to one
    period_start  timestamptz NOT NULL,
    reset_anchor  timestamptz NOT NULL,         -- anniversary: periods begin on its day of the month, for ever
    next_reset    timestamptz,
    expires_at    timestamptz,
    hold_deadline timestamptz,                  -- on_hold: first use must come before
    hold_term     interval,                     -- on_hold: expires_at = first use + this
    protocols     text[] NOT NULL DEFAULT '{}',
    node_groups   text[] NOT NULL DEFAULT '{}',
    devices       integer NOT NULL DEFAULT 0 CHECK (devices >= 0),
    speed_up      bigint NOT NULL DEFAULT 0 CHECK (speed_up >= 0),
    speed_down    bigint NOT NULL DEFAULT 0 CHECK (speed_down >= 0),
    password      bytea NOT NULL,               -- sealed
    verifier      bytea NOT NULL,               -- PBKDF2, with its salt
    verifier_salt bytea NOT NULL,
    password_id   bytea NOT NULL,               -- PBKDF2 with the installation's salt
    alone         boolean NOT NULL DEFAULT false, -- the password alone opens Hysteria: it was unique when set
    generation    bigint NOT NULL DEFAULT 1,
    version       bigint NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, name),
    FOREIGN KEY (tenant_id, plan_id) REFERENCES plan (tenant_id, id)
);
CREATE UNIQUE INDEX subscriber_external ON subscriber (tenant_id, external_id) WHERE external_id IS NOT NULL;
CREATE UNIQUE INDEX subscriber_alone ON subscriber (password_id) WHERE alone;
CREATE INDEX ON subscriber (tenant_id, plan_id);
CREATE INDEX ON subscriber (tenant_id, status, id);
CREATE INDEX subscriber_expiry ON subscriber (expires_at) WHERE status IN ('active', 'limited') AND expires_at IS NOT NULL;
CREATE INDEX subscriber_hold ON subscriber (hold_deadline) WHERE status = 'on_hold' AND hold_deadline IS NOT NULL;
CREATE INDEX subscriber_reset ON subscriber (next_reset) WHERE next_reset IS NOT NULL;
CREATE INDEX subscriber_search ON subscriber USING gin ((name || ' ' || email || ' ' || full_name || ' ' || coalesce(external_id, '')) gin_trgm_ops);
CALL guard_tenant_table('subscriber', 'SELECT, INSERT, UPDATE, DELETE');

-- Row security keeps LIKE, which is not leakproof, away from indexes, so a search would read every row. This function holds
-- the same rule itself, the subtree of the transaction's tenant, and returns ids only: reading them is up to the policy.
-- +goose StatementBegin
CREATE FUNCTION subscriber_search(pattern text, only_tenant text, after text, state text, plan text, external text,
    before timestamptz, most integer)
RETURNS SETOF text LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    matches CONSTANT text := $q$ SELECT s.id FROM subscriber s
        WHERE (s.name || ' ' || s.email || ' ' || s.full_name || ' ' || coalesce(s.external_id, '')) ILIKE $1
          AND s.tenant_id IN (SELECT descendant FROM tenant_closure WHERE ancestor = current_tenant())
          AND ($2 = '' OR s.tenant_id = $2) AND s.id > $3 AND ($4 = '' OR s.status = $4) AND ($5 = '' OR s.plan_id = $5)
          AND ($6 = '' OR s.external_id = $6) AND ($7 IS NULL OR s.expires_at < $7) $q$;
    found text[];
BEGIN
    -- Few matches: the trigram index finds them all, whatever the planner guesses of their number. Many: the order of ids
    -- meets enough of them soon.
    EXECUTE 'SELECT array_agg(id) FROM (' || matches || ' LIMIT 2001) m' INTO found
        USING pattern, only_tenant, after, state, plan, external, before;
    IF coalesce(cardinality(found), 0) <= 2000 THEN
        RETURN QUERY SELECT f FROM unnest(found) f ORDER BY f LIMIT most;
        RETURN;
    END IF;
    RETURN QUERY EXECUTE matches || ' ORDER BY s.id LIMIT $8'
        USING pattern, only_tenant, after, state, plan, external, before, most;
END $$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION subscriber_search(text, text, text, text, text, text, timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION subscriber_search(text, text, text, text, text, text, timestamptz, integer) TO culvert_app;
CREATE POLICY owner_searches ON subscriber FOR SELECT TO CURRENT_USER USING (true);

-- Where usage that arrives after a deletion is booked.
CREATE TABLE former_subscriber (
    tenant_id  text NOT NULL REFERENCES tenant (tenant_id),
    id         text NOT NULL UNIQUE,
    name       text NOT NULL,
    deleted_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CALL guard_tenant_table('former_subscriber', 'SELECT, INSERT');

-- Generated secrets, one a protocol family.
CREATE TABLE credential (
    tenant_id     text NOT NULL,
    subscriber_id text NOT NULL,
    family        text NOT NULL,
    sealed        bytea NOT NULL,
    sha256        bytea NOT NULL,
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, subscriber_id, family),
    UNIQUE (family, sha256),
    FOREIGN KEY (tenant_id, subscriber_id) REFERENCES subscriber (tenant_id, id) ON DELETE CASCADE
);
CALL guard_tenant_table('credential', 'SELECT, INSERT, UPDATE, DELETE');

-- Totals, kept in the transaction that writes the ledger. Gone subscribers keep their ledger rows, not this.
CREATE TABLE usage_total (
    tenant_id     text NOT NULL,
    subscriber_id text NOT NULL,
    period        bigint NOT NULL,
    up            bigint NOT NULL DEFAULT 0 CHECK (up >= 0),
    down          bigint NOT NULL DEFAULT 0 CHECK (down >= 0),
    granted       bigint NOT NULL DEFAULT 0, -- bought on top in this period, bytes
    lifetime_up   bigint NOT NULL DEFAULT 0 CHECK (lifetime_up >= 0),
    lifetime_down bigint NOT NULL DEFAULT 0 CHECK (lifetime_down >= 0),
    seen_at       timestamptz,
    PRIMARY KEY (subscriber_id),
    FOREIGN KEY (tenant_id, subscriber_id) REFERENCES subscriber (tenant_id, id) ON DELETE CASCADE
) WITH (fillfactor = 70);
CALL guard_tenant_table('usage_total', 'SELECT, INSERT, UPDATE');

-- Append-only, by month. Rights are on the parent only.
CREATE TABLE ledger (
    tenant_id     text NOT NULL,
    at            timestamptz NOT NULL,
    subscriber_id text NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('usage', 'reset', 'grant', 'correction')),
    period        bigint NOT NULL,
    node_id       text NOT NULL DEFAULT '',
    ingress_id    text NOT NULL DEFAULT '',
    exit          text NOT NULL DEFAULT '',
    up            bigint NOT NULL DEFAULT 0,
    down          bigint NOT NULL DEFAULT 0,
    amount        bigint NOT NULL DEFAULT 0, -- grant: bytes added to the period; correction: signed
    source        text NOT NULL,             -- where it came from, unique: hour:NODE:PERIOD:INGRESS:EXIT:CLOSED, reset:…, grant:…
    PRIMARY KEY (subscriber_id, at, source)
) PARTITION BY RANGE (at);
CREATE TABLE ledger_rest PARTITION OF ledger DEFAULT;
CREATE INDEX ON ledger (tenant_id, at);
CREATE INDEX ON ledger (subscriber_id, source) WHERE kind = 'grant';
CALL guard_tenant_table('ledger', 'SELECT, INSERT');
-- +goose StatementBegin
CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: post a correction' USING ERRCODE = 'restrict_violation';
END $$;
-- +goose StatementEnd
CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE ON ledger FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only();
-- +goose StatementBegin
-- Makes the partitions of the month of `at` and the next one. The system role may call it; only the owner may create tables.
CREATE FUNCTION ledger_partitions(at timestamptz) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    m date;
    n integer;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('culvert ledger partitions'));
    FOR n IN 0..1 LOOP
        m := (date_trunc('month', at AT TIME ZONE 'UTC') + make_interval(months => n))::date;
        IF to_regclass(format('ledger_%s', to_char(m, 'YYYYMM'))) IS NULL
           AND NOT EXISTS (SELECT 1 FROM ledger_rest r WHERE r.at >= m::timestamp AT TIME ZONE 'UTC'
                           AND r.at < (m + interval '1 month') AT TIME ZONE 'UTC') THEN
            EXECUTE format('CREATE TABLE ledger_%s PARTITION OF ledger FOR VALUES FROM (%L) TO (%L)', to_char(m, 'YYYYMM'),
                m::timestamp AT TIME ZONE 'UTC', (m + interval '1 month') AT TIME ZONE 'UTC');
        END IF;
    END LOOP;
END $$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION ledger_partitions(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_partitions(timestamptz) TO culvert_system;
CREATE POLICY owner_reads ON ledger FOR SELECT TO CURRENT_USER USING (true);

-- Usage of hours that may still grow: what a node reports every few seconds would fill the ledger with a row each. An hour
-- that is over moves into the ledger whole; a report that comes later still opens it again and is folded in by a row of its
-- own. What was used is always the sum of both tables.
CREATE TABLE usage_open (
    tenant_id     text NOT NULL,
    subscriber_id text NOT NULL,
    hour          timestamptz NOT NULL,
    period        bigint NOT NULL,
    node_id       text NOT NULL,
    ingress_id    text NOT NULL,
    exit          text NOT NULL,
    up            bigint NOT NULL CHECK (up >= 0),
    down          bigint NOT NULL CHECK (down >= 0),
    PRIMARY KEY (subscriber_id, hour, period, node_id, ingress_id, exit)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX ON usage_open (hour);
CREATE INDEX ON usage_open (tenant_id, hour);
CALL guard_tenant_table('usage_open', 'SELECT');

-- What each node was granted and has spent for good, per metered subscriber and period (nodeapi.Allowance, SliceUse).
CREATE TABLE quota_slice (
    tenant_id     text NOT NULL,
    subscriber_id text NOT NULL,
    node_id       text NOT NULL,
    period        bigint NOT NULL,
    granted       bigint NOT NULL DEFAULT 0 CHECK (granted >= 0),
    spent         bigint NOT NULL DEFAULT 0 CHECK (spent >= 0),
    lost          boolean NOT NULL DEFAULT false, -- the operator declared the node lost: the rest may be granted again
    updated_at    timestamptz NOT NULL,
    PRIMARY KEY (subscriber_id, node_id, period),
    FOREIGN KEY (tenant_id, subscriber_id) REFERENCES subscriber (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX ON quota_slice (node_id);
CALL guard_tenant_table('quota_slice', 'SELECT');

CREATE TABLE session_record (
    tenant_id     text NOT NULL,
    id            text NOT NULL,
    subscriber_id text NOT NULL,
    node_id       text NOT NULL,
    epoch         bigint NOT NULL DEFAULT 0, -- of the node's reports: a newer one means that what is open is lost
    ingress_id    text NOT NULL,
    kind          text NOT NULL,
    source        text NOT NULL,
    opened_at     timestamptz NOT NULL,
    closed_at     timestamptz,
    cause         text NOT NULL DEFAULT '',
    up            bigint NOT NULL DEFAULT 0,
    down          bigint NOT NULL DEFAULT 0,
    device_id     text NOT NULL DEFAULT '', -- where the protocol knows it
    rate_up       bigint NOT NULL DEFAULT 0, -- bits per second, as last told; 0 once closed
    rate_down     bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, subscriber_id) REFERENCES subscriber (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX ON session_record (tenant_id, subscriber_id, opened_at DESC);
CREATE INDEX session_record_live ON session_record (tenant_id, opened_at DESC, id DESC) WHERE closed_at IS NULL;
CREATE INDEX session_record_device ON session_record (device_id) WHERE closed_at IS NULL AND device_id <> '';
CREATE INDEX session_record_open ON session_record (node_id, epoch) WHERE closed_at IS NULL;
CREATE INDEX session_record_closed ON session_record (closed_at) WHERE closed_at IS NOT NULL;
CALL guard_tenant_table('session_record', 'SELECT');

-- A node numbers its reports; each number is applied once.
CREATE TABLE report (
    node_id     text NOT NULL,
    epoch       bigint NOT NULL,
    seq         bigint NOT NULL,
    rows        integer NOT NULL,
    unclean     boolean NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (node_id, epoch, seq)
);
CREATE INDEX ON report (received_at);
GRANT SELECT, INSERT, DELETE ON report TO culvert_system;
-- Usage that could not be booked, because its subscriber is gone or never was this node's: kept, visible, never guessed.
CREATE TABLE unbooked_usage (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node_id       text NOT NULL,
    epoch         bigint NOT NULL,
    seq           bigint NOT NULL,
    subscriber_id text NOT NULL,
    ingress_id    text NOT NULL,
    exit          text NOT NULL,
    up            bigint NOT NULL,
    down          bigint NOT NULL,
    why           text NOT NULL,
    at            timestamptz NOT NULL
);
GRANT SELECT, INSERT, DELETE ON unbooked_usage TO culvert_system;
CREATE INDEX ON unbooked_usage (at);
