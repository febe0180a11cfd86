package identity

import (
	"regexp"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/pg"
)

// Lengths of an access key's parts (hestia-api.md §2).
const (
	keyIDLen  = 20
	secretLen = 40
)

// overlap is how long a rotated secret stays good.
const overlap = 24 * time.Hour

var (
	keyIDRule  = regexp.MustCompile(`^[0-9A-Za-z]{20}$`)                    //nolint:gochecknoglobals // a compiled constant
	secretRule = regexp.MustCompile(`^[A-Za-z0-9_.+/^~=%-]{40}$`)           //nolint:gochecknoglobals // a compiled constant
	setRule    = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`) //nolint:gochecknoglobals // a compiled constant
)

// AccessKey is an automation credential of a tenant.
type AccessKey struct {
	TenantID     string     `json:"tenant_id"`
	ID           string     `gorm:"primaryKey" json:"id"`
	SecretHash   []byte     `json:"-"`
	OldHash      []byte     `json:"-"`
	OldUntil     *time.Time `json:"-"`
	Owner        string     `json:"owner"`      // login or subscriber name it acts for
	OwnerKind    string     `json:"owner_kind"` // login or subscriber
	Sets         pg.Strings `gorm:"type:text[]" json:"sets"`
	Permissions  pg.Strings `gorm:"type:text[]" json:"permissions"`
	Addresses    pg.Strings `gorm:"type:text[]" json:"addresses"`
	Comment      string     `json:"comment"`
	Idempotent   bool       `json:"idempotent"`
	CreatedBy    string     `json:"created_by"`
	CreatedAt    time.Time  `gorm:"autoCreateTime:false" json:"created_at"`
	ExpiresAt    *time.Time `json:"expires_at"`
	RevokedAt    *time.Time `json:"-"`
	LastUsedAt   *time.Time `json:"last_used_at"`
	LastUsedFrom string     `json:"last_used_from"`
}

// TableName implements gorm's Tabler.
func (AccessKey) TableName() string { return "access_key" }

// NewKey is what an access key is made from.
type NewKey struct {
	Owner       string // login name; empty: the actor's own
	Subscriber  bool   // Owner names a subscriber: the key is confined to them
	Sets        []string
	Permissions []string
	Addresses   []string
	Comment     string
	Idempotent  bool
	ExpiresAt   *time.Time
}

// Authenticated is a key that proved its secret.
type Authenticated struct {
	Key AccessKey
	// Actor carries the key's REST permissions: the owner's when the key names neither sets nor permissions, else its own.
	Actor actor.Actor
	// Owner is what the key's owner may do: a command the key may run, runs with that.
	Owner actor.Set
}
