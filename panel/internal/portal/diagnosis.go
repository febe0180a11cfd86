package portal

import (
	"context"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/identity"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/reach"
	"culvert/panel/internal/subscriber"
)

// Finding is one reason why a connection may fail. Pages put codes into words.
type Finding struct {
	Code     string     `json:"code" enum:"suspended,expired,on_hold,limited,devices_full,kicked,wrong_password_recently,no_ingress,ingress_fault,node_offline,ok"`
	Blocking bool       `json:"blocking" doc:"nothing connects while it lasts"`
	Reason   string     `json:"reason,omitempty" doc:"suspended: manual, overdue, quota, abuse or expired"`
	Until    *time.Time `json:"until,omitempty" doc:"limited: when the period ends; kicked: when one may come back; on_hold: first use must come before"`
	Since    *time.Time `json:"since,omitempty" doc:"expired: when; wrong_password_recently: the last one; node_offline: last seen"`
	Count    int64      `json:"count,omitempty" doc:"devices_full: in use; wrong_password_recently: how many"`
	Limit    int64      `json:"limit,omitempty" doc:"devices_full"`
	Node     string     `json:"node,omitempty"`
	Ingress  string     `json:"ingress,omitempty"`
	Protocol string     `json:"protocol,omitempty"`
}

// Bounds of what counts as recent.
const (
	kickBlock   = time.Minute // as agents keep out whom a kick ended
	failuresFor = time.Hour
)

// Diagnosis says why the visitor may be unable to connect, what blocks everything first; ok alone when nothing is wrong.
func (s *Service) Diagnosis(ctx context.Context, a actor.Actor) ([]Finding, error) {
	self, err := s.Self(ctx, a)
	if err != nil {
		return nil, err
	}
	out := ofStatus(self.Subscriber, time.Now())
	if limit := int64(self.Devices); limit > 0 && self.DevicesInUse >= limit {
		out = append(out, Finding{Code: "devices_full", Count: self.DevicesInUse, Limit: limit})
	}
	err = s.DB.InSystem(ctx, func(tx *pg.Tx) error {
		more, err := s.recent(ctx, tx, self, a.Address)
		if err != nil {
			return err
		}
		places, err := s.places(ctx, tx, a.ID)
		out = append(append(out, more...), places...)
		return err
	})
	if err == nil && len(out) == 0 {
		out = append(out, Finding{Code: "ok"})
	}
	return out, err
}

// ofStatus is what the subscriber's own state says.
func ofStatus(sub *subscriber.Subscriber, now time.Time) []Finding {
	switch {
	case sub.Status == subscriber.Suspended:
		return []Finding{{Code: "suspended", Blocking: true, Reason: sub.Reason}}
	case sub.Status == subscriber.Expired, sub.ExpiresAt != nil && !now.Before(*sub.ExpiresAt):
		return []Finding{{Code: "expired", Blocking: true, Since: sub.ExpiresAt}}
	case sub.Status == subscriber.Limited:
		return []Finding{{Code: "limited", Blocking: true, Until: sub.NextReset}}
	case sub.Status == subscriber.OnHold:
		return []Finding{{Code: "on_hold", Until: sub.HoldDeadline}}
	}
	return nil
}

// recent is what happened a moment ago. tx is the installation's.
func (s *Service) recent(ctx context.Context, tx *pg.Tx, self *Self, address string) ([]Finding, error) {
	var out []Finding
	var kicked *time.Time
	if _, err := tx.One(ctx, `SELECT max(at) FROM audit WHERE tenant_id = $1 AND object = $2 AND action = 'subscriber.kick' AND at > $3`,
		[]any{self.TenantID, "subscriber/" + self.ID, tx.Now.Add(-kickBlock)}, &kicked); err != nil {
		return nil, err
	}
	if kicked != nil {
		until := kicked.Add(kickBlock)
		out = append(out, Finding{Code: "kicked", Until: &until})
	}
	var failures int64
	var last *time.Time
	if _, err := tx.One(ctx, `SELECT coalesce(max(failures), 0)::bigint, max(seen_at) FROM throttle WHERE key = ANY($1) AND seen_at > $2 AND seen_at <= $3 AND failures > 0`,
		[]any{identity.FailureKeys(accountKey(self.Name, self.Realm), address), tx.Now.Add(-failuresFor), tx.Now}, &failures, &last); err != nil {
		return nil, err
	}
	if failures > 0 {
		out = append(out, Finding{Code: "wrong_password_recently", Count: failures, Since: last})
	}
	return out, nil
}

// places is what the servers' side says: whether there is one, and which do not serve.
func (s *Service) places(ctx context.Context, tx *pg.Tx, sid string) ([]Finding, error) {
	view, err := reach.Of(ctx, tx, s.Vault, sid)
	if err != nil {
		return nil, err
	}
	var out []Finding
	err = tx.Query(ctx, `SELECT n.name, g.name, g.kind FROM ingress g JOIN node n ON n.id = g.node_id
		WHERE g.enabled AND g.fault <> '' AND n.status = 'active' AND g.kind = ANY($1)
		AND ($2::text[] = '{}' OR EXISTS (SELECT FROM node_group_member m WHERE m.node_id = n.id AND m.group_id = ANY($2))) ORDER BY 1, 2`,
		[]any{view.Row.Protocols, pg.Strings(view.NodeGroups)}, func(r pg.Row) error {
			f := Finding{Code: "ingress_fault", Blocking: len(view.Places) == 0}
			err := r.Scan(&f.Node, &f.Ingress, &f.Protocol)
			out = append(out, f)
			return err
		})
	if err != nil {
		return nil, err
	}
	if len(view.Places) == 0 {
		return append([]Finding{{Code: "no_ingress", Blocking: true}}, out...), nil
	}
	nodes := map[string]bool{}
	for i := range view.Places {
		nodes[view.Places[i].Node.ID] = true
	}
	ids := make([]string, 0, len(nodes))
	for nid := range nodes {
		ids = append(ids, nid)
	}
	away := 0
	from := len(out)
	err = tx.Query(ctx, "SELECT name, seen_at FROM node WHERE id = ANY($1) AND (seen_at IS NULL OR seen_at < $2) ORDER BY name",
		[]any{ids, tx.Now.Add(-s.Online)}, func(r pg.Row) error {
			f := Finding{Code: "node_offline"}
			err := r.Scan(&f.Node, &f.Since)
			out = append(out, f)
			away++
			return err
		})
	for i := from; i < len(out); i++ {
		out[i].Blocking = away == len(ids)
	}
	return out, err
}
