package hestia

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/hestia/registry"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/vault"
)

// store keeps what the endpoint itself must remember: answers under an Idempotency-Key, and refusals in the audit trail.
type store struct {
	db    *pg.DB
	vault *vault.Vault
}

const (
	keepAnswers = 24 * time.Hour
	giveUp      = 10 * time.Minute // an answer that is this late will not come: its process died
	sweepOld    = 20
)

// claim is what an Idempotency-Key found.
type claim uint8

const (
	claimFresh    claim = iota // run it, then keep or drop the answer
	claimReplay                // the answer is there
	claimRunning               // the first request still runs
	claimMismatch              // the key was used for another request
)

func idemActor(a actor.Actor) string { return "hestia:" + string(a.Kind) + "/" + a.ID }

// digest tells requests apart. It is a hash with the installation's pepper: arguments may hold passwords.
func (s *store) digest(command string, args []registry.Argument) []byte {
	texts := []string{command}
	for _, a := range args {
		texts = append(texts, a.Text)
	}
	b, err := json.Marshal(texts)
	if err != nil {
		b = fmt.Append(nil, texts) // texts always encode
	}
	sum := sha256.Sum256(b)
	return s.vault.Hash("idempotency", string(sum[:]))
}

// begin claims the key for a request, or finds what became of an earlier one.
func (s *store) begin(ctx context.Context, a actor.Actor, key string, digest []byte) (claim, registry.Answer, error) {
	var sealed, before []byte
	var status *int64
	var out registry.Answer
	got := claimFresh
	who := idemActor(a)
	err := s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM idempotency WHERE ctid = ANY(ARRAY(SELECT ctid FROM idempotency WHERE created_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED))`,
			tx.Now.Add(-keepAnswers), sweepOld); err != nil {
			return err
		}
		n, err := tx.Exec(ctx, `INSERT INTO idempotency AS i (tenant_id, actor, key, request_hash, created_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (tenant_id, actor, key) DO UPDATE SET created_at = EXCLUDED.created_at, status = NULL, body = NULL,
			request_hash = EXCLUDED.request_hash
			WHERE i.created_at < $6 OR (i.status IS NULL AND i.created_at < $7 AND i.request_hash = EXCLUDED.request_hash)`,
			a.Tenant, who, key, digest, tx.Now, tx.Now.Add(-keepAnswers), tx.Now.Add(-giveUp))
		if err != nil || n == 1 {
			return err
		}
		found, err := tx.One(ctx, "SELECT request_hash, status, body FROM idempotency WHERE tenant_id = $1 AND actor = $2 AND key = $3",
			[]any{a.Tenant, who, key}, &before, &status, &sealed)
		switch {
		case err != nil:
			return err
		case !found:
			return errs.New(errs.Throttled, "the same Idempotency-Key is in use; try again")
		case string(before) != string(digest):
			got = claimMismatch
		case status == nil:
			got = claimRunning
		default:
			got = claimReplay
		}
		return nil
	})
	if err != nil || got != claimReplay {
		return got, out, err
	}
	clear, err := s.vault.Open(ctx, "idempotency", a.Tenant+"/"+who+"/"+key, sealed)
	if err == nil {
		err = json.Unmarshal(clear, &out)
	}
	out.Replayed = true
	return got, out, err
}

// finish keeps the answer, sealed; an answer that a repeat may better is not kept.
func (s *store) finish(ctx context.Context, a actor.Actor, key string, out registry.Answer) error {
	who := idemActor(a)
	return s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		if passing(out.Code) {
			_, err := tx.Exec(ctx, "DELETE FROM idempotency WHERE tenant_id = $1 AND actor = $2 AND key = $3", a.Tenant, who, key)
			return err
		}
		clear, err := json.Marshal(out)
		if err != nil {
			return fmt.Errorf("keep answer: %w", err)
		}
		_, err = tx.Exec(ctx, "UPDATE idempotency SET status = $4, body = $5 WHERE tenant_id = $1 AND actor = $2 AND key = $3",
			a.Tenant, who, key, registry.StatusOf(out.Code), s.vault.Seal("idempotency", a.Tenant+"/"+who+"/"+key, clear))
		return err
	})
}

// passing tells failures that are about the moment, not about the request.
func passing(code int) bool {
	return code == registry.ExitLoad || code == registry.ExitDatabase || code == registry.ExitConnect || code == registry.ExitStatistics || code == registry.ExitParsing
}

// failed records that a write was tried and did not happen, and why. Arguments are not recorded: they may be secrets.
func (s *store) failed(ctx context.Context, a actor.Actor, command string, out registry.Answer) error {
	return s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		return audit.Record(ctx, tx, a, "command.fail", "command/"+command, audit.Diff{"exit": out.Code, "why": out.Reason})
	})
}
