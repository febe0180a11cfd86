CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;

COMMENT ON EXTENSION pg_trgm IS 'text similarity measurement and index searching based on trigrams';

CREATE FUNCTION public.current_tenant() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT NULLIF(current_setting('culvert.tenant', true), '') $$;

CREATE FUNCTION public.device_number_return() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    IF OLD.number >= (SELECT last_value FROM device_number_next) THEN
        PERFORM pg_advisory_xact_lock(7203446); -- the sequence may be about to step over it
    END IF;
    IF OLD.number <= (SELECT last_value FROM device_number_next WHERE is_called) THEN
        INSERT INTO device_number_free (number) VALUES (OLD.number) ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.device_number_take(wanted bigint, key bytea) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    n bigint;
BEGIN
    IF EXISTS (SELECT FROM device WHERE public_key = key) THEN
        RETURN 0;
    END IF;
    IF wanted IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock(7203446);
        IF wanted < 2 OR EXISTS (SELECT FROM device WHERE number = wanted) THEN
            RETURN NULL;
        END IF;
        DELETE FROM device_number_free WHERE number = wanted;
        RETURN wanted;
    END IF;
    PERFORM pg_advisory_xact_lock_shared(7203446);
    DELETE FROM device_number_free WHERE number = (SELECT f.number FROM device_number_free f ORDER BY f.number LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING number INTO n;
    WHILE n IS NULL LOOP
        n := nextval('device_number_next');
        IF EXISTS (SELECT FROM device WHERE number = n) THEN
            n := NULL;
        END IF;
    END LOOP;
    RETURN n;
END $$;

CREATE PROCEDURE public.guard_tenant_table(IN tab regclass, IN app_rights text)
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.ledger_is_append_only() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: post a correction' USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION public.ledger_partitions(at timestamp with time zone) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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

CREATE FUNCTION public.node_group_granted(tenant text, group_id text) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $_$
    SELECT EXISTS (SELECT FROM node_group g JOIN tenant r ON r.tenant_id = g.tenant_id AND r.parent_id IS NULL WHERE g.id = $2)
       AND (current_tenant() IS NULL
            OR EXISTS (SELECT FROM tenant_closure WHERE ancestor = current_tenant() AND descendant = $1))
       AND EXISTS (SELECT FROM tenant t WHERE t.tenant_id = $1)
       AND NOT EXISTS (SELECT FROM tenant_closure c JOIN tenant t ON t.tenant_id = c.ancestor
                       WHERE c.descendant = $1 AND t.parent_id IS NOT NULL
                         AND cardinality(t.node_groups) > 0 AND NOT $2 = ANY (t.node_groups))
$_$;

CREATE FUNCTION public.outbox_wake() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM pg_notify('culvert_outbox', '');
    RETURN NULL;
END $$;

CREATE FUNCTION public.profile_stamp_next() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    UPDATE profile_stamp SET stamp = stamp + 1, changed_by = pg_current_xact_id() WHERE changed_by <> pg_current_xact_id();
    RETURN NULL;
END $$;

CREATE FUNCTION public.subscriber_condition(pattern text, online boolean) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $_$
    SELECT $q$ ($3 = '' OR s.status = $3) AND ($4 = '' OR s.plan_id = $4) AND ($5 = '' OR s.external_id = $5)
        AND ($6 IS NULL OR s.expires_at < $6) AND ($7 = '' OR s.name = $7) $q$
    || CASE WHEN pattern = '' THEN '' ELSE
        $q$ AND (s.name || ' ' || s.email || ' ' || s.full_name || ' ' || coalesce(s.external_id, '')) ILIKE $1 $q$ END
    || CASE online WHEN true THEN ' AND ' WHEN false THEN ' AND NOT ' ELSE '' END
    || CASE WHEN online IS NULL THEN '' ELSE $q$ EXISTS (SELECT FROM session_record r WHERE r.subscriber_id = s.id AND r.closed_at IS NULL) $q$ END
$_$;

CREATE FUNCTION public.subscriber_count(pattern text, only_tenant text, state text, plan text, external text, before timestamp with time zone, named text, online boolean, most integer) RETURNS bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $_$
DECLARE
    n bigint;
BEGIN
    EXECUTE format($q$ SELECT count(*) FROM (SELECT FROM subscriber s WHERE s.tenant_id IN (SELECT descendant FROM tenant_closure
        WHERE ancestor = current_tenant() AND ($2 = '' OR descendant = $2)) AND %s LIMIT $8) x $q$, subscriber_condition(pattern, online))
        INTO n USING pattern, only_tenant, state, plan, external, before, named, most;
    RETURN n;
END $_$;

CREATE FUNCTION public.subscriber_find(pattern text, only_tenant text, state text, plan text, external text, before timestamp with time zone, named text, online boolean, sort text, backwards boolean, after_key text, after_id text, most integer) RETURNS SETOF text
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $_$
DECLARE
    condition CONSTANT text := subscriber_condition(pattern, online);
    trees CONSTANT text := $q$ (SELECT descendant FROM tenant_closure WHERE ancestor = current_tenant() AND ($2 = '' OR descendant = $2)) t $q$;
    source CONSTANT text := CASE sort WHEN 'used' THEN 'usage_total u JOIN subscriber s ON s.id = u.subscriber_id' ELSE 'subscriber s' END;
    owner CONSTANT text := CASE sort WHEN 'used' THEN 'u.tenant_id' ELSE 's.tenant_id' END;
    key CONSTANT text := CASE sort WHEN 'name' THEN 's.name' WHEN 'expires_at' THEN $q$coalesce(s.expires_at, 'infinity')$q$
        WHEN 'used' THEN 'u.used_sort' ELSE 's.id' END;
    tie CONSTANT text := CASE sort WHEN 'used' THEN 'u.subscriber_id' ELSE 's.id' END;
    kind CONSTANT text := CASE sort WHEN 'expires_at' THEN 'timestamptz' WHEN 'used' THEN 'bigint' ELSE 'text' END;
    way CONSTANT text := CASE WHEN backwards THEN 'DESC' ELSE 'ASC' END;
    past CONSTANT text := CASE WHEN after_id = '' THEN 'true'
        WHEN key = 's.id' THEN format('s.id %s $9', CASE WHEN backwards THEN '<' ELSE '>' END)
        ELSE format('(%s, %s) %s ($8::%s, $9)', key, tie, CASE WHEN backwards THEN '<' ELSE '>' END, kind) END;
    found text[];
BEGIN
    IF pattern <> '' THEN
        -- Few matches: the trigram index finds them all, whatever the planner guesses of their number. Many: the order of the
        -- listing meets enough of them soon.
        EXECUTE format('SELECT array_agg(id) FROM (SELECT s.id FROM subscriber s WHERE s.tenant_id IN (SELECT descendant FROM %s) AND %s LIMIT 2001) m',
            trees, condition) INTO found USING pattern, only_tenant, state, plan, external, before, named;
        IF coalesce(cardinality(found), 0) <= 2000 THEN
            RETURN QUERY EXECUTE format('SELECT s.id FROM %s WHERE s.id = ANY($1) AND %s ORDER BY %s %s, %s %s LIMIT $2', source,
                replace(replace(past, '$8', '$3'), '$9', '$4'), key, way, tie, way)
                USING found, most, after_key, after_id;
            RETURN;
        END IF;
    END IF;
    RETURN QUERY EXECUTE format('SELECT x.id FROM %1$s CROSS JOIN LATERAL (SELECT %2$s AS k, %3$s AS id FROM %4$s WHERE %5$s = t.descendant AND %6$s AND %7$s
        ORDER BY %2$s %8$s, %3$s %8$s LIMIT $10) x ORDER BY x.k %8$s, x.id %8$s LIMIT $10', trees, key, tie, source, owner, condition, past, way)
        USING pattern, only_tenant, state, plan, external, before, named, after_key, after_id, most;
END $_$;

CREATE FUNCTION public.tenant_closure_insert() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    INSERT INTO tenant_closure (ancestor, descendant, depth)
    SELECT ancestor, NEW.tenant_id, depth + 1 FROM tenant_closure WHERE descendant = NEW.parent_id
    UNION ALL SELECT NEW.tenant_id, NEW.tenant_id, 0;
    RETURN NULL;
END $$;

CREATE FUNCTION public.tenant_parent_fixed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NEW.parent_id IS DISTINCT FROM OLD.parent_id OR NEW.tenant_id <> OLD.tenant_id THEN
        RAISE EXCEPTION 'a tenant does not move in the tree' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TABLE public.access_key (
    tenant_id text NOT NULL,
    id text NOT NULL,
    secret_hash bytea NOT NULL,
    old_hash bytea,
    old_until timestamp with time zone,
    owner text NOT NULL,
    owner_kind text NOT NULL,
    sets text[] DEFAULT '{}'::text[] NOT NULL,
    permissions text[] DEFAULT '{}'::text[] NOT NULL,
    addresses text[] DEFAULT '{}'::text[] NOT NULL,
    comment text DEFAULT ''::text NOT NULL,
    idempotent boolean DEFAULT false NOT NULL,
    created_by text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    last_used_at timestamp with time zone,
    last_used_from text DEFAULT ''::text NOT NULL,
    CONSTRAINT access_key_id_check CHECK ((id ~ '^[0-9A-Za-z]{20}$'::text)),
    CONSTRAINT access_key_owner_kind_check CHECK ((owner_kind = ANY (ARRAY['login'::text, 'subscriber'::text])))
);

ALTER TABLE ONLY public.access_key FORCE ROW LEVEL SECURITY;

CREATE TABLE public.api_setting (
    tenant_id text NOT NULL,
    level smallint DEFAULT 1 NOT NULL,
    legacy boolean DEFAULT false NOT NULL,
    legacy_password boolean DEFAULT false NOT NULL,
    allowed text[] DEFAULT '{allow-all}'::text[] NOT NULL,
    sign_in boolean DEFAULT true NOT NULL,
    CONSTRAINT api_setting_level_check CHECK (((level >= 0) AND (level <= 2)))
);

ALTER TABLE ONLY public.api_setting FORCE ROW LEVEL SECURITY;

CREATE TABLE public.audit (
    tenant_id text NOT NULL,
    id text NOT NULL,
    at timestamp with time zone NOT NULL,
    actor_kind text NOT NULL,
    actor_id text NOT NULL,
    actor_name text NOT NULL,
    address text DEFAULT ''::text NOT NULL,
    action text NOT NULL,
    object text NOT NULL,
    diff jsonb,
    trace text DEFAULT ''::text NOT NULL
);

ALTER TABLE ONLY public.audit FORCE ROW LEVEL SECURITY;

CREATE TABLE public.branding (
    tenant_id text NOT NULL,
    title text DEFAULT ''::text NOT NULL,
    accent text DEFAULT ''::text NOT NULL,
    support_url text DEFAULT ''::text NOT NULL,
    support_email text DEFAULT ''::text NOT NULL,
    language text DEFAULT ''::text NOT NULL,
    host text DEFAULT ''::text NOT NULL,
    logo bytea,
    logo_type text DEFAULT ''::text NOT NULL,
    logo_tag text DEFAULT ''::text NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT branding_accent_check CHECK ((accent ~ '^(#[0-9a-f]{6})?$'::text)),
    CONSTRAINT branding_host_check CHECK ((length(host) <= 253)),
    CONSTRAINT branding_language_check CHECK ((language = ANY (ARRAY[''::text, 'en'::text, 'zh'::text, 'ko'::text, 'ru'::text]))),
    CONSTRAINT branding_logo_check CHECK ((length(logo) <= 131072)),
    CONSTRAINT branding_support_email_check CHECK ((length(support_email) <= 254)),
    CONSTRAINT branding_support_url_check CHECK ((length(support_url) <= 512)),
    CONSTRAINT branding_title_check CHECK ((length(title) <= 64))
);

ALTER TABLE ONLY public.branding FORCE ROW LEVEL SECURITY;

CREATE TABLE public.bulk_item (
    tenant_id text NOT NULL,
    operation_id text NOT NULL,
    seq integer NOT NULL,
    subscriber_id text NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    state text DEFAULT 'waiting'::text NOT NULL,
    why text DEFAULT ''::text NOT NULL,
    CONSTRAINT bulk_item_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'done'::text, 'failed'::text])))
);

ALTER TABLE ONLY public.bulk_item FORCE ROW LEVEL SECURITY;

CREATE TABLE public.bulk_operation (
    tenant_id text NOT NULL,
    id text NOT NULL,
    act jsonb NOT NULL,
    status text NOT NULL,
    total integer NOT NULL,
    done integer DEFAULT 0 NOT NULL,
    failed integer DEFAULT 0 NOT NULL,
    home text NOT NULL,
    actor_kind text NOT NULL,
    actor_id text NOT NULL,
    actor_name text NOT NULL,
    permissions text[] NOT NULL,
    address text DEFAULT ''::text NOT NULL,
    trace text DEFAULT ''::text NOT NULL,
    claimed_until timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT bulk_operation_check CHECK (((done + failed) <= total)),
    CONSTRAINT bulk_operation_status_check CHECK ((status = ANY (ARRAY['queued'::text, 'running'::text, 'done'::text, 'cancelled'::text]))),
    CONSTRAINT bulk_operation_total_check CHECK ((total >= 0))
);

ALTER TABLE ONLY public.bulk_operation FORCE ROW LEVEL SECURITY;

CREATE TABLE public.certificate (
    tenant_id text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    source text NOT NULL,
    names text[] NOT NULL,
    chain text NOT NULL,
    key bytea NOT NULL,
    sha256 bytea NOT NULL,
    not_before timestamp with time zone NOT NULL,
    not_after timestamp with time zone NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT certificate_name_check CHECK ((name ~ '^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$'::text)),
    CONSTRAINT certificate_source_check CHECK ((source = ANY (ARRAY['self_signed'::text, 'import'::text])))
);

ALTER TABLE ONLY public.certificate FORCE ROW LEVEL SECURITY;

CREATE TABLE public.credential (
    tenant_id text NOT NULL,
    subscriber_id text NOT NULL,
    family text NOT NULL,
    sealed bytea NOT NULL,
    sha256 bytea NOT NULL,
    created_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY public.credential FORCE ROW LEVEL SECURITY;

CREATE TABLE public.data_key (
    id integer NOT NULL,
    wrapped bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    retired_at timestamp with time zone
);

CREATE TABLE public.desired_state (
    node_id text NOT NULL,
    revision bigint NOT NULL,
    hash text NOT NULL,
    sections_rev bigint NOT NULL,
    sections bytea NOT NULL,
    rows bigint NOT NULL,
    mixed bytea NOT NULL,
    compiled_at timestamp with time zone NOT NULL
);

CREATE TABLE public.desired_subscriber (
    node_id text NOT NULL,
    subscriber_id text NOT NULL,
    revision bigint NOT NULL,
    removed boolean DEFAULT false NOT NULL,
    digest bytea NOT NULL,
    "row" bytea NOT NULL
);

CREATE TABLE public.device (
    tenant_id text NOT NULL,
    id text NOT NULL,
    subscriber_id text NOT NULL,
    name text NOT NULL,
    public_key bytea NOT NULL,
    private_key bytea,
    preshared_key bytea,
    number bigint NOT NULL,
    ingress_id text,
    disabled boolean DEFAULT false NOT NULL,
    shown boolean DEFAULT false NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT device_name_check CHECK ((name ~ '^[A-Za-z0-9 ._-]{1,64}$'::text)),
    CONSTRAINT device_number_check CHECK ((number >= 2)),
    CONSTRAINT device_public_key_check CHECK ((length(public_key) = 32))
);

ALTER TABLE ONLY public.device FORCE ROW LEVEL SECURITY;

CREATE TABLE public.device_number_free (
    number bigint NOT NULL
);

CREATE SEQUENCE public.device_number_next
    START WITH 2
    INCREMENT BY 1
    MINVALUE 2
    NO MAXVALUE
    CACHE 1;

CREATE TABLE public.device_state (
    tenant_id text NOT NULL,
    device_id text NOT NULL,
    node_id text NOT NULL,
    ingress_id text NOT NULL,
    endpoint text DEFAULT ''::text NOT NULL,
    handshake_at timestamp with time zone,
    seen_at timestamp with time zone NOT NULL,
    up bigint DEFAULT 0 NOT NULL,
    down bigint DEFAULT 0 NOT NULL
);

ALTER TABLE ONLY public.device_state FORCE ROW LEVEL SECURITY;

CREATE TABLE public.device_use (
    tenant_id text NOT NULL,
    subscriber_id text NOT NULL,
    device text NOT NULL,
    node_id text NOT NULL,
    since timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    CONSTRAINT device_use_device_check CHECK (((length(device) >= 1) AND (length(device) <= 128)))
);

ALTER TABLE ONLY public.device_use FORCE ROW LEVEL SECURITY;

CREATE TABLE public.download_link (
    tenant_id text NOT NULL,
    id text NOT NULL,
    device_id text NOT NULL,
    ingress_id text DEFAULT ''::text NOT NULL,
    hash bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    redeemed_at timestamp with time zone
);

ALTER TABLE ONLY public.download_link FORCE ROW LEVEL SECURITY;

CREATE TABLE public.enrol_token (
    tenant_id text NOT NULL,
    node_id text NOT NULL,
    hash bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone
);

ALTER TABLE ONLY public.enrol_token FORCE ROW LEVEL SECURITY;

CREATE TABLE public.former_subscriber (
    tenant_id text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    deleted_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY public.former_subscriber FORCE ROW LEVEL SECURITY;

CREATE TABLE public.hand_over (
    tenant_id text NOT NULL,
    key_id text NOT NULL,
    name text NOT NULL,
    sealed bytea NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY public.hand_over FORCE ROW LEVEL SECURITY;

CREATE TABLE public.idempotency (
    tenant_id text NOT NULL,
    actor text NOT NULL,
    key text NOT NULL,
    request_hash bytea NOT NULL,
    status integer,
    content_type text DEFAULT ''::text NOT NULL,
    etag text DEFAULT ''::text NOT NULL,
    body bytea,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT idempotency_key_check CHECK (((length(key) >= 1) AND (length(key) <= 255)))
);

ALTER TABLE ONLY public.idempotency FORCE ROW LEVEL SECURITY;

CREATE TABLE public.ingress (
    tenant_id text NOT NULL,
    id text NOT NULL,
    node_id text NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    listen text NOT NULL,
    certificate_id text,
    options bytea NOT NULL,
    enabled boolean DEFAULT true NOT NULL,
    fault text DEFAULT ''::text NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT ingress_name_check CHECK ((name ~ '^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$'::text))
);

ALTER TABLE ONLY public.ingress FORCE ROW LEVEL SECURITY;

CREATE TABLE public.installation (
    name text NOT NULL,
    id text NOT NULL,
    public bytea DEFAULT '\x'::bytea NOT NULL,
    sealed bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    retired_at timestamp with time zone
);

CREATE TABLE public.job (
    tenant_id text NOT NULL,
    id text NOT NULL,
    node_id text NOT NULL,
    kind text NOT NULL,
    args jsonb,
    state text NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    error text DEFAULT ''::text NOT NULL,
    output jsonb,
    actor text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT job_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'sent'::text, 'done'::text, 'failed'::text, 'expired'::text])))
);

ALTER TABLE ONLY public.job FORCE ROW LEVEL SECURITY;

CREATE TABLE public.ledger (
    tenant_id text NOT NULL,
    at timestamp with time zone NOT NULL,
    subscriber_id text NOT NULL,
    kind text NOT NULL,
    period bigint NOT NULL,
    node_id text DEFAULT ''::text NOT NULL,
    ingress_id text DEFAULT ''::text NOT NULL,
    exit text DEFAULT ''::text NOT NULL,
    up bigint DEFAULT 0 NOT NULL,
    down bigint DEFAULT 0 NOT NULL,
    amount bigint DEFAULT 0 NOT NULL,
    source text NOT NULL,
    CONSTRAINT ledger_kind_check CHECK ((kind = ANY (ARRAY['usage'::text, 'reset'::text, 'grant'::text, 'correction'::text])))
)
PARTITION BY RANGE (at);

ALTER TABLE ONLY public.ledger FORCE ROW LEVEL SECURITY;

CREATE TABLE public.ledger_rest (
    tenant_id text NOT NULL,
    at timestamp with time zone NOT NULL,
    subscriber_id text NOT NULL,
    kind text NOT NULL,
    period bigint NOT NULL,
    node_id text DEFAULT ''::text NOT NULL,
    ingress_id text DEFAULT ''::text NOT NULL,
    exit text DEFAULT ''::text NOT NULL,
    up bigint DEFAULT 0 NOT NULL,
    down bigint DEFAULT 0 NOT NULL,
    amount bigint DEFAULT 0 NOT NULL,
    source text NOT NULL,
    CONSTRAINT ledger_kind_check CHECK ((kind = ANY (ARRAY['usage'::text, 'reset'::text, 'grant'::text, 'correction'::text])))
);

CREATE TABLE public.legacy_key (
    tenant_id text NOT NULL,
    hash bytea NOT NULL,
    created_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY public.legacy_key FORCE ROW LEVEL SECURITY;

CREATE TABLE public.login (
    tenant_id text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    email text DEFAULT ''::text NOT NULL,
    verifier text NOT NULL,
    role text NOT NULL,
    permissions text[] DEFAULT '{}'::text[] NOT NULL,
    status text DEFAULT 'active'::text NOT NULL,
    must_change boolean DEFAULT false NOT NULL,
    second_factor boolean DEFAULT false NOT NULL,
    last_login_at timestamp with time zone,
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    language text DEFAULT ''::text NOT NULL,
    CONSTRAINT login_language_check CHECK ((language = ANY (ARRAY[''::text, 'en'::text, 'zh'::text, 'ko'::text, 'ru'::text]))),
    CONSTRAINT login_name_check CHECK ((name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'::text)),
    CONSTRAINT login_role_check CHECK ((role = ANY (ARRAY['owner'::text, 'admin'::text, 'billing'::text, 'support'::text, 'readonly'::text, 'custom'::text]))),
    CONSTRAINT login_status_check CHECK ((status = ANY (ARRAY['active'::text, 'suspended'::text])))
);

ALTER TABLE ONLY public.login FORCE ROW LEVEL SECURITY;

CREATE TABLE public.login_session (
    tenant_id text NOT NULL,
    id text NOT NULL,
    login_id text NOT NULL,
    token_hash bytea NOT NULL,
    address text DEFAULT ''::text NOT NULL,
    user_agent text DEFAULT ''::text NOT NULL,
    permissions text[],
    created_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone
);

ALTER TABLE ONLY public.login_session FORCE ROW LEVEL SECURITY;

CREATE TABLE public.node (
    tenant_id text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    host text DEFAULT ''::text NOT NULL,
    region text DEFAULT ''::text NOT NULL,
    comment text DEFAULT ''::text NOT NULL,
    status text NOT NULL,
    agent_version text DEFAULT ''::text NOT NULL,
    capability integer DEFAULT 0 NOT NULL,
    kinds text[] DEFAULT '{}'::text[] NOT NULL,
    epoch bigint DEFAULT 0 NOT NULL,
    clock_skew_ms bigint DEFAULT 0 NOT NULL,
    seen_at timestamp with time zone,
    fault text DEFAULT ''::text NOT NULL,
    wanted_revision bigint DEFAULT 0 NOT NULL,
    wanted_hash text DEFAULT ''::text NOT NULL,
    applied_revision bigint DEFAULT 0 NOT NULL,
    applied_at timestamp with time zone,
    refused_revision bigint DEFAULT 0 NOT NULL,
    refused_path text DEFAULT ''::text NOT NULL,
    refused_reason text DEFAULT ''::text NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT node_name_check CHECK ((name ~ '^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$'::text)),
    CONSTRAINT node_status_check CHECK ((status = ANY (ARRAY['waiting'::text, 'active'::text, 'suspended'::text, 'revoked'::text])))
);

ALTER TABLE ONLY public.node FORCE ROW LEVEL SECURITY;

CREATE TABLE public.node_certificate (
    tenant_id text NOT NULL,
    node_id text NOT NULL,
    serial text NOT NULL,
    not_after timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone
);

ALTER TABLE ONLY public.node_certificate FORCE ROW LEVEL SECURITY;

CREATE TABLE public.node_group (
    tenant_id text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    comment text DEFAULT ''::text NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT node_group_name_check CHECK ((name ~ '^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$'::text))
);

ALTER TABLE ONLY public.node_group FORCE ROW LEVEL SECURITY;

CREATE TABLE public.node_group_member (
    tenant_id text NOT NULL,
    group_id text NOT NULL,
    node_id text NOT NULL
);

ALTER TABLE ONLY public.node_group_member FORCE ROW LEVEL SECURITY;

CREATE TABLE public.outbox (
    tenant_id text NOT NULL,
    id text NOT NULL,
    kind text NOT NULL,
    payload jsonb NOT NULL,
    trace text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    not_before timestamp with time zone NOT NULL,
    dispatched_at timestamp with time zone,
    done_at timestamp with time zone,
    error text DEFAULT ''::text NOT NULL
);

ALTER TABLE ONLY public.outbox FORCE ROW LEVEL SECURITY;

CREATE TABLE public.plan (
    tenant_id text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    traffic_limit bigint DEFAULT '-1'::integer NOT NULL,
    reset text DEFAULT 'monthly'::text NOT NULL,
    term_days integer DEFAULT 0 NOT NULL,
    protocols text[] DEFAULT '{}'::text[] NOT NULL,
    node_groups text[] DEFAULT '{}'::text[] NOT NULL,
    devices integer DEFAULT 0 NOT NULL,
    speed_up bigint DEFAULT 0 NOT NULL,
    speed_down bigint DEFAULT 0 NOT NULL,
    price bigint DEFAULT 0 NOT NULL,
    currency text DEFAULT ''::text NOT NULL,
    hidden boolean DEFAULT false NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT plan_currency_check CHECK ((currency ~ '^([A-Z]{3})?$'::text)),
    CONSTRAINT plan_devices_check CHECK (((devices >= 0) AND (devices <= 10000))),
    CONSTRAINT plan_name_check CHECK ((name ~ '^[A-Za-z0-9]([A-Za-z0-9._-]{0,64}[A-Za-z0-9])?$'::text)),
    CONSTRAINT plan_price_check CHECK ((price >= 0)),
    CONSTRAINT plan_reset_check CHECK ((reset = ANY (ARRAY['never'::text, 'daily'::text, 'weekly'::text, 'monthly'::text, 'anniversary'::text]))),
    CONSTRAINT plan_speed_down_check CHECK ((speed_down >= 0)),
    CONSTRAINT plan_speed_up_check CHECK ((speed_up >= 0)),
    CONSTRAINT plan_term_days_check CHECK (((term_days >= 0) AND (term_days <= 36500))),
    CONSTRAINT plan_traffic_limit_check CHECK ((traffic_limit >= '-1'::integer))
);

ALTER TABLE ONLY public.plan FORCE ROW LEVEL SECURITY;

CREATE TABLE public.portal_session (
    tenant_id text NOT NULL,
    id text NOT NULL,
    subscriber_id text NOT NULL,
    token_hash bytea NOT NULL,
    generation bigint,
    proof bytea,
    address text DEFAULT ''::text NOT NULL,
    user_agent text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    CONSTRAINT portal_session_check CHECK (((generation IS NULL) <> (proof IS NULL)))
);

ALTER TABLE ONLY public.portal_session FORCE ROW LEVEL SECURITY;

CREATE TABLE public.profile_setting (
    tenant_id text NOT NULL,
    remark text NOT NULL,
    title text DEFAULT ''::text NOT NULL,
    support_url text DEFAULT ''::text NOT NULL,
    web_page_url text DEFAULT ''::text NOT NULL,
    update_hours integer NOT NULL,
    show_once boolean DEFAULT false NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT profile_setting_remark_check CHECK (((length(remark) >= 1) AND (length(remark) <= 128))),
    CONSTRAINT profile_setting_support_url_check CHECK ((length(support_url) <= 512)),
    CONSTRAINT profile_setting_title_check CHECK ((length(title) <= 64)),
    CONSTRAINT profile_setting_update_hours_check CHECK (((update_hours >= 1) AND (update_hours <= 720))),
    CONSTRAINT profile_setting_web_page_url_check CHECK ((length(web_page_url) <= 512))
);

ALTER TABLE ONLY public.profile_setting FORCE ROW LEVEL SECURITY;

CREATE TABLE public.profile_stamp (
    only_row boolean DEFAULT true NOT NULL,
    stamp bigint DEFAULT 1 NOT NULL,
    changed_by xid8 DEFAULT '0'::xid8 NOT NULL,
    CONSTRAINT profile_stamp_only_row_check CHECK (only_row)
);

CREATE TABLE public.quota_slice (
    tenant_id text NOT NULL,
    subscriber_id text NOT NULL,
    node_id text NOT NULL,
    period bigint NOT NULL,
    granted bigint DEFAULT 0 NOT NULL,
    spent bigint DEFAULT 0 NOT NULL,
    lost boolean DEFAULT false NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT quota_slice_granted_check CHECK ((granted >= 0)),
    CONSTRAINT quota_slice_spent_check CHECK ((spent >= 0))
);

ALTER TABLE ONLY public.quota_slice FORCE ROW LEVEL SECURITY;

CREATE TABLE public.report (
    node_id text NOT NULL,
    epoch bigint NOT NULL,
    seq bigint NOT NULL,
    rows integer NOT NULL,
    unclean boolean NOT NULL,
    received_at timestamp with time zone NOT NULL
);

CREATE TABLE public.session_record (
    tenant_id text NOT NULL,
    id text NOT NULL,
    subscriber_id text NOT NULL,
    node_id text NOT NULL,
    epoch bigint DEFAULT 0 NOT NULL,
    ingress_id text NOT NULL,
    kind text NOT NULL,
    source text NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone,
    cause text DEFAULT ''::text NOT NULL,
    up bigint DEFAULT 0 NOT NULL,
    down bigint DEFAULT 0 NOT NULL,
    device_id text DEFAULT ''::text NOT NULL,
    rate_up bigint DEFAULT 0 NOT NULL,
    rate_down bigint DEFAULT 0 NOT NULL
);

ALTER TABLE ONLY public.session_record FORCE ROW LEVEL SECURITY;

CREATE TABLE public.subscriber (
    tenant_id text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    email text DEFAULT ''::text NOT NULL,
    full_name text DEFAULT ''::text NOT NULL,
    comment text DEFAULT ''::text NOT NULL,
    label text DEFAULT ''::text NOT NULL,
    language text DEFAULT 'en'::text NOT NULL,
    external_id text,
    plan_id text NOT NULL,
    status text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    traffic_limit bigint NOT NULL,
    reset text NOT NULL,
    period bigint DEFAULT 1 NOT NULL,
    period_start timestamp with time zone NOT NULL,
    reset_anchor timestamp with time zone NOT NULL,
    next_reset timestamp with time zone,
    expires_at timestamp with time zone,
    hold_deadline timestamp with time zone,
    hold_term interval,
    protocols text[] DEFAULT '{}'::text[] NOT NULL,
    node_groups text[] DEFAULT '{}'::text[] NOT NULL,
    devices integer DEFAULT 0 NOT NULL,
    speed_up bigint DEFAULT 0 NOT NULL,
    speed_down bigint DEFAULT 0 NOT NULL,
    password bytea NOT NULL,
    verifier bytea NOT NULL,
    verifier_salt bytea NOT NULL,
    password_id bytea NOT NULL,
    alone boolean DEFAULT false NOT NULL,
    generation bigint DEFAULT 1 NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT subscriber_comment_check CHECK ((length(comment) <= 255)),
    CONSTRAINT subscriber_devices_check CHECK ((devices >= 0)),
    CONSTRAINT subscriber_external_id_check CHECK (((length(external_id) >= 1) AND (length(external_id) <= 128))),
    CONSTRAINT subscriber_full_name_check CHECK ((length(full_name) <= 128)),
    CONSTRAINT subscriber_name_check CHECK ((name ~ '^[a-z0-9][a-z0-9._-]{0,30}[a-z0-9]$'::text)),
    CONSTRAINT subscriber_reset_check CHECK ((reset = ANY (ARRAY['never'::text, 'daily'::text, 'weekly'::text, 'monthly'::text, 'anniversary'::text]))),
    CONSTRAINT subscriber_speed_down_check CHECK ((speed_down >= 0)),
    CONSTRAINT subscriber_speed_up_check CHECK ((speed_up >= 0)),
    CONSTRAINT subscriber_status_check CHECK ((status = ANY (ARRAY['on_hold'::text, 'active'::text, 'limited'::text, 'expired'::text, 'suspended'::text, 'closed'::text]))),
    CONSTRAINT subscriber_traffic_limit_check CHECK ((traffic_limit >= '-1'::integer))
);

ALTER TABLE ONLY public.subscriber FORCE ROW LEVEL SECURITY;

CREATE TABLE public.subscription_token (
    tenant_id text NOT NULL,
    id text NOT NULL,
    subscriber_id text NOT NULL,
    hash bytea NOT NULL,
    sealed bytea NOT NULL,
    comment text DEFAULT ''::text NOT NULL,
    expires_at timestamp with time zone,
    fetches bigint DEFAULT 0 NOT NULL,
    fetched_at timestamp with time zone,
    fetched_by text DEFAULT ''::text NOT NULL,
    fetched_from text DEFAULT ''::text NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT subscription_token_comment_check CHECK ((length(comment) <= 255))
);

ALTER TABLE ONLY public.subscription_token FORCE ROW LEVEL SECURITY;

CREATE TABLE public.tenant (
    tenant_id text NOT NULL,
    parent_id text,
    name text NOT NULL,
    realm text DEFAULT ''::text NOT NULL,
    status text DEFAULT 'active'::text NOT NULL,
    node_groups text[] DEFAULT '{}'::text[] NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT tenant_check CHECK (((parent_id IS NULL) = (realm = ''::text))),
    CONSTRAINT tenant_name_check CHECK (((length(name) >= 1) AND (length(name) <= 128))),
    CONSTRAINT tenant_realm_check CHECK ((realm ~ '^([a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?)?$'::text)),
    CONSTRAINT tenant_status_check CHECK ((status = ANY (ARRAY['active'::text, 'suspended'::text, 'closed'::text]))),
    CONSTRAINT tenant_tenant_id_check CHECK ((tenant_id ~ '^tnt_[0-9a-z]{26}$'::text))
);

ALTER TABLE ONLY public.tenant FORCE ROW LEVEL SECURITY;

CREATE TABLE public.tenant_closure (
    ancestor text NOT NULL,
    descendant text NOT NULL,
    depth integer NOT NULL,
    CONSTRAINT tenant_closure_depth_check CHECK ((depth >= 0))
);

ALTER TABLE ONLY public.tenant_closure FORCE ROW LEVEL SECURITY;

CREATE UNLOGGED TABLE public.throttle (
    key text NOT NULL,
    failures integer NOT NULL,
    blocked_until timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL
);

CREATE TABLE public.traffic_hour (
    tenant_id text NOT NULL,
    hour timestamp with time zone NOT NULL,
    node_id text NOT NULL,
    up bigint NOT NULL,
    down bigint NOT NULL,
    CONSTRAINT traffic_hour_down_check CHECK ((down >= 0)),
    CONSTRAINT traffic_hour_up_check CHECK ((up >= 0))
)
WITH (fillfactor='70');

ALTER TABLE ONLY public.traffic_hour FORCE ROW LEVEL SECURITY;

CREATE TABLE public.unbooked_usage (
    id bigint NOT NULL,
    node_id text NOT NULL,
    epoch bigint NOT NULL,
    seq bigint NOT NULL,
    subscriber_id text NOT NULL,
    ingress_id text NOT NULL,
    exit text NOT NULL,
    up bigint NOT NULL,
    down bigint NOT NULL,
    why text NOT NULL,
    at timestamp with time zone NOT NULL
);

ALTER TABLE public.unbooked_usage ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.unbooked_usage_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.usage_open (
    tenant_id text NOT NULL,
    subscriber_id text NOT NULL,
    hour timestamp with time zone NOT NULL,
    period bigint NOT NULL,
    node_id text NOT NULL,
    ingress_id text NOT NULL,
    exit text NOT NULL,
    up bigint NOT NULL,
    down bigint NOT NULL,
    CONSTRAINT usage_open_down_check CHECK ((down >= 0)),
    CONSTRAINT usage_open_up_check CHECK ((up >= 0))
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.05');

ALTER TABLE ONLY public.usage_open FORCE ROW LEVEL SECURITY;

CREATE TABLE public.usage_total (
    tenant_id text NOT NULL,
    subscriber_id text NOT NULL,
    period bigint NOT NULL,
    up bigint DEFAULT 0 NOT NULL,
    down bigint DEFAULT 0 NOT NULL,
    granted bigint DEFAULT 0 NOT NULL,
    lifetime_up bigint DEFAULT 0 NOT NULL,
    lifetime_down bigint DEFAULT 0 NOT NULL,
    seen_at timestamp with time zone,
    used_sort bigint DEFAULT 0 NOT NULL,
    CONSTRAINT usage_total_down_check CHECK ((down >= 0)),
    CONSTRAINT usage_total_lifetime_down_check CHECK ((lifetime_down >= 0)),
    CONSTRAINT usage_total_lifetime_up_check CHECK ((lifetime_up >= 0)),
    CONSTRAINT usage_total_up_check CHECK ((up >= 0))
)
WITH (fillfactor='70');

ALTER TABLE ONLY public.usage_total FORCE ROW LEVEL SECURITY;

ALTER TABLE ONLY public.ledger ATTACH PARTITION public.ledger_rest DEFAULT;

ALTER TABLE ONLY public.access_key
    ADD CONSTRAINT access_key_id_key UNIQUE (id);

ALTER TABLE ONLY public.access_key
    ADD CONSTRAINT access_key_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY public.api_setting
    ADD CONSTRAINT api_setting_pkey PRIMARY KEY (tenant_id);

ALTER TABLE ONLY public.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY public.branding
    ADD CONSTRAINT branding_pkey PRIMARY KEY (tenant_id);

ALTER TABLE ONLY public.bulk_item
    ADD CONSTRAINT bulk_item_pkey PRIMARY KEY (tenant_id, operation_id, seq);

ALTER TABLE ONLY public.bulk_operation
    ADD CONSTRAINT bulk_operation_id_key UNIQUE (id);

ALTER TABLE ONLY public.bulk_operation
    ADD CONSTRAINT bulk_operation_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY public.certificate
    ADD CONSTRAINT certificate_id_key UNIQUE (id);

ALTER TABLE ONLY public.certificate
    ADD CONSTRAINT certificate_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY public.certificate
    ADD CONSTRAINT certificate_tenant_id_name_key UNIQUE (tenant_id, name);

ALTER TABLE ONLY public.credential
    ADD CONSTRAINT credential_family_sha256_key UNIQUE (family, sha256);

ALTER TABLE ONLY public.credential
    ADD CONSTRAINT credential_pkey PRIMARY KEY (tenant_id, subscriber_id, family);

ALTER TABLE ONLY public.data_key
    ADD CONSTRAINT data_key_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.desired_state
    ADD CONSTRAINT desired_state_pkey PRIMARY KEY (node_id);

ALTER TABLE ONLY public.desired_subscriber
    ADD CONSTRAINT desired_subscriber_pkey PRIMARY KEY (node_id, subscriber_id);

ALTER TABLE ONLY public.device
    ADD CONSTRAINT device_id_key UNIQUE (id);

ALTER TABLE ONLY public.device
    ADD CONSTRAINT device_number UNIQUE (number);

ALTER TABLE ONLY public.device_number_free
    ADD CONSTRAINT device_number_free_pkey PRIMARY KEY (number);

ALTER TABLE ONLY public.device
    ADD CONSTRAINT device_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY public.device
    ADD CONSTRAINT device_public_key UNIQUE (public_key);

ALTER TABLE ONLY public.device_state
    ADD CONSTRAINT device_state_pkey PRIMARY KEY (tenant_id, device_id);

ALTER TABLE ONLY public.device
    ADD CONSTRAINT device_tenant_id_subscriber_id_name_key UNIQUE (tenant_id, subscriber_id, name);

ALTER TABLE ONLY public.device_use
    ADD CONSTRAINT device_use_pkey PRIMARY KEY (subscriber_id, device, node_id);

ALTER TABLE ONLY public.download_link
    ADD CONSTRAINT download_link_hash_key UNIQUE (hash);

ALTER TABLE ONLY public.download_link
    ADD CONSTRAINT download_link_id_key UNIQUE (id);

ALTER TABLE ONLY public.download_link
    ADD CONSTRAINT download_link_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY public.enrol_token
    ADD CONSTRAINT enrol_token_hash_key UNIQUE (hash);

ALTER TABLE ONLY public.enrol_token
    ADD CONSTRAINT enrol_token_pkey PRIMARY KEY (tenant_id, node_id, hash);

ALTER TABLE ONLY public.former_subscriber
    ADD CONSTRAINT former_subscriber_id_key UNIQUE (id);

ALTER TABLE ONLY public.former_subscriber
    ADD CONSTRAINT former_subscriber_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY public.hand_over
    ADD CONSTRAINT hand_over_pkey PRIMARY KEY (tenant_id, key_id, name);

ALTER TABLE ONLY public.idempotency
    ADD CONSTRAINT idempotency_pkey PRIMARY KEY (tenant_id, actor, key);

ALTER TABLE ONLY public.ingress
    ADD CONSTRAINT ingress_id_key UNIQUE (id);

ALTER TABLE ONLY public.ingress
    ADD CONSTRAINT ingress_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY public.ingress
    ADD CONSTRAINT ingress_tenant_id_node_id_name_key UNIQUE (tenant_id, node_id, name);

ALTER TABLE ONLY public.installation
    ADD CONSTRAINT installation_pkey PRIMARY KEY (name, id);

ALTER TABLE ONLY public.job
    ADD CONSTRAINT job_id_key UNIQUE (id);

ALTER TABLE ONLY public.job
    ADD CONSTRAINT job_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY public.ledger
    ADD CONSTRAINT ledger_pkey PRIMARY KEY (subscriber_id, at, source);

ALTER TABLE ONLY public.ledger_rest
    ADD CONSTRAINT ledger_rest_pkey PRIMARY KEY (subscriber_id, at, source);

ALTER TABLE ONLY public.legacy_key
    ADD CONSTRAINT legacy_key_hash_key UNIQUE (hash);

ALTER TABLE ONLY public.legacy_key
    ADD CONSTRAINT legacy_key_pkey PRIMARY KEY (tenant_id, hash);

ALTER TABLE ONLY public.login
    ADD CONSTRAINT login_id_key UNIQUE (id);

ALTER TABLE ONLY public.login
    ADD CONSTRAINT login_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY public.login_session
    ADD CONSTRAINT login_session_id_key UNIQUE (id);

ALTER TABLE ONLY public.login_session
    ADD CONSTRAINT login_session_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY public.login_session
    ADD CONSTRAINT login_session_token_hash_key UNIQUE (token_hash);

ALTER TABLE ONLY public.login
    ADD CONSTRAINT login_tenant_id_name_key UNIQUE (tenant_id, name);

ALTER TABLE ONLY public.node_certificate
    ADD CONSTRAINT node_certificate_pkey PRIMARY KEY (tenant_id, node_id, serial);

ALTER TABLE ONLY public.node_certificate
    ADD CONSTRAINT node_certificate_serial_key UNIQUE (serial);

ALTER TABLE ONLY public.node_group
    ADD CONSTRAINT node_group_id_key UNIQUE (id);

ALTER TABLE ONLY public.node_group_member
    ADD CONSTRAINT node_group_member_pkey PRIMARY KEY (tenant_id, group_id, node_id);

ALTER TABLE ONLY public.node_group
    ADD CONSTRAINT node_group_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY public.node_group
    ADD CONSTRAINT node_group_tenant_id_name_key UNIQUE (tenant_id, name);

ALTER TABLE ONLY public.node
    ADD CONSTRAINT node_id_key UNIQUE (id);

ALTER TABLE ONLY public.node
    ADD CONSTRAINT node_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY public.node
    ADD CONSTRAINT node_tenant_id_name_key UNIQUE (tenant_id, name);

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.plan
    ADD CONSTRAINT plan_id_key UNIQUE (id);

ALTER TABLE ONLY public.plan
    ADD CONSTRAINT plan_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY public.plan
    ADD CONSTRAINT plan_tenant_id_name_key UNIQUE (tenant_id, name);

ALTER TABLE ONLY public.portal_session
    ADD CONSTRAINT portal_session_id_key UNIQUE (id);

ALTER TABLE ONLY public.portal_session
    ADD CONSTRAINT portal_session_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY public.portal_session
    ADD CONSTRAINT portal_session_token_hash_key UNIQUE (token_hash);

ALTER TABLE ONLY public.profile_setting
    ADD CONSTRAINT profile_setting_pkey PRIMARY KEY (tenant_id);

ALTER TABLE ONLY public.profile_stamp
    ADD CONSTRAINT profile_stamp_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.quota_slice
    ADD CONSTRAINT quota_slice_pkey PRIMARY KEY (subscriber_id, node_id, period);

ALTER TABLE ONLY public.report
    ADD CONSTRAINT report_pkey PRIMARY KEY (node_id, epoch, seq);

ALTER TABLE ONLY public.session_record
    ADD CONSTRAINT session_record_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY public.subscriber
    ADD CONSTRAINT subscriber_id_key UNIQUE (id);

ALTER TABLE ONLY public.subscriber
    ADD CONSTRAINT subscriber_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY public.subscriber
    ADD CONSTRAINT subscriber_tenant_id_name_key UNIQUE (tenant_id, name);

ALTER TABLE ONLY public.subscription_token
    ADD CONSTRAINT subscription_token_hash_key UNIQUE (hash);

ALTER TABLE ONLY public.subscription_token
    ADD CONSTRAINT subscription_token_id_key UNIQUE (id);

ALTER TABLE ONLY public.subscription_token
    ADD CONSTRAINT subscription_token_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY public.tenant_closure
    ADD CONSTRAINT tenant_closure_pkey PRIMARY KEY (ancestor, descendant);

ALTER TABLE ONLY public.tenant
    ADD CONSTRAINT tenant_pkey PRIMARY KEY (tenant_id);

ALTER TABLE ONLY public.throttle
    ADD CONSTRAINT throttle_pkey PRIMARY KEY (key);

ALTER TABLE ONLY public.traffic_hour
    ADD CONSTRAINT traffic_hour_pkey PRIMARY KEY (tenant_id, hour, node_id);

ALTER TABLE ONLY public.unbooked_usage
    ADD CONSTRAINT unbooked_usage_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.usage_open
    ADD CONSTRAINT usage_open_pkey PRIMARY KEY (subscriber_id, hour, period, node_id, ingress_id, exit);

ALTER TABLE ONLY public.usage_total
    ADD CONSTRAINT usage_total_pkey PRIMARY KEY (subscriber_id);

CREATE INDEX audit_tenant_id_object_id_idx ON public.audit USING btree (tenant_id, object, id DESC);

CREATE UNIQUE INDEX branding_host ON public.branding USING btree (host) WHERE (host <> ''::text);

CREATE INDEX bulk_item_failed ON public.bulk_item USING btree (operation_id, seq) WHERE (state = 'failed'::text);

CREATE INDEX bulk_item_waiting ON public.bulk_item USING btree (operation_id, seq) WHERE (state = 'waiting'::text);

CREATE INDEX bulk_operation_open ON public.bulk_operation USING btree (claimed_until, id) WHERE (status = ANY (ARRAY['queued'::text, 'running'::text]));

CREATE INDEX desired_subscriber_revision ON public.desired_subscriber USING btree (node_id, revision);

CREATE INDEX device_ingress_id_idx ON public.device USING btree (ingress_id) WHERE (ingress_id IS NOT NULL);

CREATE INDEX device_subscriber_id_idx ON public.device USING btree (subscriber_id);

CREATE INDEX device_use_seen_at_idx ON public.device_use USING btree (seen_at);

CREATE INDEX download_link_expires_at_idx ON public.download_link USING btree (expires_at);

CREATE INDEX idempotency_created_at_idx ON public.idempotency USING btree (created_at);

CREATE INDEX job_failed ON public.job USING btree (finished_at) WHERE (state = ANY (ARRAY['failed'::text, 'expired'::text]));

CREATE INDEX job_open ON public.job USING btree (created_at) WHERE (finished_at IS NULL);

CREATE INDEX job_tenant_id_node_id_id_idx ON public.job USING btree (tenant_id, node_id, id DESC);

CREATE INDEX ledger_subscriber_id_source_idx ON ONLY public.ledger USING btree (subscriber_id, source) WHERE (kind = 'grant'::text);

CREATE INDEX ledger_rest_subscriber_id_source_idx ON public.ledger_rest USING btree (subscriber_id, source) WHERE (kind = 'grant'::text);

CREATE INDEX ledger_tenant_id_at_idx ON ONLY public.ledger USING btree (tenant_id, at);

CREATE INDEX ledger_rest_tenant_id_at_idx ON public.ledger_rest USING btree (tenant_id, at);

CREATE INDEX login_session_tenant_id_login_id_idx ON public.login_session USING btree (tenant_id, login_id);

CREATE INDEX node_group_member_tenant_id_node_id_idx ON public.node_group_member USING btree (tenant_id, node_id);

CREATE INDEX outbox_done ON public.outbox USING btree (done_at) WHERE (done_at IS NOT NULL);

CREATE INDEX outbox_open ON public.outbox USING btree (not_before, id) WHERE (done_at IS NULL);

CREATE INDEX portal_session_expires_at_idx ON public.portal_session USING btree (expires_at);

CREATE INDEX portal_session_tenant_id_subscriber_id_idx ON public.portal_session USING btree (tenant_id, subscriber_id);

CREATE INDEX quota_slice_node_id_idx ON public.quota_slice USING btree (node_id);

CREATE INDEX report_received_at_idx ON public.report USING btree (received_at);

CREATE INDEX session_record_closed ON public.session_record USING btree (closed_at) WHERE (closed_at IS NOT NULL);

CREATE INDEX session_record_device ON public.session_record USING btree (device_id) WHERE ((closed_at IS NULL) AND (device_id <> ''::text));

CREATE INDEX session_record_live ON public.session_record USING btree (tenant_id, opened_at DESC, id DESC) WHERE (closed_at IS NULL);

CREATE INDEX session_record_online ON public.session_record USING btree (subscriber_id) WHERE (closed_at IS NULL);

CREATE INDEX session_record_open ON public.session_record USING btree (node_id, epoch) WHERE (closed_at IS NULL);

CREATE INDEX session_record_tenant_id_subscriber_id_opened_at_idx ON public.session_record USING btree (tenant_id, subscriber_id, opened_at DESC);

CREATE UNIQUE INDEX subscriber_alone ON public.subscriber USING btree (password_id) WHERE alone;

CREATE INDEX subscriber_by_expiry ON public.subscriber USING btree (tenant_id, COALESCE(expires_at, 'infinity'::timestamp with time zone), id);

CREATE INDEX subscriber_expiry ON public.subscriber USING btree (expires_at) WHERE ((status = ANY (ARRAY['active'::text, 'limited'::text])) AND (expires_at IS NOT NULL));

CREATE UNIQUE INDEX subscriber_external ON public.subscriber USING btree (tenant_id, external_id) WHERE (external_id IS NOT NULL);

CREATE INDEX subscriber_hold ON public.subscriber USING btree (hold_deadline) WHERE ((status = 'on_hold'::text) AND (hold_deadline IS NOT NULL));

CREATE INDEX subscriber_reset ON public.subscriber USING btree (next_reset) WHERE (next_reset IS NOT NULL);

CREATE INDEX subscriber_search ON public.subscriber USING gin ((((((((name || ' '::text) || email) || ' '::text) || full_name) || ' '::text) || COALESCE(external_id, ''::text))) public.gin_trgm_ops);

CREATE INDEX subscriber_tenant_id_plan_id_idx ON public.subscriber USING btree (tenant_id, plan_id);

CREATE INDEX subscriber_tenant_id_status_id_idx ON public.subscriber USING btree (tenant_id, status, id);

CREATE INDEX subscription_token_tenant_id_subscriber_id_idx ON public.subscription_token USING btree (tenant_id, subscriber_id);

CREATE INDEX tenant_closure_descendant_idx ON public.tenant_closure USING btree (descendant);

CREATE UNIQUE INDEX tenant_one_root ON public.tenant USING btree ((true)) WHERE (parent_id IS NULL);

CREATE INDEX tenant_parent_id_idx ON public.tenant USING btree (parent_id);

CREATE UNIQUE INDEX tenant_realm ON public.tenant USING btree (realm);

CREATE INDEX unbooked_usage_at_idx ON public.unbooked_usage USING btree (at);

CREATE INDEX usage_open_hour_idx ON public.usage_open USING btree (hour);

CREATE INDEX usage_open_tenant_id_hour_idx ON public.usage_open USING btree (tenant_id, hour);

CREATE INDEX usage_total_by_use ON public.usage_total USING btree (tenant_id, used_sort, subscriber_id);

ALTER INDEX public.ledger_pkey ATTACH PARTITION public.ledger_rest_pkey;

ALTER INDEX public.ledger_subscriber_id_source_idx ATTACH PARTITION public.ledger_rest_subscriber_id_source_idx;

ALTER INDEX public.ledger_tenant_id_at_idx ATTACH PARTITION public.ledger_rest_tenant_id_at_idx;

CREATE TRIGGER device_number_return AFTER DELETE ON public.device FOR EACH ROW EXECUTE FUNCTION public.device_number_return();

CREATE TRIGGER ledger_append_only BEFORE DELETE OR UPDATE ON public.ledger FOR EACH ROW EXECUTE FUNCTION public.ledger_is_append_only();

CREATE TRIGGER outbox_wake AFTER INSERT ON public.outbox FOR EACH STATEMENT EXECUTE FUNCTION public.outbox_wake();

CREATE CONSTRAINT TRIGGER profile_stamp AFTER INSERT OR DELETE OR UPDATE ON public.certificate DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.profile_stamp_next();

CREATE CONSTRAINT TRIGGER profile_stamp AFTER INSERT OR DELETE OR UPDATE ON public.ingress DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.profile_stamp_next();

CREATE CONSTRAINT TRIGGER profile_stamp AFTER INSERT OR DELETE OR UPDATE OF name, host, region, status ON public.node DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.profile_stamp_next();

CREATE CONSTRAINT TRIGGER profile_stamp AFTER INSERT OR DELETE ON public.node_group DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.profile_stamp_next();

CREATE CONSTRAINT TRIGGER profile_stamp AFTER INSERT OR DELETE OR UPDATE ON public.node_group_member DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.profile_stamp_next();

CREATE CONSTRAINT TRIGGER profile_stamp AFTER INSERT OR DELETE OR UPDATE ON public.profile_setting DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.profile_stamp_next();

CREATE CONSTRAINT TRIGGER profile_stamp AFTER UPDATE OF name, realm, status, node_groups ON public.tenant DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.profile_stamp_next();

CREATE TRIGGER tenant_closure_insert AFTER INSERT ON public.tenant FOR EACH ROW EXECUTE FUNCTION public.tenant_closure_insert();

CREATE TRIGGER tenant_parent_fixed BEFORE UPDATE ON public.tenant FOR EACH ROW EXECUTE FUNCTION public.tenant_parent_fixed();

ALTER TABLE ONLY public.access_key
    ADD CONSTRAINT access_key_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(tenant_id);

ALTER TABLE ONLY public.api_setting
    ADD CONSTRAINT api_setting_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(tenant_id);

ALTER TABLE ONLY public.audit
    ADD CONSTRAINT audit_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(tenant_id);

ALTER TABLE ONLY public.branding
    ADD CONSTRAINT branding_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(tenant_id);

ALTER TABLE ONLY public.bulk_item
    ADD CONSTRAINT bulk_item_tenant_id_operation_id_fkey FOREIGN KEY (tenant_id, operation_id) REFERENCES public.bulk_operation(tenant_id, id);

ALTER TABLE ONLY public.bulk_operation
    ADD CONSTRAINT bulk_operation_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(tenant_id);

ALTER TABLE ONLY public.certificate
    ADD CONSTRAINT certificate_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(tenant_id);

ALTER TABLE ONLY public.credential
    ADD CONSTRAINT credential_tenant_id_subscriber_id_fkey FOREIGN KEY (tenant_id, subscriber_id) REFERENCES public.subscriber(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.desired_state
    ADD CONSTRAINT desired_state_node_id_fkey FOREIGN KEY (node_id) REFERENCES public.node(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.desired_subscriber
    ADD CONSTRAINT desired_subscriber_node_id_fkey FOREIGN KEY (node_id) REFERENCES public.node(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.device
    ADD CONSTRAINT device_ingress_id_fkey FOREIGN KEY (ingress_id) REFERENCES public.ingress(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.device_state
    ADD CONSTRAINT device_state_tenant_id_device_id_fkey FOREIGN KEY (tenant_id, device_id) REFERENCES public.device(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.device
    ADD CONSTRAINT device_tenant_id_subscriber_id_fkey FOREIGN KEY (tenant_id, subscriber_id) REFERENCES public.subscriber(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.device_use
    ADD CONSTRAINT device_use_tenant_id_subscriber_id_fkey FOREIGN KEY (tenant_id, subscriber_id) REFERENCES public.subscriber(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.download_link
    ADD CONSTRAINT download_link_tenant_id_device_id_fkey FOREIGN KEY (tenant_id, device_id) REFERENCES public.device(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.enrol_token
    ADD CONSTRAINT enrol_token_tenant_id_node_id_fkey FOREIGN KEY (tenant_id, node_id) REFERENCES public.node(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.former_subscriber
    ADD CONSTRAINT former_subscriber_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(tenant_id);

ALTER TABLE ONLY public.hand_over
    ADD CONSTRAINT hand_over_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(tenant_id);

ALTER TABLE ONLY public.idempotency
    ADD CONSTRAINT idempotency_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(tenant_id);

ALTER TABLE ONLY public.ingress
    ADD CONSTRAINT ingress_tenant_id_certificate_id_fkey FOREIGN KEY (tenant_id, certificate_id) REFERENCES public.certificate(tenant_id, id);

ALTER TABLE ONLY public.ingress
    ADD CONSTRAINT ingress_tenant_id_node_id_fkey FOREIGN KEY (tenant_id, node_id) REFERENCES public.node(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.job
    ADD CONSTRAINT job_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(tenant_id);

ALTER TABLE ONLY public.legacy_key
    ADD CONSTRAINT legacy_key_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(tenant_id);

ALTER TABLE ONLY public.login_session
    ADD CONSTRAINT login_session_tenant_id_login_id_fkey FOREIGN KEY (tenant_id, login_id) REFERENCES public.login(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.login
    ADD CONSTRAINT login_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(tenant_id);

ALTER TABLE ONLY public.node_certificate
    ADD CONSTRAINT node_certificate_tenant_id_node_id_fkey FOREIGN KEY (tenant_id, node_id) REFERENCES public.node(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.node_group_member
    ADD CONSTRAINT node_group_member_tenant_id_group_id_fkey FOREIGN KEY (tenant_id, group_id) REFERENCES public.node_group(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.node_group_member
    ADD CONSTRAINT node_group_member_tenant_id_node_id_fkey FOREIGN KEY (tenant_id, node_id) REFERENCES public.node(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.node_group
    ADD CONSTRAINT node_group_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(tenant_id);

ALTER TABLE ONLY public.node
    ADD CONSTRAINT node_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(tenant_id);

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(tenant_id);

ALTER TABLE ONLY public.plan
    ADD CONSTRAINT plan_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(tenant_id);

ALTER TABLE ONLY public.portal_session
    ADD CONSTRAINT portal_session_tenant_id_subscriber_id_fkey FOREIGN KEY (tenant_id, subscriber_id) REFERENCES public.subscriber(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.profile_setting
    ADD CONSTRAINT profile_setting_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(tenant_id);

ALTER TABLE ONLY public.quota_slice
    ADD CONSTRAINT quota_slice_tenant_id_subscriber_id_fkey FOREIGN KEY (tenant_id, subscriber_id) REFERENCES public.subscriber(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.session_record
    ADD CONSTRAINT session_record_tenant_id_subscriber_id_fkey FOREIGN KEY (tenant_id, subscriber_id) REFERENCES public.subscriber(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.subscriber
    ADD CONSTRAINT subscriber_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(tenant_id);

ALTER TABLE ONLY public.subscriber
    ADD CONSTRAINT subscriber_tenant_id_plan_id_fkey FOREIGN KEY (tenant_id, plan_id) REFERENCES public.plan(tenant_id, id);

ALTER TABLE ONLY public.subscription_token
    ADD CONSTRAINT subscription_token_tenant_id_subscriber_id_fkey FOREIGN KEY (tenant_id, subscriber_id) REFERENCES public.subscriber(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.tenant
    ADD CONSTRAINT tenant_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES public.tenant(tenant_id);

ALTER TABLE ONLY public.traffic_hour
    ADD CONSTRAINT traffic_hour_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(tenant_id);

ALTER TABLE ONLY public.usage_total
    ADD CONSTRAINT usage_total_tenant_id_subscriber_id_fkey FOREIGN KEY (tenant_id, subscriber_id) REFERENCES public.subscriber(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE public.access_key ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.api_setting ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.audit ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.branding ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.bulk_item ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.bulk_operation ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.certificate ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.credential ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.device ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.device_state ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.device_use ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.download_link ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.enrol_token ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.former_subscriber ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.hand_over ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.idempotency ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.ingress ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.job ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.ledger ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.legacy_key ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.login ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.login_session ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.node ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.node_certificate ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.node_group ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.node_group_member ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.outbox ENABLE ROW LEVEL SECURITY;

CREATE POLICY owner_fills ON public.tenant_closure TO culvert_owner USING (true) WITH CHECK (true);

CREATE POLICY owner_reads ON public.device FOR SELECT TO culvert_owner USING (true);

CREATE POLICY owner_reads ON public.ledger FOR SELECT TO culvert_owner USING (true);

CREATE POLICY owner_reads ON public.node_group FOR SELECT TO culvert_owner USING (true);

CREATE POLICY owner_reads ON public.session_record FOR SELECT TO culvert_owner USING (true);

CREATE POLICY owner_reads ON public.tenant FOR SELECT TO culvert_owner USING (true);

CREATE POLICY owner_reads ON public.usage_total FOR SELECT TO culvert_owner USING (true);

CREATE POLICY owner_searches ON public.subscriber FOR SELECT TO culvert_owner USING (true);

ALTER TABLE public.plan ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.portal_session ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.profile_setting ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.quota_slice ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.session_record ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.subscriber ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.subscription_token ENABLE ROW LEVEL SECURITY;

CREATE POLICY system_all ON public.access_key TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.api_setting TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.audit TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.branding TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.bulk_item TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.bulk_operation TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.certificate TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.credential TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.device TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.device_state TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.device_use TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.download_link TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.enrol_token TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.former_subscriber TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.hand_over TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.idempotency TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.ingress TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.job TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.ledger TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.legacy_key TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.login TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.login_session TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.node TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.node_certificate TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.node_group TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.node_group_member TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.outbox TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.plan TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.portal_session TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.profile_setting TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.quota_slice TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.session_record TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.subscriber TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.subscription_token TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.tenant TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.tenant_closure TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.traffic_hour TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.usage_open TO culvert_system USING (true) WITH CHECK (true);

CREATE POLICY system_all ON public.usage_total TO culvert_system USING (true) WITH CHECK (true);

ALTER TABLE public.tenant ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.tenant_closure ENABLE ROW LEVEL SECURITY;

CREATE POLICY tenant_sees_subtree ON public.tenant_closure FOR SELECT TO culvert_app USING ((ancestor = public.current_tenant()));

CREATE POLICY tenant_subtree ON public.access_key TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

CREATE POLICY tenant_subtree ON public.api_setting TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

CREATE POLICY tenant_subtree ON public.audit TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

CREATE POLICY tenant_subtree ON public.branding TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

CREATE POLICY tenant_subtree ON public.bulk_item TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

CREATE POLICY tenant_subtree ON public.bulk_operation TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

CREATE POLICY tenant_subtree ON public.certificate TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

CREATE POLICY tenant_subtree ON public.credential TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

CREATE POLICY tenant_subtree ON public.device TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

CREATE POLICY tenant_subtree ON public.device_state TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

CREATE POLICY tenant_subtree ON public.device_use TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

CREATE POLICY tenant_subtree ON public.download_link TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

CREATE POLICY tenant_subtree ON public.enrol_token TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

CREATE POLICY tenant_subtree ON public.former_subscriber TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

CREATE POLICY tenant_subtree ON public.hand_over TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

CREATE POLICY tenant_subtree ON public.idempotency TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

CREATE POLICY tenant_subtree ON public.ingress TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

CREATE POLICY tenant_subtree ON public.job TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

CREATE POLICY tenant_subtree ON public.ledger TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

CREATE POLICY tenant_subtree ON public.legacy_key TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

CREATE POLICY tenant_subtree ON public.login TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

CREATE POLICY tenant_subtree ON public.login_session TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

CREATE POLICY tenant_subtree ON public.node TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

CREATE POLICY tenant_subtree ON public.node_certificate TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

CREATE POLICY tenant_subtree ON public.node_group TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

CREATE POLICY tenant_subtree ON public.node_group_member TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

CREATE POLICY tenant_subtree ON public.outbox TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

CREATE POLICY tenant_subtree ON public.plan TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

CREATE POLICY tenant_subtree ON public.portal_session TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

CREATE POLICY tenant_subtree ON public.profile_setting TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

CREATE POLICY tenant_subtree ON public.quota_slice TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

CREATE POLICY tenant_subtree ON public.session_record TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

CREATE POLICY tenant_subtree ON public.subscriber TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

CREATE POLICY tenant_subtree ON public.subscription_token TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

CREATE POLICY tenant_subtree ON public.tenant TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK (((COALESCE(parent_id, tenant_id) IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))) OR (tenant_id = public.current_tenant())));

CREATE POLICY tenant_subtree ON public.traffic_hour TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

CREATE POLICY tenant_subtree ON public.usage_open TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

CREATE POLICY tenant_subtree ON public.usage_total TO culvert_app USING ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant())))) WITH CHECK ((tenant_id IN ( SELECT tenant_closure.descendant
   FROM public.tenant_closure
  WHERE (tenant_closure.ancestor = public.current_tenant()))));

ALTER TABLE public.traffic_hour ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.usage_open ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.usage_total ENABLE ROW LEVEL SECURITY;

REVOKE ALL ON FUNCTION public.device_number_take(wanted bigint, key bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION public.device_number_take(wanted bigint, key bytea) TO culvert_app;
GRANT ALL ON FUNCTION public.device_number_take(wanted bigint, key bytea) TO culvert_system;

REVOKE ALL ON FUNCTION public.ledger_partitions(at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.ledger_partitions(at timestamp with time zone) TO culvert_system;

REVOKE ALL ON FUNCTION public.node_group_granted(tenant text, group_id text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.node_group_granted(tenant text, group_id text) TO culvert_app;
GRANT ALL ON FUNCTION public.node_group_granted(tenant text, group_id text) TO culvert_system;

REVOKE ALL ON FUNCTION public.profile_stamp_next() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.subscriber_count(pattern text, only_tenant text, state text, plan text, external text, before timestamp with time zone, named text, online boolean, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.subscriber_count(pattern text, only_tenant text, state text, plan text, external text, before timestamp with time zone, named text, online boolean, most integer) TO culvert_app;

REVOKE ALL ON FUNCTION public.subscriber_find(pattern text, only_tenant text, state text, plan text, external text, before timestamp with time zone, named text, online boolean, sort text, backwards boolean, after_key text, after_id text, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.subscriber_find(pattern text, only_tenant text, state text, plan text, external text, before timestamp with time zone, named text, online boolean, sort text, backwards boolean, after_key text, after_id text, most integer) TO culvert_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.access_key TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.access_key TO culvert_system;

GRANT SELECT,INSERT,UPDATE ON TABLE public.api_setting TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.api_setting TO culvert_system;

GRANT SELECT,INSERT ON TABLE public.audit TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.audit TO culvert_system;

GRANT SELECT,INSERT,UPDATE ON TABLE public.branding TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.branding TO culvert_system;

GRANT SELECT,INSERT,UPDATE ON TABLE public.bulk_item TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.bulk_item TO culvert_system;

GRANT SELECT,INSERT,UPDATE ON TABLE public.bulk_operation TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.bulk_operation TO culvert_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.certificate TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.certificate TO culvert_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.credential TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.credential TO culvert_system;

GRANT SELECT,INSERT,UPDATE ON TABLE public.data_key TO culvert_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.desired_state TO culvert_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.desired_subscriber TO culvert_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.device TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.device TO culvert_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.device_number_free TO culvert_system;

GRANT SELECT ON SEQUENCE public.device_number_next TO culvert_system;

GRANT SELECT ON TABLE public.device_state TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.device_state TO culvert_system;

GRANT SELECT ON TABLE public.device_use TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.device_use TO culvert_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.download_link TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.download_link TO culvert_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.enrol_token TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.enrol_token TO culvert_system;

GRANT SELECT,INSERT ON TABLE public.former_subscriber TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.former_subscriber TO culvert_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.hand_over TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.hand_over TO culvert_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.idempotency TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.idempotency TO culvert_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.ingress TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.ingress TO culvert_system;

GRANT SELECT,INSERT,UPDATE ON TABLE public.installation TO culvert_system;

GRANT SELECT,INSERT ON TABLE public.job TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.job TO culvert_system;

GRANT SELECT,INSERT ON TABLE public.ledger TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.ledger TO culvert_system;

GRANT SELECT,INSERT,DELETE ON TABLE public.legacy_key TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.legacy_key TO culvert_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.login TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.login TO culvert_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.login_session TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.login_session TO culvert_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.node TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.node TO culvert_system;

GRANT SELECT,INSERT,UPDATE ON TABLE public.node_certificate TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.node_certificate TO culvert_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.node_group TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.node_group TO culvert_system;

GRANT SELECT,INSERT,DELETE ON TABLE public.node_group_member TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.node_group_member TO culvert_system;

GRANT INSERT ON TABLE public.outbox TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.outbox TO culvert_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.plan TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.plan TO culvert_system;

GRANT SELECT,INSERT,UPDATE ON TABLE public.portal_session TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.portal_session TO culvert_system;

GRANT SELECT,INSERT,UPDATE ON TABLE public.profile_setting TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.profile_setting TO culvert_system;

GRANT SELECT ON TABLE public.profile_stamp TO culvert_system;

GRANT SELECT ON TABLE public.quota_slice TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.quota_slice TO culvert_system;

GRANT SELECT,INSERT,DELETE ON TABLE public.report TO culvert_system;

GRANT SELECT ON TABLE public.session_record TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.session_record TO culvert_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.subscriber TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.subscriber TO culvert_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.subscription_token TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.subscription_token TO culvert_system;

GRANT SELECT,INSERT,UPDATE ON TABLE public.tenant TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.tenant TO culvert_system;

GRANT SELECT ON TABLE public.tenant_closure TO culvert_app;
GRANT SELECT,INSERT,DELETE ON TABLE public.tenant_closure TO culvert_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.throttle TO culvert_system;

GRANT SELECT ON TABLE public.traffic_hour TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.traffic_hour TO culvert_system;

GRANT SELECT,INSERT,DELETE ON TABLE public.unbooked_usage TO culvert_system;

GRANT SELECT ON TABLE public.usage_open TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.usage_open TO culvert_system;

GRANT SELECT,INSERT,UPDATE ON TABLE public.usage_total TO culvert_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.usage_total TO culvert_system;
