package brand

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"image"
	_ "image/jpeg" // their headers are read
	_ "image/png"
	"net"
	"net/http"
	"slices"
	"strings"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
)

// Bounds of a logo.
const (
	MaxLogo   = 128 << 10
	maxPixels = 4096 // on a side
)

// For returns the brand that strangers see: of a realm, else of the host they came by, else the operator's. There is
// always one, so that nobody learns from an error which realms exist.
func (s *Service) For(ctx context.Context, realm, host string) (*Brand, error) {
	realm, host = strings.ToLower(strings.TrimSpace(realm)), hostOf(host)
	var b *Brand
	err := s.DB.InSystem(ctx, func(tx *pg.Tx) error {
		found := false
		var err error
		switch {
		case realm != "":
			b, found, err = read(ctx, tx, "t.realm = $1 AND t.status <> 'closed'", realm)
		case host != "":
			b, found, err = read(ctx, tx, "b.host = $1 AND t.status <> 'closed'", host)
		}
		if err == nil && !found {
			b, _, err = read(ctx, tx, "t.parent_id IS NULL")
		}
		return err
	})
	return b, err
}

// hostOf is a Host header without its port.
func hostOf(header string) string {
	if h, _, err := net.SplitHostPort(header); err == nil {
		header = h
	}
	return strings.ToLower(strings.TrimSuffix(header, "."))
}

// Logo is a picture.
type Logo struct {
	Type string
	Tag  string
	Body []byte
}

// LogoFor returns the picture of the brand that For would return.
func (s *Service) LogoFor(ctx context.Context, realm, host string) (*Logo, error) {
	b, err := s.For(ctx, realm, host)
	if err != nil {
		return nil, err
	}
	var l Logo
	err = s.DB.InSystem(ctx, func(tx *pg.Tx) error {
		found, err := tx.One(ctx, "SELECT logo_type, logo_tag, logo FROM branding WHERE tenant_id = $1 AND logo IS NOT NULL", []any{b.TenantID}, &l.Type, &l.Tag, &l.Body)
		if err == nil && !found {
			err = errs.New(errs.Missing, "there is no logo")
		}
		l.Body = bytes.Clone(l.Body)
		return err
	})
	return &l, err
}

// SetLogo gives a tenant of the actor's subtree a picture; nil takes it away. What it is is read from the bytes alone, and
// formats that can carry scripts are none.
func (s *Service) SetLogo(ctx context.Context, a actor.Actor, tid string, body []byte) (*Brand, error) {
	kind, tag := "", ""
	if body != nil {
		var err error
		if kind, err = picture(body); err != nil {
			return nil, err
		}
		sum := sha256.Sum256(body)
		tag = hex.EncodeToString(sum[:8])
	}
	return s.change(ctx, a, tid, 0, func(tx *pg.Tx, b *Brand, d audit.Diff) error {
		if body == nil && b.LogoTag == "" {
			return errs.New(errs.Missing, "there is no logo")
		}
		d.From("logo", b.LogoTag, tag)
		b.LogoTag = tag
		_, err := tx.Exec(ctx, "UPDATE branding SET logo = $2, logo_type = $3, logo_tag = $4 WHERE tenant_id = $1", tid, body, kind, tag)
		return err
	})
}

func picture(body []byte) (kind string, err error) {
	if len(body) == 0 || len(body) > MaxLogo {
		return "", errs.Bad("logo", "must have 1 to %d bytes", MaxLogo)
	}
	kind = http.DetectContentType(body)
	if !slices.Contains([]string{"image/png", "image/jpeg", "image/webp"}, kind) {
		return "", errs.Bad("logo", "must be a PNG, JPEG or WebP picture")
	}
	if kind == "image/webp" {
		return kind, nil
	}
	c, _, err := image.DecodeConfig(bytes.NewReader(body))
	if err != nil || c.Width > maxPixels || c.Height > maxPixels {
		return "", errs.Bad("logo", "must be a whole picture of at most %d pixels a side", maxPixels)
	}
	return kind, nil
}
