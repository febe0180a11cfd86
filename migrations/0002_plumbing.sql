-- +goose Up
CREATE TABLE audit (
    tenant_id  text NOT NULL REFERENCES tenant (tenant_id),
    id         text NOT NULL,
    at         timestamptz NOT NULL,
    actor_kind text NOT NULL,
    actor_id   text NOT NULL,
    actor_name text NOT NULL,
    address    text NOT NULL DEFAULT '',
    action     text NOT NULL,
    object     text NOT NULL,
    diff       jsonb,
    trace      text NOT NULL DEFAULT '',
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX ON audit (tenant_id, object, id DESC);
-- Append-only for the application: no UPDATE, no DELETE.
CALL guard_tenant_table('audit', 'SELECT, INSERT');

CREATE TABLE outbox (
    tenant_id     text NOT NULL REFERENCES tenant (tenant_id),
    id            text NOT NULL,
    kind          text NOT NULL,
    payload       jsonb NOT NULL,
    trace         text NOT NULL DEFAULT '',
    created_at    timestamptz NOT NULL,
    attempt       integer NOT NULL DEFAULT 0,
    not_before    timestamptz NOT NULL,
    dispatched_at timestamptz,
    done_at       timestamptz,
    error         text NOT NULL DEFAULT '',
    PRIMARY KEY (id)
);
CREATE INDEX outbox_open ON outbox (not_before, id) WHERE done_at IS NULL;
CREATE INDEX outbox_done ON outbox (done_at) WHERE done_at IS NOT NULL;
CALL guard_tenant_table('outbox', 'INSERT');
-- +goose StatementBegin
CREATE FUNCTION outbox_wake() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('culvert_outbox', '');
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER outbox_wake AFTER INSERT ON outbox FOR EACH STATEMENT EXECUTE FUNCTION outbox_wake();

CREATE TABLE job (
    tenant_id   text NOT NULL REFERENCES tenant (tenant_id),
    id          text NOT NULL UNIQUE,
    node_id     text NOT NULL,
    kind        text NOT NULL,
    args        jsonb,
    state       text NOT NULL CHECK (state IN ('queued', 'sent', 'done', 'failed', 'expired')),
    attempt     integer NOT NULL DEFAULT 0,
    error       text NOT NULL DEFAULT '',
    output      jsonb,
    actor       text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    finished_at timestamptz,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX ON job (tenant_id, node_id, id DESC);
CREATE INDEX job_open ON job (created_at) WHERE finished_at IS NULL;
CALL guard_tenant_table('job', 'SELECT, INSERT');

-- Answers of writes that carried an Idempotency-Key, kept for 24 hours.
CREATE TABLE idempotency (
    tenant_id    text NOT NULL REFERENCES tenant (tenant_id),
    actor        text NOT NULL,
    key          text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    request_hash bytea NOT NULL,
    status       integer,                -- null while the first request runs
    content_type text NOT NULL DEFAULT '',
    etag         text NOT NULL DEFAULT '',
    body         bytea,                  -- sealed: an answer may show a secret once
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, actor, key)
);
CREATE INDEX ON idempotency (created_at);
CALL guard_tenant_table('idempotency', 'SELECT, INSERT, UPDATE, DELETE');

-- Values handed over by v-make-tmp-file: per key, sealed, five minutes.
CREATE TABLE hand_over (
    tenant_id  text NOT NULL REFERENCES tenant (tenant_id),
    key_id     text NOT NULL,
    name       text NOT NULL,
    sealed     bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, key_id, name)
);
CALL guard_tenant_table('hand_over', 'SELECT, INSERT, UPDATE, DELETE');
