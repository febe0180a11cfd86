package identity

import (
	"context"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
)

// OpenSession is one place where a person is signed in.
type OpenSession struct {
	ID        string    `json:"id"`
	Login     string    `json:"login_id"`
	Address   string    `json:"address"`
	UserAgent string    `json:"user_agent"`
	CreatedAt time.Time `json:"created_at"`
	SeenAt    time.Time `json:"seen_at" doc:"to the minute"`
	ExpiresAt time.Time `json:"expires_at" doc:"moves with use"`
	Current   bool      `json:"current" doc:"the one that asks"`
}

// own reports whether a means their own sessions, and refuses it to callers who have none.
func own(a actor.Actor, login string) (bool, error) {
	if login != "" && login != a.ID {
		return false, nil
	}
	if a.Kind != actor.Login {
		return false, errs.Bad("login", "must name a login: only people have sessions")
	}
	return true, nil
}

// Sessions lists where a login is signed in, after the id after, at most limit: the actor's own when login is empty,
// else those of a login the actor may manage. current is the actor's own session.
func (s *Staff) Sessions(ctx context.Context, a actor.Actor, login, current, after string, limit int) ([]OpenSession, error) {
	mine, err := own(a, login)
	if err != nil {
		return nil, err
	}
	var out []OpenSession
	if mine {
		err = s.db.InTenant(ctx, a.Home, func(tx *pg.Tx) (err error) {
			out, err = openSessions(ctx, tx, a.Home, a.ID, current, after, limit)
			return err
		})
		return out, err
	}
	err = s.manage(ctx, a, login, func(tx *pg.Tx, _ actor.Actor, l *Login) (err error) {
		out, err = openSessions(ctx, tx, l.TenantID, l.ID, current, after, limit)
		return err
	})
	return out, err
}

func openSessions(ctx context.Context, tx *pg.Tx, tenant, login, current, after string, limit int) ([]OpenSession, error) {
	out := []OpenSession{}
	err := tx.Query(ctx, `SELECT id, login_id, address, user_agent, created_at, seen_at, expires_at, id = $5 FROM login_session
		WHERE tenant_id = $1 AND login_id = $2 AND revoked_at IS NULL AND expires_at > $3 AND id > $4 ORDER BY id LIMIT $6`,
		[]any{tenant, login, tx.Now, after, current, limit}, func(r pg.Row) error {
			var x OpenSession
			err := r.Scan(&x.ID, &x.Login, &x.Address, &x.UserAgent, &x.CreatedAt, &x.SeenAt, &x.ExpiresAt, &x.Current)
			out = append(out, x)
			return err
		})
	return out, err
}

// Session returns a living session of the actor's, or of a login the actor may manage.
func (s *Staff) Session(ctx context.Context, a actor.Actor, sid, current string) (*OpenSession, error) {
	var out *OpenSession
	err := s.onSession(ctx, a, sid, func(tx *pg.Tx, a actor.Actor, l *Login) error {
		all, err := openSessions(ctx, tx, l.TenantID, l.ID, current, "", maxSessions)
		for i := range all {
			if all[i].ID == sid {
				out = &all[i]
			}
		}
		if err == nil && out == nil {
			err = errs.NotFound("session", sid)
		}
		return err
	})
	return out, err
}

const maxSessions = 1000

// onSession runs fn for the login whose session it is: the actor's own, or one that the actor may manage.
func (s *Staff) onSession(ctx context.Context, a actor.Actor, sid string, fn func(*pg.Tx, actor.Actor, *Login) error) error {
	login := ""
	find := func(tx *pg.Tx) error {
		found, err := tx.One(ctx, "SELECT login_id FROM login_session WHERE id = $1 AND revoked_at IS NULL AND expires_at > $2",
			[]any{sid, tx.Now}, &login)
		if err == nil && !found {
			err = errs.NotFound("session", sid)
		}
		return err
	}
	if a.Kind == actor.Login {
		err := s.db.InTenant(ctx, a.Home, func(tx *pg.Tx) error {
			if err := find(tx); err != nil || login != a.ID {
				return err
			}
			a := a
			a.Tenant = a.Home
			return fn(tx, a, &Login{TenantID: a.Home, ID: a.ID, Name: a.Name})
		})
		if login == a.ID || err != nil && !errs.Is(err, errs.Missing) {
			return err
		}
	}
	if err := s.db.InTenant(ctx, a.Tenant, find); err != nil {
		return err
	}
	err := s.manage(ctx, a, login, fn)
	if errs.Is(err, errs.Missing) {
		return errs.NotFound("session", sid)
	}
	return err
}

// EndSession ends one session: the actor's own, or of a login the actor may manage.
func (s *Staff) EndSession(ctx context.Context, a actor.Actor, sid string) error {
	return s.onSession(ctx, a, sid, func(tx *pg.Tx, a actor.Actor, l *Login) error {
		if _, err := tx.Exec(ctx, "UPDATE login_session SET revoked_at = $3 WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL",
			l.TenantID, sid, tx.Now); err != nil {
			return err
		}
		return audit.Record(ctx, tx, a, "login.end_session", "login/"+l.ID, audit.Diff{"session": sid})
	})
}

// EndSessions ends all sessions of a login but the one named keep, and returns how many. An empty login is the actor.
func (s *Staff) EndSessions(ctx context.Context, a actor.Actor, login, keep string) (int64, error) {
	mine, err := own(a, login)
	if err != nil {
		return 0, err
	}
	var n int64
	end := func(tx *pg.Tx, a actor.Actor, l *Login) (err error) {
		if n, err = endSessions(ctx, tx, l, keep); err != nil || n == 0 {
			return err
		}
		return audit.Record(ctx, tx, a, "login.end_sessions", "login/"+l.ID, audit.Diff{"sessions": n})
	}
	if !mine {
		err = s.manage(ctx, a, login, end)
		return n, err
	}
	a.Tenant = a.Home
	err = s.db.InTenant(ctx, a.Home, func(tx *pg.Tx) error { return end(tx, a, &Login{TenantID: a.Home, ID: a.ID}) })
	return n, err
}

// endSessions is the one place where a person's sessions end together.
func endSessions(ctx context.Context, tx *pg.Tx, l *Login, keep string) (int64, error) {
	return tx.Exec(ctx, `UPDATE login_session SET revoked_at = $3 WHERE tenant_id = $1 AND login_id = $2 AND id <> $4
		AND revoked_at IS NULL`, l.TenantID, l.ID, tx.Now, keep)
}

// PastSession is a sign-in that may be over.
type PastSession struct {
	ID, Address, UserAgent string
	CreatedAt              time.Time
	Open                   bool
}

// LastSessions lists a login's newest sign-ins, ended ones too, for whoever may see the tenant's logins.
func (s *Staff) LastSessions(ctx context.Context, a actor.Actor, login string, limit int) ([]PastSession, error) {
	if err := a.Require(actor.May(actor.Logins, actor.Read)); err != nil {
		return nil, err
	}
	out := []PastSession{}
	err := s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		return tx.Query(ctx, `SELECT id, address, user_agent, created_at, revoked_at IS NULL AND expires_at > $3 FROM login_session
			WHERE tenant_id = $1 AND login_id = $2 ORDER BY id DESC LIMIT $4`, []any{a.Tenant, login, tx.Now, limit}, func(r pg.Row) error {
			var x PastSession
			err := r.Scan(&x.ID, &x.Address, &x.UserAgent, &x.CreatedAt, &x.Open)
			out = append(out, x)
			return err
		})
	})
	return out, err
}
