package subscriber

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"fmt"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/vault"
	"culvert/shared/protocol"
	"culvert/shared/secret"
)

// Iterations of PBKDF2 for protocol passwords: RFC 7677 §4's least number for SCRAM-SHA-256. Nodes check a password once
// and remember, and hundreds of accounts a second are created; people's passwords use Argon2id (package identity).
const Iterations = 4096

const (
	hashLen   = 32
	secretLen = 24 // 142 bits of base62
)

// Purposes under which the vault seals credentials.
const (
	sealPassword = "subscriber.password"
	sealSecret   = "subscriber.secret" //nolint:gosec // a purpose, no credential
)

func derive(password string, salt []byte) ([]byte, error) {
	return pbkdf2.Key(sha256.New, password, salt, Iterations, hashLen)
}

// makeKeys makes the stored forms of a password. It does the slow work, so it runs before the transaction.
func (s *Service) makeKeys(sid, password string, generation int64) (Keys, error) {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt)
	verifier, err := derive(password, salt)
	if err != nil {
		return Keys{}, fmt.Errorf("hash password: %w", err)
	}
	pid, err := derive(password, s.salt)
	if err != nil {
		return Keys{}, fmt.Errorf("hash password: %w", err)
	}
	return Keys{
		Password: s.vault.Seal(sealPassword, sid, []byte(password)), Verifier: verifier, VerifierSalt: salt,
		PasswordID: pid, Alone: true, Generation: generation,
	}, nil
}

// matches reports whether password is the one in k.
func (k *Keys) matches(password string) (bool, error) {
	h, err := derive(password, k.VerifierSalt)
	return hmac.Equal(h, k.Verifier), err
}

// GeneratePassword returns a random password that is easy to type: 20 characters of base58-like letters.
func GeneratePassword() string {
	return randomText(20, "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz")
}

func randomText(n int, alphabet string) string {
	limit := byte(256/len(alphabet)*len(alphabet) - 1)
	out := make([]byte, 0, n)
	buf := make([]byte, n*2)
	for len(out) < n {
		_, _ = rand.Read(buf)
		for _, b := range buf {
			if b <= limit && len(out) < n {
				out = append(out, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return string(out)
}

func kinds() []string {
	var out []string
	for _, k := range protocol.Kinds() {
		out = append(out, k.Name)
	}
	return out
}

// families are the protocol families that a generated secret opens.
func families() []string {
	var out []string
	for _, k := range protocol.Kinds() {
		if k.Family != "" {
			out = append(out, k.Family)
		}
	}
	return out
}

// fresh are new generated secrets as they are stored, by family.
type fresh struct {
	families       []string
	sealed, sha256 [][]byte
}

// secrets are the generated secrets of subscribers.
type secrets struct{ vault *vault.Vault }

// make makes the secret of one family, or of all when only is empty.
func (s secrets) make(sid, only string) fresh {
	var out fresh
	for _, family := range families() {
		if only != "" && family != only {
			continue
		}
		clear := randomText(secretLen, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
		sum := sha256.Sum256([]byte(clear))
		out.families = append(out.families, family)
		out.sealed = append(out.sealed, s.vault.Seal(sealSecret, sid+"/"+family, []byte(clear)))
		out.sha256 = append(out.sha256, sum[:])
	}
	return out
}

// begin stores what every new subscriber of a page has beside the row itself: empty totals and generated secrets.
func (s secrets) begin(ctx context.Context, tx *pg.Tx, page []*Subscriber) error {
	var totals, owners [2][]string // tenants, ids
	var all fresh
	var periods []int64
	for _, sub := range page {
		totals[0], totals[1], periods = append(totals[0], sub.TenantID), append(totals[1], sub.ID), append(periods, sub.Period)
		x := s.make(sub.ID, "")
		for range x.families {
			owners[0], owners[1] = append(owners[0], sub.TenantID), append(owners[1], sub.ID)
		}
		all.families, all.sealed, all.sha256 = append(all.families, x.families...), append(all.sealed, x.sealed...), append(all.sha256, x.sha256...)
	}
	_, err := tx.Exec(ctx, `WITH total AS (INSERT INTO usage_total (tenant_id, subscriber_id, period)
		  SELECT u.tenant, u.sub, u.period FROM unnest($1::text[], $2::text[], $3::bigint[]) AS u (tenant, sub, period))
		INSERT INTO credential (tenant_id, subscriber_id, family, sealed, sha256, created_at)
		SELECT u.tenant, u.sub, u.family, u.sealed, u.sha256, $4
		FROM unnest($5::text[], $6::text[], $7::text[], $8::bytea[], $9::bytea[]) AS u (tenant, sub, family, sealed, sha256)`,
		totals[0], totals[1], periods, tx.Now, owners[0], owners[1], all.families, all.sealed, all.sha256)
	return err
}

// replace stores new secrets in the place of those of the same families.
func (s secrets) replace(ctx context.Context, tx *pg.Tx, tenant, sid, only string) error {
	x := s.make(sid, only)
	_, err := tx.Exec(ctx, `INSERT INTO credential (tenant_id, subscriber_id, family, sealed, sha256, created_at)
		SELECT $1, $2, u.family, u.sealed, u.sha256, $3 FROM unnest($4::text[], $5::bytea[], $6::bytea[]) AS u (family, sealed, sha256)
		ON CONFLICT (tenant_id, subscriber_id, family)
		DO UPDATE SET sealed = EXCLUDED.sealed, sha256 = EXCLUDED.sha256, created_at = EXCLUDED.created_at`,
		tenant, sid, tx.Now, x.families, x.sealed, x.sha256)
	return err
}

// OpenSecret opens a subscriber's generated secret from its sealed form.
func OpenSecret(ctx context.Context, v *vault.Vault, sid, family string, sealed []byte) (string, error) {
	clear, err := v.Open(ctx, sealSecret, sid+"/"+family, sealed)
	return string(clear), err
}

// Credentials are a subscriber's ways in, in clear: for the seller and the subscriber only.
type Credentials struct {
	Login    string                   // name, or name@realm
	Password secret.String            // for protocols with a user name
	Alone    bool                     // the password alone opens Hysteria
	Secrets  map[string]secret.String // protocol family -> generated secret
}

// Credentials opens the sealed credentials. Seeing them is a permission and leaves an audit record.
func (s *Service) Credentials(ctx context.Context, a actor.Actor, sid string) (*Credentials, error) {
	if err := a.Require(actor.May(actor.Secrets, actor.Read)); err != nil {
		return nil, err
	}
	var out *Credentials
	err := s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		sub, err := load(ctx, tx, a, sid, false)
		if err != nil {
			return err
		}
		if out, err = s.CredentialsOf(ctx, tx, sub); err != nil {
			return err
		}
		return audit.Record(ctx, tx, a, "subscriber.show_credentials", "subscriber/"+sid, nil)
	})
	return out, err
}

// CredentialsOf opens the sealed credentials of a subscriber at hand. The caller answers for who sees them.
func (s *Service) CredentialsOf(ctx context.Context, tx *pg.Tx, sub *Subscriber) (*Credentials, error) {
	out := &Credentials{Login: sub.Name, Alone: sub.Alone, Secrets: map[string]secret.String{}}
	var realm string
	if _, err := tx.One(ctx, "SELECT realm FROM tenant WHERE tenant_id = $1", []any{sub.TenantID}, &realm); err != nil {
		return nil, err
	}
	if realm != "" {
		out.Login += "@" + realm
	}
	sealed := map[string][]byte{}
	err := tx.Query(ctx, "SELECT family, sealed FROM credential WHERE tenant_id = $1 AND subscriber_id = $2", []any{sub.TenantID, sub.ID},
		func(r pg.Row) error {
			var family string
			var x []byte
			err := r.Scan(&family, &x)
			sealed[family] = bytes.Clone(x)
			return err
		})
	if err != nil {
		return nil, err
	}
	clear, err := s.vault.Open(ctx, sealPassword, sub.ID, sub.Password)
	if err != nil {
		return nil, err
	}
	out.Password = secret.New(string(clear))
	for family, x := range sealed {
		text, err := OpenSecret(ctx, s.vault, sub.ID, family, x)
		if err != nil {
			return nil, err
		}
		out.Secrets[family] = secret.New(text)
	}
	return out, nil
}

// SetPassword changes the password (an empty one is generated) and ends the subscriber's sessions.
func (s *Service) SetPassword(ctx context.Context, a actor.Actor, sid string, match int64, fresh secret.String) (*Subscriber, error) {
	clear := fresh.Reveal()
	if clear == "" {
		clear = GeneratePassword()
	}
	if rule := CheckPassword(clear); rule != "" {
		return nil, errs.Bad("password", "%s", rule)
	}
	keys, err := s.makeKeys(sid, clear, 0)
	if err != nil {
		return nil, err
	}
	return s.change(ctx, a, sid, match, "subscriber.change_password", func(_ *pg.Tx, sub *Subscriber, d audit.Diff) error {
		keys.Generation = sub.Generation + 1
		// The same password again keeps its right to open Hysteria alone; another one has to be the first of its kind.
		if bytes.Equal(keys.PasswordID, sub.PasswordID) {
			keys.Alone = sub.Alone
		}
		sub.Keys = keys
		d["password"] = audit.Changed
		return nil
	})
}

// RotateSecrets replaces the generated secret of one family, or of all when family is empty.
func (s *Service) RotateSecrets(ctx context.Context, a actor.Actor, sid string, match int64, family string) (*Subscriber, error) {
	found := family == ""
	for _, f := range families() {
		found = found || f == family
	}
	if !found {
		return nil, errs.Bad("family", "%q has no generated secret", family)
	}
	return s.change(ctx, a, sid, match, "subscriber.rotate_secrets", func(tx *pg.Tx, sub *Subscriber, d audit.Diff) error {
		sub.Generation++
		d["secrets"] = audit.Changed
		return secrets{s.vault}.replace(ctx, tx, sub.TenantID, sub.ID, family)
	})
}

// CheckSignIn proves a subscriber's own name and password (portal, v-check-user-password). Unknown names cost the same.
func (s *Service) CheckSignIn(ctx context.Context, a actor.Actor, name, password string) error {
	wrong := errs.New(errs.Unauthorized, "name or password is wrong")
	sub, err := s.ByName(ctx, a, name)
	if errs.Is(err, errs.Missing) {
		if _, err := derive(password, s.salt); err != nil {
			return err
		}
		return wrong
	}
	if err != nil {
		return err
	}
	ok, err := sub.matches(password)
	if err != nil {
		return err
	}
	if !ok {
		return wrong
	}
	return nil
}
