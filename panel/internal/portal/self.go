package portal

import (
	"context"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/profile"
	"culvert/panel/internal/subscriber"
	"culvert/panel/internal/usage"
	"culvert/shared/unit"
)

// Self is what a subscriber sees of themselves.
type Self struct {
	*subscriber.Subscriber
	Login        string // as protocols with a user name want it
	DevicesInUse int64
	Realm        string
}

// Self returns the visitor.
func (s *Service) Self(ctx context.Context, a actor.Actor) (*Self, error) {
	sub, err := s.Subs.Get(ctx, a, a.ID)
	if err != nil {
		return nil, err
	}
	out := &Self{Subscriber: sub, Login: sub.Name}
	err = s.DB.InTenant(ctx, a.Home, func(tx *pg.Tx) error {
		if _, err := tx.One(ctx, "SELECT realm FROM tenant WHERE tenant_id = $1", []any{a.Home}, &out.Realm); err != nil {
			return err
		}
		out.DevicesInUse, err = inUse(ctx, tx, sub.ID, tx.Now)
		return err
	})
	if out.Realm != "" {
		out.Login += "@" + out.Realm
	}
	return out, err
}

// inUse counts the devices that are connected: what nodes said of limited subscribers, else addresses of open sessions.
func inUse(ctx context.Context, tx *pg.Tx, sid string, now time.Time) (int64, error) {
	var n int64
	_, err := tx.One(ctx, `SELECT greatest((SELECT count(DISTINCT device) FROM device_use WHERE subscriber_id = $1 AND seen_at > $2),
		(SELECT count(DISTINCT CASE WHEN device_id <> '' THEN device_id ELSE source END) FROM session_record
		  WHERE tenant_id = (SELECT tenant_id FROM subscriber WHERE id = $1) AND subscriber_id = $1 AND closed_at IS NULL))`,
		[]any{sid, now.Add(-usage.AdmitTTL)}, &n)
	return n, err
}

// SetLanguage changes what the visitor reads the portal in.
func (s *Service) SetLanguage(ctx context.Context, a actor.Actor, language string) error {
	if language == "" {
		return errs.Bad("language", "must be en, zh, ko or ru")
	}
	_, err := s.Subs.Update(ctx, a, a.ID, 0, subscriber.Patch{Language: &language})
	return err
}

// Endpoints returns where the visitor may connect, with what they present there.
func (s *Service) Endpoints(ctx context.Context, a actor.Actor) (*profile.Document, error) {
	return s.Profiles.Own(ctx, a, a.ID)
}

// Subscription returns the visitor's subscription address with the apps that read it, making one the first time.
func (s *Service) Subscription(ctx context.Context, a actor.Actor) (*profile.Document, error) {
	tokens, err := s.Profiles.Tokens(ctx, a, a.ID)
	if err != nil {
		return nil, err
	}
	address := ""
	for i := range tokens {
		if t := &tokens[i]; address == "" && (t.ExpiresAt == nil || time.Until(*t.ExpiresAt) > time.Hour) {
			address = t.URL
		}
	}
	if address == "" {
		t, err := s.Profiles.AddToken(ctx, a, a.ID, "portal", nil)
		if err != nil {
			return nil, err
		}
		address = t.URL
	}
	d, err := s.Profiles.Own(ctx, a, a.ID)
	if err != nil {
		return nil, err
	}
	d.URL = address
	return d, nil
}

// Connection is an open session as its subscriber sees it.
type Connection struct {
	ID       string       `json:"id"`
	Protocol string       `json:"protocol"`
	Node     string       `json:"node"`
	Region   string       `json:"region"`
	Address  string       `json:"address" doc:"where it comes from"`
	Device   string       `json:"device" doc:"name, where the protocol knows it"`
	Since    time.Time    `json:"since"`
	Up       unit.Bytes   `json:"up"`
	Down     unit.Bytes   `json:"down"`
	RateUp   unit.BitRate `json:"rate_up" doc:"bits per second"`
	RateDown unit.BitRate `json:"rate_down"`
}

// maxConnections bounds what is listed.
const maxConnections = 200

// Connections lists the visitor's open sessions, newest first.
func (s *Service) Connections(ctx context.Context, a actor.Actor) ([]Connection, error) {
	rows, err := s.Usage.Live(ctx, a, usage.LiveFilter{Subscriber: a.ID}, "", maxConnections)
	if err != nil {
		return nil, err
	}
	nodes, devices := make([]string, len(rows)), make([]string, len(rows))
	for i := range rows {
		nodes[i], devices[i] = rows[i].Node, rows[i].Device
	}
	names := map[string][2]string{}
	err = s.DB.InSystem(ctx, func(tx *pg.Tx) error { // nodes are the operator's; their names are on every profile
		return tx.Query(ctx, `SELECT id, name, region FROM node WHERE id = ANY($1) UNION ALL SELECT id, name, '' FROM device WHERE id = ANY($2) AND subscriber_id = $3`,
			[]any{nodes, devices, a.ID}, func(r pg.Row) error {
				var oid, name, region string
				err := r.Scan(&oid, &name, &region)
				names[oid] = [2]string{name, region}
				return err
			})
	})
	out := make([]Connection, len(rows))
	for i := range rows {
		x := &rows[i]
		out[i] = Connection{
			ID: x.ID, Protocol: x.Kind, Node: names[x.Node][0], Region: names[x.Node][1], Address: x.Source, Device: names[x.Device][0],
			Since: x.OpenedAt, Up: x.Up, Down: x.Down, RateUp: x.RateUp, RateDown: x.RateDown,
		}
	}
	return out, err
}

// Connected returns the visitor when the session is an open one of theirs.
func (s *Service) Connected(ctx context.Context, a actor.Actor, session string) (*subscriber.Subscriber, error) {
	sub, err := s.Subs.Get(ctx, a, a.ID)
	if err != nil {
		return nil, err
	}
	err = s.DB.InTenant(ctx, a.Home, func(tx *pg.Tx) error {
		var one int
		ok, err := tx.One(ctx, "SELECT 1 FROM session_record WHERE tenant_id = $1 AND id = $2 AND subscriber_id = $3 AND closed_at IS NULL",
			[]any{sub.TenantID, session, sub.ID}, &one)
		if err == nil && !ok {
			err = errs.NotFound("connection", session)
		}
		return err
	})
	return sub, err
}
