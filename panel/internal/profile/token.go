package profile

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/outbox"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/subscriber"
	"culvert/shared/id"
)

// Token is one address under which an app fetches a subscriber's profile.
type Token struct {
	TenantID     string     `json:"-"`
	ID           string     `json:"id"`
	SubscriberID string     `json:"subscriber_id"`
	Comment      string     `json:"comment"`
	ExpiresAt    *time.Time `json:"expires_at"`
	Fetches      int64      `json:"fetches"`
	FetchedAt    *time.Time `json:"fetched_at"`
	FetchedBy    string     `json:"fetched_by" doc:"user agent of the last fetch"`
	FetchedFrom  string     `json:"fetched_from" doc:"address of the last fetch"`
	Version      int64      `json:"version"`
	CreatedAt    time.Time  `json:"created_at"`
	UpdatedAt    time.Time  `json:"updated_at"`
	URL          string     `json:"url,omitempty" doc:"for those who may see secrets"`
}

// TokenChanged tells that a subscriber's tokens changed.
type TokenChanged struct {
	Tenant     string `json:"tenant"`
	Subscriber string `json:"subscriber"`
	Token      string `json:"token"` // id
}

// Kind implements outbox.Event.
func (TokenChanged) Kind() string { return "subscription_token.changed" }

const (
	tokenBytes = 16
	maxTokens  = 32 // of one subscriber
	sealToken  = "subscription.token"
	hashToken  = "subscription token"
	hashLink   = "download link"
)

// freshToken makes a token of 128 random bits.
func freshToken() string {
	b := make([]byte, tokenBytes)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// wellFormed spares the database what cannot be a token.
func wellFormed(token string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	return err == nil && len(b) == tokenBytes
}

// TokenHash is what a subscription address is found by; nil for what cannot be one.
func (s *Service) TokenHash(token string) []byte {
	if !wellFormed(token) {
		return nil
	}
	return s.Vault.Hash(hashToken, token)
}

const tokenColumns = `tenant_id, id, subscriber_id, comment, expires_at, fetches, fetched_at, fetched_by, fetched_from, version, created_at, updated_at, sealed` //nolint:gosec // names of columns

func scanToken(r pg.Row) (Token, []byte, error) {
	var t Token
	var sealed []byte
	err := r.Scan(&t.TenantID, &t.ID, &t.SubscriberID, &t.Comment, &t.ExpiresAt, &t.Fetches, &t.FetchedAt, &t.FetchedBy, &t.FetchedFrom,
		&t.Version, &t.CreatedAt, &t.UpdatedAt, &sealed)
	return t, append([]byte(nil), sealed...), err
}

func checkToken(comment string, expires *time.Time, now time.Time) error {
	var f errs.Faults
	ok := utf8.ValidString(comment) && utf8.RuneCountInString(comment) <= 255 && !strings.ContainsFunc(comment, unicode.IsControl)
	f.Check(ok, "comment", "must have at most 255 printable characters")
	f.Check(expires == nil || expires.After(now), "expires_at", "must be in the future")
	return f.Err()
}

// Tokens lists a subscriber's tokens in the order in which they were made.
func (s *Service) Tokens(ctx context.Context, a actor.Actor, sid string) ([]Token, error) {
	if err := a.Require(actor.May(actor.Subscribers, actor.Read)); err != nil {
		return nil, err
	}
	out := []Token{}
	var sealed [][]byte
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		sub, err := subscriber.Load(ctx, tx, a, sid, false)
		if err != nil {
			return err
		}
		out, sealed = out[:0], nil
		return tx.Query(ctx, "SELECT "+tokenColumns+" FROM subscription_token WHERE tenant_id = $1 AND subscriber_id = $2 ORDER BY id",
			[]any{sub.TenantID, sub.ID}, func(r pg.Row) error {
				t, x, err := scanToken(r)
				out, sealed = append(out, t), append(sealed, x)
				return err
			})
	})
	if err != nil || !a.Permissions.Allows(actor.May(actor.Secrets, actor.Read)) {
		return out, err
	}
	for i := range out {
		clear, err := s.Vault.Open(ctx, sealToken, out[i].ID, sealed[i])
		if err != nil {
			return nil, err
		}
		out[i].URL = s.subscriptionURL(string(clear))
	}
	return out, nil
}

func (s *Service) subscriptionURL(token string) string { return s.Public + "/sub/" + token }

// AddToken gives a subscriber a token.
func (s *Service) AddToken(ctx context.Context, a actor.Actor, sid, comment string, expires *time.Time) (*Token, error) {
	if err := a.Require(actor.May(actor.Subscribers, actor.Write)); err != nil {
		return nil, err
	}
	if err := checkToken(comment, expires, time.Now()); err != nil {
		return nil, err
	}
	token := freshToken()
	var t *Token
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		sub, err := subscriber.Load(ctx, tx, a, sid, true)
		if err != nil {
			return err
		}
		var have int
		if _, err := tx.One(ctx, "SELECT count(*) FROM subscription_token WHERE tenant_id = $1 AND subscriber_id = $2", []any{sub.TenantID, sub.ID}, &have); err != nil {
			return err
		}
		if have >= maxTokens {
			return errs.New(errs.Limited, "user %s has %d tokens already: that is the most", sub.Name, maxTokens)
		}
		t = &Token{
			TenantID: sub.TenantID, ID: id.New(id.Token), SubscriberID: sub.ID, Comment: comment, ExpiresAt: expires, Version: 1,
			CreatedAt: tx.Now, UpdatedAt: tx.Now, URL: s.subscriptionURL(token),
		}
		_, err = tx.Exec(ctx, `INSERT INTO subscription_token (tenant_id, id, subscriber_id, hash, sealed, comment, expires_at, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)`, t.TenantID, t.ID, t.SubscriberID, s.Vault.Hash(hashToken, token),
			s.Vault.Seal(sealToken, t.ID, []byte(token)), comment, expires, tx.Now)
		if err != nil {
			return err
		}
		return tokenTold(ctx, tx, a, t, "subscription_token.create")
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

// TokenChange is a partial update; nil fields stay.
type TokenChange struct {
	Comment *string
	Expires **time.Time // pointer to nil: never
	Rotate  bool        // another address; the old one is dead
}

// ChangeToken edits or rotates a token. match is the expected version, 0 for any.
func (s *Service) ChangeToken(ctx context.Context, a actor.Actor, tid string, match int64, c TokenChange) (*Token, error) {
	token := freshToken()
	var t *Token
	err := s.onToken(ctx, a, tid, func(tx *pg.Tx, have *Token, sealed []byte) error {
		if match != 0 && match != have.Version {
			return errs.New(errs.Stale, "token %s is at version %d", tid, have.Version)
		}
		t = have
		if c.Comment != nil {
			t.Comment = *c.Comment
		}
		soon := time.Time{}
		if c.Expires != nil {
			t.ExpiresAt, soon = *c.Expires, tx.Now
		}
		if err := checkToken(t.Comment, t.ExpiresAt, soon); err != nil {
			return err
		}
		action := "subscription_token.update"
		if c.Rotate {
			action, t.Fetches, t.FetchedAt, t.FetchedBy, t.FetchedFrom = "subscription_token.rotate", 0, nil, "", ""
			sealed = s.Vault.Seal(sealToken, t.ID, []byte(token))
		} else {
			clear, err := s.Vault.Open(ctx, sealToken, t.ID, sealed)
			if err != nil {
				return err
			}
			token = string(clear)
		}
		t.URL, t.Version, t.UpdatedAt = s.subscriptionURL(token), t.Version+1, tx.Now
		_, err := tx.Exec(ctx, `UPDATE subscription_token SET hash = $3, sealed = $4, comment = $5, expires_at = $6, fetches = $7, fetched_at = $8,
			fetched_by = $9, fetched_from = $10, version = $11, updated_at = $12 WHERE tenant_id = $1 AND id = $2`,
			t.TenantID, t.ID, s.Vault.Hash(hashToken, token), sealed, t.Comment, t.ExpiresAt, t.Fetches, t.FetchedAt, t.FetchedBy,
			t.FetchedFrom, t.Version, t.UpdatedAt)
		if err != nil {
			return err
		}
		return tokenTold(ctx, tx, a, t, action)
	})
	if err != nil {
		return nil, err
	}
	if !c.Rotate && !a.Permissions.Allows(actor.May(actor.Secrets, actor.Read)) {
		t.URL = ""
	}
	return t, nil
}

// DeleteToken revokes a token.
func (s *Service) DeleteToken(ctx context.Context, a actor.Actor, tid string) error {
	return s.onToken(ctx, a, tid, func(tx *pg.Tx, t *Token, _ []byte) error {
		if _, err := tx.Exec(ctx, "DELETE FROM subscription_token WHERE tenant_id = $1 AND id = $2", t.TenantID, t.ID); err != nil {
			return err
		}
		return tokenTold(ctx, tx, a, t, "subscription_token.delete")
	})
}

func (s *Service) onToken(ctx context.Context, a actor.Actor, tid string, do func(*pg.Tx, *Token, []byte) error) error {
	if err := a.Require(actor.May(actor.Subscribers, actor.Write)); err != nil {
		return err
	}
	return s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		var t Token
		var sealed []byte
		found := false
		err := tx.Query(ctx, "SELECT "+tokenColumns+` FROM subscription_token WHERE id = $1 AND ($2 = '' OR subscriber_id IN
			(SELECT id FROM subscriber WHERE tenant_id = $3 AND name = $2)) FOR UPDATE`, []any{tid, a.Owner, a.Home}, func(r pg.Row) (err error) {
			t, sealed, err = scanToken(r)
			found = true
			return err
		})
		if err != nil {
			return err
		}
		if !found {
			return errs.NotFound("token", tid)
		}
		return do(tx, &t, sealed)
	})
}

func tokenTold(ctx context.Context, tx *pg.Tx, a actor.Actor, t *Token, action string) error {
	if err := outbox.Emit(ctx, tx, t.TenantID, a.Trace, TokenChanged{t.TenantID, t.SubscriberID, t.ID}); err != nil {
		return err
	}
	a.Tenant = t.TenantID
	return audit.Record(ctx, tx, a, action, "subscription_token/"+t.ID, audit.Diff{"subscriber": t.SubscriberID, "comment": t.Comment})
}
