package desired_test

import (
	"context"
	"io"
	"testing"

	"culvert/panel/internal/pg"
)

// BenchmarkFullDocument writes the whole document of a node with 10,000 subscribers, as a full sync does. The agent's half is
// in agent/internal/engine.
func BenchmarkFullDocument(b *testing.B) {
	w := newWorld(b)
	ctx := context.Background()
	acme := w.Reseller(b, "acme")
	s := w.Subscriber(b, acme, "ann", nil)
	err := w.DB.InSystem(ctx, func(tx *pg.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO subscriber SELECT (jsonb_populate_record(s, jsonb_build_object('id', 'sub_' || lpad(g::text, 26, '0'),
			'name', 'user' || g, 'alone', false))).* FROM subscriber s, generate_series(1, 9999) g WHERE s.id = $1`, s.ID)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := w.desired.CompileNode(ctx, w.node); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for range b.N {
		rows := 0
		if err := w.desired.Write(ctx, w.node, 0, "", func(n int) io.Writer { rows = n; return io.Discard }); err != nil || rows != 10_000 {
			b.Fatalf("%d rows: %v", rows, err)
		}
	}
}

// TestASlowNodeHoldsNothing: however many documents wait for nodes that do not read, the database serves everybody else.
func TestASlowNodeHoldsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	acme := w.Reseller(t, "acme")
	s := w.Subscriber(t, acme, "ann", nil)
	err := w.DB.InSystem(ctx, func(tx *pg.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO subscriber SELECT (jsonb_populate_record(s, jsonb_build_object('id', 'sub_' || lpad(g::text, 26, '0'),
			'name', 'user' || g, 'alone', false))).* FROM subscriber s, generate_series(1, 2999) g WHERE s.id = $1`, s.ID)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.desired.CompileNode(ctx, w.node); err != nil {
		t.Fatal(err)
	}
	const slow = 40 // more than there are connections
	reached, goOn := make(chan int, slow), make(chan struct{})
	done := make(chan error, slow)
	for i := range slow {
		since := int64(0)
		if i%2 == 0 {
			since = 1 << 40 // ahead of the panel: everything, too
		}
		go func() {
			done <- w.desired.Write(ctx, w.node, since, "x", func(rows int) io.Writer {
				reached <- rows
				<-goOn
				return io.Discard
			})
		}()
	}
	for range slow {
		if rows := <-reached; rows != 3000 {
			t.Fatalf("%d rows", rows)
		}
	}
	if _, err := w.desired.Wanted(ctx, w.node); err != nil {
		t.Errorf("while %d nodes read slowly: %v", slow, err)
	}
	close(goOn)
	for range slow {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
