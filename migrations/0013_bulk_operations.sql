-- +goose Up
-- One change that somebody asked for many subscribers at once. Who is meant is fixed when it is asked. Each item is marked in
-- the transaction that makes its change, so that it is made once, whoever begins again or works beside.
CREATE TABLE bulk_operation (
    tenant_id     text NOT NULL REFERENCES tenant (tenant_id), -- that the actor acts for
    id            text NOT NULL UNIQUE,
    act           jsonb NOT NULL,
    status        text NOT NULL CHECK (status IN ('queued', 'running', 'done', 'cancelled')),
    total         integer NOT NULL CHECK (total >= 0),
    done          integer NOT NULL DEFAULT 0,
    failed        integer NOT NULL DEFAULT 0,
    home          text NOT NULL, -- tenant of the actor; like the rest of it, as it was when they asked
    actor_kind    text NOT NULL,
    actor_id      text NOT NULL,
    actor_name    text NOT NULL,
    permissions   text[] NOT NULL,
    address       text NOT NULL DEFAULT '',
    trace         text NOT NULL DEFAULT '',
    claimed_until timestamptz NOT NULL, -- a panel works on it; when that has passed, it is the next one's turn, longest waiting first
    created_at    timestamptz NOT NULL,
    finished_at   timestamptz,
    PRIMARY KEY (tenant_id, id),
    CHECK (done + failed <= total)
);
CREATE INDEX bulk_operation_open ON bulk_operation (claimed_until, id) WHERE status IN ('queued', 'running');
CALL guard_tenant_table('bulk_operation', 'SELECT, INSERT, UPDATE');

CREATE TABLE bulk_item (
    tenant_id     text NOT NULL, -- of the operation
    operation_id  text NOT NULL,
    seq           integer NOT NULL,
    subscriber_id text NOT NULL,
    name          text NOT NULL DEFAULT '',
    state         text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'failed')),
    why           text NOT NULL DEFAULT '',
    PRIMARY KEY (tenant_id, operation_id, seq),
    FOREIGN KEY (tenant_id, operation_id) REFERENCES bulk_operation (tenant_id, id)
);
CREATE INDEX bulk_item_waiting ON bulk_item (operation_id, seq) WHERE state = 'waiting';
CREATE INDEX bulk_item_failed ON bulk_item (operation_id, seq) WHERE state = 'failed';
CALL guard_tenant_table('bulk_item', 'SELECT, INSERT, UPDATE');
