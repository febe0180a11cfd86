package pg_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"culvert/panel/internal/pg/pgtest"
)

var update = flag.Bool("update", false, "rewrite migrations/schema.sql")

// TestMigrationsReplayToTheSchema replays every migration on an empty database and compares the result with schema.sql,
// which is what people read and review. `make schema` refreshes it.
func TestMigrationsReplayToTheSchema(t *testing.T) {
	t.Parallel()
	_, dsn := pgtest.Open(t)
	cmd := exec.Command(pgDump(t), "--schema-only", "--no-owner", "--exclude-table=goose_db_version*", dsn)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("pg_dump: %v", err)
	}
	got := plain(string(out))
	file := filepath.Join("..", "..", "..", "migrations", "schema.sql")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil { //nolint:gosec // a source file
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Fatalf("migrations and schema.sql differ; if the migrations are right: make schema\n%s", d)
	}
}

// pgDump finds the newest installed pg_dump.
func pgDump(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/pg_dump")
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		p, err := exec.LookPath("pg_dump")
		if err != nil {
			t.Fatal("pg_dump is missing: apt-get install postgresql-client")
		}
		return p
	}
	slices.Sort(found)
	return found[len(found)-1]
}

// plain leaves out what depends on the server's or the dump's version, and the names that roles get.
func plain(dump string) string {
	var b strings.Builder
	blank := true
	for line := range strings.Lines(dump) {
		text := strings.TrimRight(line, "\n")
		if strings.HasPrefix(text, "--") || strings.HasPrefix(text, "SET ") || strings.HasPrefix(text, "SELECT pg_catalog.set_config") ||
			strings.HasPrefix(text, `\restrict`) || strings.HasPrefix(text, `\unrestrict`) {
			continue
		}
		text = strings.ReplaceAll(text, "culvert_root", "culvert_owner")
		if text == "" {
			if blank {
				continue
			}
			blank = true
		} else {
			blank = false
		}
		b.WriteString(text + "\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}
