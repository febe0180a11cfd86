package pg_test

import (
	"context"
	"testing"

	"culvert/migrations"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/pg/pgtest"
	"culvert/shared/id"
)

func addTenant(t *testing.T, db *pg.DB, parent any, realm string) string {
	t.Helper()
	tid := id.New(id.Tenant)
	err := db.InSystem(context.Background(), func(tx *pg.Tx) error {
		_, err := tx.Exec(context.Background(), `INSERT INTO tenant (tenant_id, parent_id, name, realm, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $5)`, tid, parent, "t "+realm, realm, tx.Now)
		return err
	})
	if err != nil {
		t.Fatalf("add tenant: %v", err)
	}
	return tid
}

func visible(t *testing.T, db *pg.DB, tenant string) map[string]bool {
	t.Helper()
	got := map[string]bool{}
	err := db.InTenant(context.Background(), tenant, func(tx *pg.Tx) error {
		return tx.Query(context.Background(), "SELECT tenant_id FROM tenant", nil, func(r pg.Row) error {
			var s string
			if err := r.Scan(&s); err != nil {
				return err
			}
			got[s] = true
			return nil
		})
	})
	if err != nil {
		t.Fatalf("list tenants: %v", err)
	}
	return got
}

func TestTenantSeesItsSubtreeOnly(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	root := addTenant(t, db, nil, "")
	a := addTenant(t, db, root, "a")
	b := addTenant(t, db, root, "b")
	a1 := addTenant(t, db, a, "a1")
	for _, c := range []struct {
		name, as string
		want     []string
	}{
		{"root sees all", root, []string{root, a, b, a1}},
		{"reseller sees own subtree", a, []string{a, a1}},
		{"sibling sees itself", b, []string{b}},
		{"leaf sees itself", a1, []string{a1}},
		{"unknown tenant sees nothing", id.New(id.Tenant), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := visible(t, db, c.as)
			if len(got) != len(c.want) {
				t.Fatalf("sees %v, want %v", got, c.want)
			}
			for _, w := range c.want {
				if !got[w] {
					t.Errorf("does not see %s", w)
				}
			}
		})
	}
}

func TestTenantCannotWriteOutsideItsSubtree(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	root := addTenant(t, db, nil, "")
	a := addTenant(t, db, root, "a")
	b := addTenant(t, db, root, "b")
	ctx := context.Background()
	insert := func(parent string) error {
		return db.InTenant(ctx, a, func(tx *pg.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO tenant (tenant_id, parent_id, name, realm, created_at, updated_at)
				VALUES ($1, $2, 'x', $3, $4, $4)`, id.New(id.Tenant), parent, id.New("tst")[4:20], tx.Now)
			return err
		})
	}
	if err := insert(a); err != nil {
		t.Fatalf("own child: %v", err)
	}
	for name, parent := range map[string]string{"parent": root, "sibling": b} {
		if insert(parent) == nil {
			t.Errorf("a tenant made a child of its %s", name)
		}
	}
	err := db.InTenant(ctx, a, func(tx *pg.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE tenant SET name = 'stolen' WHERE tenant_id = $1", b)
		if n != 0 {
			t.Error("a tenant changed its sibling")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, stmt := range map[string]string{
		"become system":    "SET ROLE culvert_system",
		"read closure all": "SELECT 1/(SELECT count(*) FROM tenant_closure WHERE ancestor <> current_tenant())",
		"read throttle":    "SELECT * FROM throttle",
		"read data keys":   "SELECT * FROM data_key",
		"edit closure":     "INSERT INTO tenant_closure VALUES (current_tenant(), 'x', 1)",
	} {
		err := db.InTenant(ctx, a, func(tx *pg.Tx) error {
			_, err := tx.Exec(ctx, stmt)
			return err
		})
		if err == nil {
			t.Errorf("%s: was allowed", name)
		}
	}
}

func TestWithoutTenantNothingIsVisible(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	addTenant(t, db, nil, "")
	if err := db.InTenant(context.Background(), "", func(*pg.Tx) error { return nil }); !errs.Is(err, errs.Unauthorized) {
		t.Fatalf("an empty tenant gives %v", err)
	}
}

// globalTables are not a tenant's. Each has its reason, and the application role must have no rights on it.
func globalTables() map[string]string {
	return map[string]string{
		"tenant_closure":     "the tree itself; its own policy shows a tenant its row set",
		"throttle":           "failed sign-ins, before a tenant is known",
		"installation":       "keys of the installation",
		"data_key":           "wrapped data keys",
		"report":             "numbers of nodes' reports; one report may span tenants",
		"unbooked_usage":     "usage without a subscriber; operator's view only",
		"desired_state":      "compiled documents hold every tenant's credentials",
		"desired_subscriber": "compiled documents hold every tenant's credentials",
		"device_number_free": "numbers that devices of any tenant gave back",
		"profile_stamp":      "one number for the installation",
		"goose_db_version":   "the migrations' own",
	}
}

func TestEveryTenantTableHasAPolicy(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ctx := context.Background()
	const q = `SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity,
		EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND a.attnotnull),
		EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname IN ('tenant_subtree')),
		has_table_privilege('culvert_app', c.oid, 'SELECT,INSERT,UPDATE,DELETE'),
		c.relispartition, pg_get_userbyid(c.relowner)
		FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')`
	seen := 0
	err := db.InSystem(ctx, func(tx *pg.Tx) error {
		return tx.Query(ctx, q, nil, func(r pg.Row) error {
			var table, owner string
			var forced, hasTenant, policy, appRights, partition bool
			if err := r.Scan(&table, &forced, &hasTenant, &policy, &appRights, &partition, &owner); err != nil {
				return err
			}
			seen++
			if owner == "culvert_app" || owner == "culvert_system" {
				t.Errorf("%s belongs to a serving role", table)
			}
			switch reason, global := globalTables()[table]; {
			case partition:
				if appRights {
					t.Errorf("partition %s is granted directly: the parent's policy would not hold", table)
				}
			case global:
				if appRights && table != "tenant_closure" {
					t.Errorf("%s is global (%s) but the application role has rights on it", table, reason)
				}
			case !hasTenant:
				t.Errorf("%s has no tenant_id NOT NULL and is not in the global list", table)
			case !forced || !policy:
				t.Errorf("%s: row security is not forced, or it has no tenant policy", table)
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 20 {
		t.Fatalf("the catalogue shows %d tables: the query is wrong", seen)
	}
}

func TestMigrateTwiceIsANoOp(t *testing.T) {
	t.Parallel()
	_, dsn := pgtest.Open(t)
	if err := pg.Migrate(context.Background(), pg.Config{DSN: dsn, RoleKey: []byte(pgtest.RoleKey)}, migrations.FS); err != nil {
		t.Fatal(err)
	}
}

func TestTranslateKinds(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ctx := context.Background()
	addTenant(t, db, nil, "")
	for _, c := range []struct {
		name, stmt string
		want       errs.Kind
	}{
		{"duplicate", "INSERT INTO tenant_closure SELECT * FROM tenant_closure", errs.Conflict},
		{"foreign key", "INSERT INTO api_setting (tenant_id) VALUES ('tnt_missing')", errs.InUse},
		{"syntax", "SELEC 1", errs.Internal},
	} {
		err := db.InSystem(ctx, func(tx *pg.Tx) error { _, err := tx.Exec(ctx, c.stmt); return err })
		if got := errs.KindOf(err); err == nil || got != c.want {
			t.Errorf("%s: kind %v (%v), want %v", c.name, got, err, c.want)
		}
	}
}

func TestArrayScan(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ctx := context.Background()
	var text []string
	var nums []int64
	err := db.InSystem(ctx, func(tx *pg.Tx) error {
		_, err := tx.One(ctx, `SELECT $1::text[], ARRAY[1,2]::bigint[]`, []any{[]string{"a,b", `c"d`, ""}}, pg.Array(&text), pg.Array(&nums))
		return err
	})
	if err != nil || len(text) != 3 || text[0] != "a,b" || text[1] != `c"d` || len(nums) != 2 || nums[1] != 2 {
		t.Fatalf("got %q %v, %v", text, nums, err)
	}
}
