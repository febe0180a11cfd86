package desired

import (
	"context"
	"slices"
	"strings"

	"culvert/panel/internal/pg"
	"culvert/panel/internal/subscriber"
	"culvert/shared/nodeapi"
	"culvert/shared/protocol"
)

// Peers reads the devices of subscribers that may connect (package device).
type Peers func(ctx context.Context, tx *pg.Tx, ids []string) (map[string][]nodeapi.Peer, error)

// needs is what a node's ingresses must know of a subscriber beyond name and password. A node is told nothing else.
type needs struct {
	hashed []string // families whose secrets it checks
	clear  []string // families whose secrets it computes with
	peers  bool
}

func needsOf(s *nodeapi.Sections) needs {
	var n needs
	for i := range s.Ingresses {
		k, ok := protocol.Lookup(s.Ingresses[i].Kind)
		switch {
		case !ok:
		case k.Family != "" && k.Clear:
			n.clear = append(n.clear, k.Family)
		case k.Family != "":
			n.hashed = append(n.hashed, k.Family)
		}
		n.peers = n.peers || (ok && k.Peers)
	}
	slices.Sort(n.hashed)
	slices.Sort(n.clear)
	n.hashed, n.clear = slices.Compact(n.hashed), slices.Compact(n.clear)
	return n
}

// key is equal for nodes that are told the same.
func (n *needs) key() string {
	k := strings.Join(n.hashed, ",") + "|" + strings.Join(n.clear, ",")
	if n.peers {
		k += "|peers"
	}
	return k
}

// candidate is a subscriber on its way into documents, with the forms that nodes have asked for so far.
type candidate struct {
	view  subscriber.NodeView
	peers []nodeapi.Peer
	forms map[string]form
}

type form struct {
	row nodeapi.Subscriber
	sum [32]byte
}

// candidates reads subscribers as ForNodes does, with their devices.
func (s *Service) candidates(ctx context.Context, tx *pg.Tx, ids []string, after string, limit int) ([]candidate, error) {
	views, err := subscriber.ForNodes(ctx, tx, ids, after, limit)
	if err != nil || len(views) == 0 {
		return nil, err
	}
	found := make([]string, len(views))
	for i := range views {
		found[i] = views[i].Row.ID
	}
	var peers map[string][]nodeapi.Peer
	if s.Peers != nil {
		if peers, err = s.Peers(ctx, tx, found); err != nil {
			return nil, err
		}
	}
	out := make([]candidate, len(views))
	for i := range views {
		out[i] = candidate{view: views[i], peers: peers[found[i]]}
	}
	return out, nil
}

// form returns the row for nodes with these needs.
func (s *Service) form(ctx context.Context, c *candidate, n *needs) (form, error) {
	key := n.key()
	if f, ok := c.forms[key]; ok {
		return f, nil
	}
	f := form{row: c.view.Row}
	f.row.Secrets = nil
	for _, x := range c.view.Row.Secrets {
		switch {
		case slices.Contains(n.clear, x.Family):
			clear, err := subscriber.OpenSecret(ctx, s.vault, f.row.ID, x.Family, c.view.Sealed[x.Family])
			if err != nil {
				return form{}, err
			}
			f.row.Secrets = append(f.row.Secrets, nodeapi.Secret{Family: x.Family, Clear: clear})
		case slices.Contains(n.hashed, x.Family):
			f.row.Secrets = append(f.row.Secrets, x)
		}
	}
	if n.peers {
		f.row.Peers = c.peers
	}
	f.sum = f.row.Digest()
	if c.forms == nil {
		c.forms = map[string]form{}
	}
	c.forms[key] = f
	return f, nil
}
