package state

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"culvert/shared/id"
	"culvert/shared/nodeapi"
)

func mustOpen(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func document() *nodeapi.Update {
	return &nodeapi.Update{
		Node: id.New(id.Node), Revision: 1, Hash: "h1", Capability: 1,
		Settings: &nodeapi.Settings{ReportIntervalMS: 1000}, Ingresses: &[]nodeapi.Ingress{}, Certificates: &[]nodeapi.Certificate{{ID: "c", Key: "PRIVATE"}},
		Subscribers: []nodeapi.Subscriber{{ID: "a", Name: "a"}, {ID: "b", Name: "b"}},
	}
}

func never() *nodeapi.Update { panic("asked for the whole document without need") }

func delta(base int64, rows []nodeapi.Subscriber, gone ...string) *nodeapi.Update {
	return &nodeapi.Update{Base: base, Revision: base + 1, Hash: fmt.Sprint("h", base+1), Capability: 1, Subscribers: rows, Removed: gone}
}

// fill stores a document and three updates, and returns what must come back.
func fill(t testing.TB, dir string) *nodeapi.Update {
	t.Helper()
	s := mustOpen(t, dir)
	doc := document()
	steps := []*nodeapi.Update{
		doc,
		delta(1, []nodeapi.Subscriber{{ID: "c", Name: "c"}}),
		delta(2, []nodeapi.Subscriber{{ID: "a", Name: "a2"}}, "b"),
		delta(3, nil),
	}
	steps[3].Settings = &nodeapi.Settings{ReportIntervalMS: 9000}
	for i, u := range steps {
		full := never
		if i == 0 {
			full = func() *nodeapi.Update { return doc }
		}
		if err := s.Save(u, full); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want := *doc
	want.Revision, want.Hash, want.Settings = 4, "h4", steps[3].Settings
	want.Subscribers = []nodeapi.Subscriber{{ID: "a", Name: "a2"}, {ID: "c", Name: "c"}}
	return &want
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if doc, err := mustOpen(t, dir).Load(); doc != nil || err != nil {
		t.Fatalf("an empty store has %v, %v", doc, err)
	}
	want := fill(t, dir)
	for range 2 {
		s := mustOpen(t, dir)
		got, err := s.Load()
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
		if err := s.Save(delta(want.Revision, nil), never); err != nil { // after a load, one row costs one record
			t.Fatal(err)
		}
		want.Revision++
		want.Hash = fmt.Sprint("h", want.Revision)
	}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte("PRIVATE")) || bytes.Contains(b, []byte(`"a2"`)) {
			t.Errorf("%s holds clear text", path)
		}
		if fi, serr := d.Info(); serr != nil || fi.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", path, fi.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Whatever is done to the files, loading gives a true earlier state or nothing, and saying so; never a mixture.
func TestDamage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want := fill(t, dir)
	logs, err := filepath.Glob(filepath.Join(dir, logPrefix+"*"))
	if err != nil || len(logs) != 1 {
		t.Fatalf("%v, %v", logs, err)
	}
	for _, path := range []string{filepath.Join(dir, snapFile), logs[0]} {
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for cut := 0; cut < len(whole); cut += 5 {
			for _, flip := range []bool{false, true} {
				b := bytes.Clone(whole)
				if flip {
					b[cut] ^= 1
				} else {
					b = b[:cut]
				}
				if err := os.WriteFile(path, b, 0o600); err != nil {
					t.Fatal(err)
				}
				s := mustOpen(t, dir)
				doc, problem := s.Load()
				if doc == nil && problem == nil || flip && problem == nil {
					t.Fatalf("%s at %d, flip %v: damage went unnoticed", filepath.Base(path), cut, flip)
				}
				if doc != nil && (doc.Revision > want.Revision || doc.Hash != fmt.Sprint("h", doc.Revision)) {
					t.Fatalf("a document that never was: %+v", doc)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := mustOpen(t, dir).Load()
	if err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("reading damaged the store: %v", err)
	}
}

func TestAfterDamageASnapshotHeals(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want := fill(t, dir)
	logs, _ := filepath.Glob(filepath.Join(dir, logPrefix+"*"))
	if err := os.Truncate(logs[0], 30); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, dir)
	if doc, problem := s.Load(); problem == nil || doc.Revision != 1 {
		t.Fatalf("%+v, %v", doc, problem)
	}
	if err := s.Save(delta(1, nil), func() *nodeapi.Update { return want }); err != nil {
		t.Fatal(err)
	}
	if got, err := mustOpen(t, dir).Load(); err != nil || got.Revision != want.Revision {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestFailedSaveIsMadeGood(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want := fill(t, dir)
	s := mustOpen(t, dir)
	if _, err := s.Load(); err != nil {
		t.Fatal(err)
	}
	if err := s.file.Close(); err != nil {
		t.Fatal(err)
	}
	if s.Save(delta(4, nil), never) == nil {
		t.Fatal("saved into a closed file")
	}
	next := *want
	next.Revision, next.Hash = 6, "h6"
	if err := s.Save(delta(5, nil), func() *nodeapi.Update { return &next }); err != nil {
		t.Fatal(err)
	}
	if got, err := mustOpen(t, dir).Load(); err != nil || got.Revision != 6 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestLogIsFoldedIn(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, t.TempDir())
	doc := document()
	full := func() *nodeapi.Update { return doc }
	if err := s.Save(doc, full); err != nil {
		t.Fatal(err)
	}
	big := []nodeapi.Subscriber{{ID: "x", Name: strings.Repeat("x", compactAfter/4)}}
	snaps := 0
	for i := range int64(12) {
		id := s.id
		if err := s.Save(delta(i+1, big), full); err != nil {
			t.Fatal(err)
		}
		if id != s.id {
			snaps++
		}
	}
	if logs, _ := filepath.Glob(filepath.Join(s.dir, logPrefix+"*")); snaps != 2 || len(logs) != 1 {
		t.Errorf("%d snapshots, logs %v", snaps, logs)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fill(t, dir)
	key := filepath.Join(dir, keyFile)
	good, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(key, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, nil); err == nil {
		t.Error("a key of the wrong length was taken")
	}
	if err := os.WriteFile(key, bytes.Replace(good, good[:1], []byte("x"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, nil); err == nil {
		t.Error("a key that is not hexadecimal was taken")
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if doc, problem := mustOpen(t, dir).Load(); doc != nil || problem == nil {
		t.Errorf("opened with another key: %v", problem)
	}
}

func TestKeep(t *testing.T) {
	t.Parallel()
	dir, ing := t.TempDir(), id.New(id.Ingress)
	made := 0
	fresh := func() ([]byte, error) { made++; return fmt.Appendf(nil, "value %d", made), nil }
	for range 2 {
		if v, err := mustOpen(t, dir).Keep(ing, "reset-key", fresh); err != nil || string(v) != "value 1" {
			t.Fatalf("%q, %v", v, err)
		}
	}
	s := mustOpen(t, dir)
	path := filepath.Join(dir, keepDir, ing+".reset-key")
	other := filepath.Join(dir, keepDir, ing+".other")
	if b, err := os.ReadFile(path); err != nil || os.WriteFile(other, b, 0o600) != nil {
		t.Fatal(err)
	}
	if v, err := s.Keep(ing, "other", fresh); err != nil || string(v) != "value 2" {
		t.Errorf("a value that was moved is %q, %v", v, err)
	}
	for _, bad := range []string{"", "../x", "A", strings.Repeat("a", 41)} {
		if _, err := s.Keep(ing, bad, fresh); err == nil {
			t.Errorf("name %q was taken", bad)
		}
	}
	if _, err := s.Keep("../../etc", "x", fresh); err == nil {
		t.Error("an ingress id was not checked")
	}
	broken := errors.New("no entropy")
	if _, err := s.Keep(ing, "z", func() ([]byte, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func FuzzReplay(f *testing.F) {
	dir := f.TempDir()
	fill(f, dir)
	logs, _ := filepath.Glob(filepath.Join(dir, logPrefix+"*"))
	b, _ := os.ReadFile(logs[0])
	f.Add(b)
	f.Add([]byte{255, 255, 255, 0, 1})
	s := mustOpen(f, dir)
	f.Fuzz(func(_ *testing.T, b []byte) {
		s.records = 0
		_ = s.replay(bytes.NewReader(b), newMerger(document()))
	})
}
