-- +goose Up
-- What each tenant moved by hour and node, kept in the transaction that books a report. The ledger has a row for each
-- subscriber, ingress and exit: a month of a large tenant cannot be summed from it while somebody waits. A node's reports
-- touch rows of their own, so that nodes do not wait for each other.
CREATE TABLE traffic_hour (
    tenant_id text NOT NULL REFERENCES tenant (tenant_id),
    hour      timestamptz NOT NULL,
    node_id   text NOT NULL,
    up        bigint NOT NULL CHECK (up >= 0),
    down      bigint NOT NULL CHECK (down >= 0),
    PRIMARY KEY (tenant_id, hour, node_id)
) WITH (fillfactor = 70);

ALTER TABLE ledger NO FORCE ROW LEVEL SECURITY; -- its owner reads all of it, here only
ALTER TABLE usage_open NO FORCE ROW LEVEL SECURITY;
INSERT INTO traffic_hour (tenant_id, hour, node_id, up, down)
SELECT tenant_id, hour, node_id, least(sum(up), 1::numeric * (1::bigint << 61))::bigint, least(sum(down), 1::numeric * (1::bigint << 61))::bigint FROM (
    SELECT tenant_id, date_trunc('hour', at, 'UTC') AS hour, node_id, up, down FROM ledger WHERE kind = 'usage'
    UNION ALL SELECT tenant_id, hour, node_id, up, down FROM usage_open) x
GROUP BY tenant_id, hour, node_id;
ALTER TABLE ledger FORCE ROW LEVEL SECURITY;
ALTER TABLE usage_open FORCE ROW LEVEL SECURITY;
CALL guard_tenant_table('traffic_hour', 'SELECT');

CREATE INDEX job_failed ON job (finished_at) WHERE state IN ('failed', 'expired');
