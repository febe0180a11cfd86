package network_test

import (
	"context"
	"strings"
	"testing"

	"culvert/panel/internal/network"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/subscriber/subscribertest"
)

// The operator is told when an AEAD port of Shadowsocks has more subscribers than are found quickly; the 2022 edition says
// whose a connection is.
func TestCrowdedIngress(t *testing.T) {
	t.Parallel()
	w, ctx := subscribertest.New(t), context.Background()
	net := &network.Service{DB: w.DB, Vault: w.Vault}
	node := w.Node(t, "n1")
	add := func(name, listen, options string) string {
		g, err := net.Create(ctx, w.Operator, network.Ingress{NodeID: node, Kind: "shadowsocks", Name: name, Listen: listen, Enabled: true, Options: network.Options(options)})
		if err != nil || g.Warnings == nil {
			t.Fatalf("%+v, %v", g, err)
		}
		return g.ID
	}
	old, modern := add("old", ":8388", `{"method": "aes-256-gcm"}`), add("new", ":8389", `{}`)
	like := w.Subscriber(t, w.Reseller(t, "acme"), "ann", nil)
	crowd := func(n int) {
		if err := w.DB.InSystem(ctx, func(tx *pg.Tx) error {
			if _, err := tx.Exec(ctx, `INSERT INTO subscriber SELECT (jsonb_populate_record(s, jsonb_build_object('id', 'sub_' || lpad(g::text, 26, '0'),
				'name', 'user' || g, 'alone', false))).* FROM subscriber s, generate_series(1, $1) g WHERE s.id = $2`, n, like.ID); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, `INSERT INTO desired_subscriber (node_id, subscriber_id, revision, digest, row)
				SELECT $1, id, 1, '', '' FROM subscriber WHERE id <> $2`, node, like.ID)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	warnings := func(id string) []string {
		g, err := net.Get(ctx, w.Operator, id)
		if err != nil {
			t.Fatal(err)
		}
		return g.Warnings
	}
	if got := warnings(old); len(got) != 0 {
		t.Errorf("nobody there: %q", got)
	}
	crowd(301)
	if got := warnings(old); len(got) != 1 || !strings.Contains(got[0], "301 subscribers") || !strings.Contains(got[0], "2022") {
		t.Errorf("301 on an AEAD port: %q", got)
	}
	if got := warnings(modern); len(got) != 0 {
		t.Errorf("301 on a 2022 port: %q", got)
	}
	l, err := net.List(ctx, w.Operator, node, "", 10)
	if err != nil || len(l) != 2 || len(l[0].Warnings)+len(l[1].Warnings) != 1 {
		t.Errorf("%+v, %v", l, err)
	}
}
