// Package reach answers which ingresses a subscriber may use now: the enabled ones, of protocols it may speak, on active
// nodes of its node groups. The rows are the operator's and invisible to resellers' transactions, so it reads as the
// installation; who asks has been checked before.
package reach

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"culvert/panel/internal/errs"
	"culvert/panel/internal/network"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/subscriber"
	"culvert/panel/internal/vault"
	"culvert/shared/nodeapi"
)

// Place is an ingress as its users see it.
type Place struct {
	ID          string // of the ingress
	Name        string
	Kind        string
	Listen      netip.AddrPort
	Options     network.Options // normalized, in clear
	Node        Node
	Certificate *Certificate // nil: it speaks no TLS
}

// Node is where a place is.
type Node struct {
	ID     string
	Name   string
	Host   string // address that subscribers dial; may be empty
	Region string
}

// Certificate is what a place shows.
type Certificate struct {
	SelfSigned bool
	SHA256     []byte
	Names      []string
	Chain      string // PEM
}

// View is what may be reached by whom.
type View struct {
	subscriber.NodeView
	Places []Place // in order of node and name; also those of a subscriber who may not connect now
}

// Of returns a subscriber's view. tx is the installation's. No kinds means all.
func Of(ctx context.Context, tx *pg.Tx, v *vault.Vault, sid string, kinds ...string) (*View, error) {
	views, err := subscriber.ForNodes(ctx, tx, []string{sid}, "", 1)
	if err != nil {
		return nil, err
	}
	if len(views) == 0 {
		return nil, errs.NotFound("user", sid)
	}
	out := &View{NodeView: views[0]}
	allowed := out.Row.Protocols
	if len(kinds) > 0 {
		allowed = slices.DeleteFunc(slices.Clone(allowed), func(k string) bool { return !slices.Contains(kinds, k) })
	}
	sealed := map[string][]byte{}
	err = tx.Query(ctx, `SELECT g.id, g.name, g.kind, g.listen, g.options, n.id, n.name, n.host, n.region,
		coalesce(c.source, ''), coalesce(c.sha256, ''), coalesce(c.names, '{}'), coalesce(c.chain, '')
		FROM ingress g JOIN node n ON n.id = g.node_id LEFT JOIN certificate c ON c.id = g.certificate_id
		WHERE g.enabled AND g.fault = '' AND n.status = 'active' AND g.kind = ANY($1)
		AND ($2::text[] = '{}' OR EXISTS (SELECT FROM node_group_member m WHERE m.node_id = n.id AND m.group_id = ANY($2)))
		ORDER BY n.name, g.name, g.id`, []any{allowed, pg.Strings(out.NodeGroups)}, func(r pg.Row) error {
		p, options, err := scan(r)
		if err != nil {
			return err
		}
		sealed[p.ID] = options
		out.Places = append(out.Places, p)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range out.Places {
		p := &out.Places[i]
		if p.Options, err = network.OpenOptions(ctx, v, p.ID, sealed[p.ID]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func scan(r pg.Row) (Place, []byte, error) {
	var p Place
	var c Certificate
	var listen, source string
	var options []byte
	err := r.Scan(&p.ID, &p.Name, &p.Kind, &listen, &options, &p.Node.ID, &p.Node.Name, &p.Node.Host, &p.Node.Region,
		&source, &c.SHA256, pg.Array(&c.Names), &c.Chain)
	if err != nil {
		return p, nil, err
	}
	if p.Listen, err = nodeapi.ParseListen(listen); err != nil {
		return p, nil, fmt.Errorf("ingress %s: %w", p.ID, err)
	}
	if source != "" {
		c.SelfSigned = source == "self_signed"
		c.SHA256 = slices.Clone(c.SHA256)
		p.Certificate = &c
	}
	return p, slices.Clone(options), nil
}

// Find returns the place of an ingress, by id.
func (v *View) Find(ingress string) (*Place, bool) {
	i := slices.IndexFunc(v.Places, func(p Place) bool { return p.ID == ingress })
	if i < 0 {
		return nil, false
	}
	return &v.Places[i], true
}

// On returns the first place on a node, by name or id.
func (v *View) On(node string) (*Place, bool) {
	i := slices.IndexFunc(v.Places, func(p Place) bool { return p.Node.ID == node || p.Node.Name == node })
	if i < 0 {
		return nil, false
	}
	return &v.Places[i], true
}
