-- +goose Up
-- Which devices of subscribers with a device limit are connected, and where: the limit holds over all nodes. A node says
-- again what it has while it lasts; what it stopped saying is void after a few minutes.
CREATE TABLE device_use (
    tenant_id     text NOT NULL,
    subscriber_id text NOT NULL,
    device        text NOT NULL CHECK (length(device) BETWEEN 1 AND 128),
    node_id       text NOT NULL,
    since         timestamptz NOT NULL,
    seen_at       timestamptz NOT NULL,
    PRIMARY KEY (subscriber_id, device, node_id),
    FOREIGN KEY (tenant_id, subscriber_id) REFERENCES subscriber (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX ON device_use (seen_at);
CALL guard_tenant_table('device_use', 'SELECT');
