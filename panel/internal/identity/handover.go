package identity

import (
	"context"
	"regexp"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
)

// Values that a caller hands over for a later command (hestia-api.md: v-make-tmp-file): sealed, for the same caller only,
// gone after five minutes. They are no files.
const (
	handOverFor  = 5 * time.Minute
	maxHandOver  = 64 << 10
	maxHandOvers = 100
)

var handOverRule = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`) //nolint:gochecknoglobals // a compiled constant

func handOverOwner(a actor.Actor) string { return string(a.Kind) + "/" + a.ID }

// HandOver keeps content under name for the actor. A second value of the name replaces the first.
func (s *Commanders) HandOver(ctx context.Context, a actor.Actor, name, content string) error {
	var f errs.Faults
	f.Check(handOverRule.MatchString(name), "name", "must have 1 to 128 characters of A-Z, a-z, 0-9, dot, hyphen and underscore")
	f.Check(len(content) <= maxHandOver, "content", "must have at most %d bytes", maxHandOver)
	if err := f.Err(); err != nil {
		return err
	}
	owner := handOverOwner(a)
	sealed := s.vault.Seal("hand over", a.Tenant+"/"+owner+"/"+name, []byte(content))
	return s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM hand_over WHERE tenant_id = $1 AND expires_at <= $2", a.Tenant, tx.Now); err != nil {
			return err
		}
		var held int
		if _, err := tx.One(ctx, "SELECT count(*) FROM hand_over WHERE tenant_id = $1 AND key_id = $2", []any{a.Tenant, owner}, &held); err != nil {
			return err
		}
		if held >= maxHandOvers {
			return errs.New(errs.Limited, "at most %d values can be handed over at a time", maxHandOvers)
		}
		_, err := tx.Exec(ctx, `INSERT INTO hand_over (tenant_id, key_id, name, sealed, expires_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (tenant_id, key_id, name) DO UPDATE SET sealed = EXCLUDED.sealed, expires_at = EXCLUDED.expires_at`,
			a.Tenant, owner, name, sealed, tx.Now.Add(handOverFor))
		return err
	})
}

// HandedOver returns what the actor handed over under name; found is false when there is nothing, or no longer.
func (s *Commanders) HandedOver(ctx context.Context, a actor.Actor, name string) (content string, found bool, err error) {
	owner := handOverOwner(a)
	var sealed []byte
	err = s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		found, err = tx.One(ctx, "SELECT sealed FROM hand_over WHERE tenant_id = $1 AND key_id = $2 AND name = $3 AND expires_at > $4",
			[]any{a.Tenant, owner, name, tx.Now}, &sealed)
		return err
	})
	if err != nil || !found {
		return "", false, err
	}
	clear, err := s.vault.Open(ctx, "hand over", a.Tenant+"/"+owner+"/"+name, sealed)
	return string(clear), err == nil, err
}
