-- +goose Up
-- A subscriber's WireGuard peers. The number is the device's place in every pool of inner addresses, so it is unique in the
-- installation, as the public key is.
CREATE TABLE device (
    tenant_id     text NOT NULL,
    id            text NOT NULL UNIQUE,
    subscriber_id text NOT NULL,
    name          text NOT NULL CHECK (name ~ '^[A-Za-z0-9 ._-]{1,64}$'),
    public_key    bytea NOT NULL CHECK (length(public_key) = 32),
    private_key   bytea,                 -- sealed; NULL = the user keeps it
    preshared_key bytea,                 -- sealed; NULL = none
    number        bigint NOT NULL CHECK (number >= 2),
    ingress_id    text REFERENCES ingress (id) ON DELETE SET NULL, -- the only one it may use; NULL = any
    disabled      boolean NOT NULL DEFAULT false,
    shown         boolean NOT NULL DEFAULT false, -- its configuration was given out since the key was made
    version       bigint NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, subscriber_id, name),
    CONSTRAINT device_public_key UNIQUE (public_key),
    CONSTRAINT device_number UNIQUE (number),
    FOREIGN KEY (tenant_id, subscriber_id) REFERENCES subscriber (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX ON device (subscriber_id);
CREATE INDEX ON device (ingress_id) WHERE ingress_id IS NOT NULL;
CALL guard_tenant_table('device', 'SELECT, INSERT, UPDATE, DELETE');
CREATE POLICY owner_reads ON device FOR SELECT TO CURRENT_USER USING (true);

-- What nodes said of a device: where it is, and what it moved in all its sessions.
CREATE TABLE device_state (
    tenant_id    text NOT NULL,
    device_id    text NOT NULL,
    node_id      text NOT NULL,
    ingress_id   text NOT NULL,
    endpoint     text NOT NULL DEFAULT '', -- address:port it sent from last
    handshake_at timestamptz,
    seen_at      timestamptz NOT NULL,
    up           bigint NOT NULL DEFAULT 0,
    down         bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, device_id),
    FOREIGN KEY (tenant_id, device_id) REFERENCES device (tenant_id, id) ON DELETE CASCADE
);
CALL guard_tenant_table('device_state', 'SELECT');

-- Numbers come lowest first from those that deleted devices gave back, then from the sequence. Neither is a tenant's: the
-- serving role reaches them through device_number_take and by deleting devices.
CREATE SEQUENCE device_number_next MINVALUE 2 START 2;
GRANT SELECT ON SEQUENCE device_number_next TO culvert_system;
CREATE TABLE device_number_free (number bigint PRIMARY KEY);
GRANT SELECT, INSERT, UPDATE, DELETE ON device_number_free TO culvert_system;

-- +goose StatementBegin
-- Gives a number to a device that is inserted in this transaction: wanted, or the lowest that nobody has; NULL when wanted
-- is taken, 0 when the public key is: a number that the sequence gave and nobody took would be lost. Who takes whatever is free goes side by side with others like it (shared lock); who insists on a number, which
-- the sequence may not have reached, goes alone, so that the sequence steps over what is committed.
CREATE FUNCTION device_number_take(wanted bigint, key bytea) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
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
-- +goose StatementEnd
REVOKE ALL ON FUNCTION device_number_take(bigint, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION device_number_take(bigint, bytea) TO culvert_app, culvert_system;

-- +goose StatementBegin
-- Takes back the number of a device that is gone, however it went. One that the sequence has yet to reach is not noted: the
-- sequence comes to it.
CREATE FUNCTION device_number_return() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF OLD.number >= (SELECT last_value FROM device_number_next) THEN
        PERFORM pg_advisory_xact_lock(7203446); -- the sequence may be about to step over it
    END IF;
    IF OLD.number <= (SELECT last_value FROM device_number_next WHERE is_called) THEN
        INSERT INTO device_number_free (number) VALUES (OLD.number) ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER device_number_return AFTER DELETE ON device FOR EACH ROW EXECUTE FUNCTION device_number_return();

-- What a subscriber's app fetches its configuration with: found by keyed hash, sealed for display.
CREATE TABLE subscription_token (
    tenant_id     text NOT NULL,
    id            text NOT NULL UNIQUE,
    subscriber_id text NOT NULL,
    hash          bytea NOT NULL UNIQUE,
    sealed        bytea NOT NULL,
    comment       text NOT NULL DEFAULT '' CHECK (length(comment) <= 255),
    expires_at    timestamptz,
    fetches       bigint NOT NULL DEFAULT 0,
    fetched_at    timestamptz,
    fetched_by    text NOT NULL DEFAULT '', -- user agent
    fetched_from  text NOT NULL DEFAULT '', -- address
    version       bigint NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, subscriber_id) REFERENCES subscriber (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX ON subscription_token (tenant_id, subscriber_id);
CALL guard_tenant_table('subscription_token', 'SELECT, INSERT, UPDATE, DELETE');

-- A link that gives out a device's configuration once.
CREATE TABLE download_link (
    tenant_id   text NOT NULL,
    id          text NOT NULL UNIQUE,
    device_id   text NOT NULL,
    ingress_id  text NOT NULL DEFAULT '', -- where the configuration leads; empty: the device's own, or the first
    hash        bytea NOT NULL UNIQUE,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    redeemed_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, device_id) REFERENCES device (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX ON download_link (expires_at);
CALL guard_tenant_table('download_link', 'SELECT, INSERT, UPDATE, DELETE');

-- How a tenant's subscribers see their configurations.
CREATE TABLE profile_setting (
    tenant_id        text PRIMARY KEY REFERENCES tenant (tenant_id),
    remark           text NOT NULL CHECK (length(remark) BETWEEN 1 AND 128), -- template of an entry's name
    title            text NOT NULL DEFAULT '' CHECK (length(title) <= 64),
    support_url      text NOT NULL DEFAULT '' CHECK (length(support_url) <= 512),
    web_page_url     text NOT NULL DEFAULT '' CHECK (length(web_page_url) <= 512),
    update_hours     integer NOT NULL CHECK (update_hours BETWEEN 1 AND 720),
    show_once        boolean NOT NULL DEFAULT false, -- a device's configuration is given out once
    version          bigint NOT NULL DEFAULT 1,
    updated_at       timestamptz NOT NULL
);
CALL guard_tenant_table('profile_setting', 'SELECT, INSERT, UPDATE');
