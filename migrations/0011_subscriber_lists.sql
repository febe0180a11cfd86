-- +goose Up
-- Listings of subscribers in the orders that people ask for, each page from an index. Creation is the order of ids. By use has
-- none: every report would write it, which costs a third of what a panel takes in; it sorts the totals of a tenant instead.
CREATE INDEX subscriber_by_expiry ON subscriber (tenant_id, (coalesce(expires_at, 'infinity')), id);
CREATE INDEX session_record_online ON session_record (subscriber_id) WHERE closed_at IS NULL;

-- Whoever owns the tables reads them in the functions below, which hold the rule of the subtree themselves.
CREATE POLICY owner_reads ON usage_total FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY owner_reads ON session_record FOR SELECT TO CURRENT_USER USING (true);
DROP FUNCTION subscriber_search(text, text, text, text, text, text, timestamptz, integer);

-- +goose StatementBegin
-- The condition of a listing, of rows s; the numbers of the parameters are those of its two callers.
CREATE FUNCTION subscriber_condition(pattern text, online boolean) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT $q$ ($3 = '' OR s.status = $3) AND ($4 = '' OR s.plan_id = $4) AND ($5 = '' OR s.external_id = $5)
        AND ($6 IS NULL OR s.expires_at < $6) AND ($7 = '' OR s.name = $7) $q$
    || CASE WHEN pattern = '' THEN '' ELSE
        $q$ AND (s.name || ' ' || s.email || ' ' || s.full_name || ' ' || coalesce(s.external_id, '')) ILIKE $1 $q$ END
    || CASE online WHEN true THEN ' AND ' WHEN false THEN ' AND NOT ' ELSE '' END
    || CASE WHEN online IS NULL THEN '' ELSE $q$ EXISTS (SELECT FROM session_record r WHERE r.subscriber_id = s.id AND r.closed_at IS NULL) $q$ END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- Row security keeps what is not leakproof away from indexes, so a search would read every row. This function holds the same
-- rule itself, the subtree of the transaction's tenant, and returns ids only: reading them is up to the policy. A page is
-- gathered from each tenant's own index: how long that takes is a matter of the subtree, not of the installation.
CREATE FUNCTION subscriber_find(pattern text, only_tenant text, state text, plan text, external text, before timestamptz, named text,
    online boolean, sort text, backwards boolean, after_key text, after_id text, most integer)
RETURNS SETOF text LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    condition CONSTANT text := subscriber_condition(pattern, online);
    trees CONSTANT text := $q$ (SELECT descendant FROM tenant_closure WHERE ancestor = current_tenant() AND ($2 = '' OR descendant = $2)) t $q$;
    source CONSTANT text := CASE sort WHEN 'used' THEN 'usage_total u JOIN subscriber s ON s.id = u.subscriber_id' ELSE 'subscriber s' END;
    owner CONSTANT text := CASE sort WHEN 'used' THEN 'u.tenant_id' ELSE 's.tenant_id' END;
    key CONSTANT text := CASE sort WHEN 'name' THEN 's.name' WHEN 'expires_at' THEN $q$coalesce(s.expires_at, 'infinity')$q$
        WHEN 'used' THEN '(u.up + u.down)' ELSE 's.id' END;
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
END $$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION subscriber_find(text, text, text, text, text, timestamptz, text, boolean, text, boolean, text, text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION subscriber_find(text, text, text, text, text, timestamptz, text, boolean, text, boolean, text, text, integer) TO culvert_app;

-- +goose StatementBegin
-- How many rows subscriber_find would find, up to most.
CREATE FUNCTION subscriber_count(pattern text, only_tenant text, state text, plan text, external text, before timestamptz, named text,
    online boolean, most integer)
RETURNS bigint LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    n bigint;
BEGIN
    EXECUTE format($q$ SELECT count(*) FROM (SELECT FROM subscriber s WHERE s.tenant_id IN (SELECT descendant FROM tenant_closure
        WHERE ancestor = current_tenant() AND ($2 = '' OR descendant = $2)) AND %s LIMIT $8) x $q$, subscriber_condition(pattern, online))
        INTO n USING pattern, only_tenant, state, plan, external, before, named, most;
    RETURN n;
END $$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION subscriber_count(text, text, text, text, text, timestamptz, text, boolean, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION subscriber_count(text, text, text, text, text, timestamptz, text, boolean, integer) TO culvert_app;
