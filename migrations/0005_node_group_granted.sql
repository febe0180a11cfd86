-- +goose Up
-- Groups belong to the operator and are invisible to resellers. A reseller's transaction may ask one question about them:
-- is this group granted to that tenant of mine? A grant holds only if every tenant above grants it too.
-- +goose StatementBegin
CREATE FUNCTION node_group_granted(tenant text, group_id text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM node_group g JOIN tenant r ON r.tenant_id = g.tenant_id AND r.parent_id IS NULL WHERE g.id = $2)
       AND (current_tenant() IS NULL
            OR EXISTS (SELECT FROM tenant_closure WHERE ancestor = current_tenant() AND descendant = $1))
       AND EXISTS (SELECT FROM tenant t WHERE t.tenant_id = $1)
       AND NOT EXISTS (SELECT FROM tenant_closure c JOIN tenant t ON t.tenant_id = c.ancestor
                       WHERE c.descendant = $1 AND t.parent_id IS NOT NULL
                         AND cardinality(t.node_groups) > 0 AND NOT $2 = ANY (t.node_groups))
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION node_group_granted(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION node_group_granted(text, text) TO culvert_app, culvert_system;
-- The function runs as the owner, whom FORCE holds too.
CREATE POLICY owner_reads ON node_group FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY owner_reads ON tenant FOR SELECT TO CURRENT_USER USING (true);
