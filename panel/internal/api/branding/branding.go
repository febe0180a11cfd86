// Package branding is the part of the REST surface by which pages learn how they look.
package branding

import (
	"context"
	"net/http"
	"net/url"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/api/rest"
	"culvert/panel/internal/brand"
)

const tag = "branding"

type ofRealm struct {
	Realm string `query:"realm" maxLength:"63" doc:"absent: by the host that was asked, else the operator's"`
	Tag   string `query:"v" maxLength:"32" doc:"not read: it makes the address of a picture change with it"`
}

// Public is what strangers see of a tenant.
type Public struct {
	Realm        string `json:"realm"`
	Title        string `json:"title"`
	Accent       string `json:"accent"`
	LogoURL      string `json:"logo_url"`
	SupportURL   string `json:"support_url"`
	SupportEmail string `json:"support_email"`
	Language     string `json:"language"`
}

// PublicOf is what is shown of a brand.
func PublicOf(b *brand.Brand) Public {
	p := Public{
		Realm: b.Realm, Title: b.Shown(), Accent: b.Accent, SupportURL: b.SupportURL, SupportEmail: b.SupportEmail, Language: b.Language,
	}
	if b.LogoTag != "" {
		p.LogoURL = "/api/v1/branding/logo?" + url.Values{"realm": {b.Realm}, "v": {b.LogoTag}}.Encode()
	}
	return p
}

type logo struct {
	ContentType string `header:"Content-Type"`
	Cache       string `header:"Cache-Control"`
	ETag        string `header:"ETag"`
	Body        []byte
}

type patchBranding struct {
	rest.ByID
	rest.Matched
	Body struct {
		Title        *string `json:"title,omitempty" maxLength:"256"`
		Accent       *string `json:"accent,omitempty" maxLength:"7" doc:"#rrggbb"`
		SupportURL   *string `json:"support_url,omitempty" maxLength:"512"`
		SupportEmail *string `json:"support_email,omitempty" maxLength:"254"`
		Language     *string `json:"language,omitempty" enum:",en,zh,ko,ru"`
		Host         *string `json:"host,omitempty" maxLength:"253"`
	}
}

type putLogo struct {
	rest.ByID
	RawBody []byte `contentType:"application/octet-stream" doc:"PNG, JPEG or WebP of at most 128 KiB"`
}

func version(b *brand.Brand) int64 { return b.Version }

type answer = rest.One[brand.Brand]

// Endpoints adds this part.
func Endpoints(s *rest.Surface, brands *brand.Service) {
	read, write := actor.May(actor.Tenants, actor.Read), actor.May(actor.Tenants, actor.Write)
	rest.Add(s, rest.Endpoint{Method: http.MethodGet, Path: "/branding", ID: "get-public-branding", Summary: "How a tenant's pages look; the operator's for a realm or host that nobody has", Tag: tag, Open: true},
		func(ctx context.Context, _ actor.Actor, in *ofRealm) (*rest.Bare[Public], error) {
			b, err := brands.For(ctx, in.Realm, rest.CallerOf(ctx).Host)
			if err != nil {
				return nil, err
			}
			return &rest.Bare[Public]{Body: PublicOf(b)}, nil
		})
	rest.Add(s, rest.Endpoint{Method: http.MethodGet, Path: "/branding/logo", ID: "get-public-logo", Summary: "The picture of a tenant's pages", Tag: tag, Open: true, Answers: "image/*"},
		func(ctx context.Context, _ actor.Actor, in *ofRealm) (*logo, error) {
			l, err := brands.LogoFor(ctx, in.Realm, rest.CallerOf(ctx).Host)
			if err != nil {
				return nil, err
			}
			return &logo{ContentType: l.Type, Cache: "public, max-age=3600", ETag: `"` + l.Tag + `"`, Body: l.Body}, nil
		})
	rest.Add(s, rest.Endpoint{Method: http.MethodGet, Path: "/tenants/{id}/branding", ID: "get-branding", Summary: "How a tenant's pages look, as it was set", Tag: tag, Need: read},
		func(ctx context.Context, who actor.Actor, in *rest.ByID) (*answer, error) {
			b, err := brands.Of(ctx, who, in.ID)
			return rest.Answer(b, version, err)
		})
	rest.Add(s, rest.Endpoint{Method: http.MethodPatch, Path: "/tenants/{id}/branding", ID: "update-branding", Summary: "Change how a tenant's pages look", Tag: tag, Need: write},
		func(ctx context.Context, who actor.Actor, in *patchBranding) (*answer, error) {
			v, err := in.Version()
			if err != nil {
				return nil, err
			}
			x := &in.Body
			b, err := brands.Update(ctx, who, in.ID, v, brand.Change{
				Title: x.Title, Accent: x.Accent, SupportURL: x.SupportURL, SupportEmail: x.SupportEmail, Language: x.Language, Host: x.Host,
			})
			return rest.Answer(b, version, err)
		})
	rest.Add(s, rest.Endpoint{Method: http.MethodPut, Path: "/tenants/{id}/branding/logo", ID: "set-logo", Summary: "Give a tenant's pages a picture", Tag: tag, Need: write},
		func(ctx context.Context, who actor.Actor, in *putLogo) (*answer, error) {
			body := in.RawBody
			if body == nil {
				body = []byte{}
			}
			b, err := brands.SetLogo(ctx, who, in.ID, body)
			return rest.Answer(b, version, err)
		})
	rest.Add(s, rest.Endpoint{Method: http.MethodDelete, Path: "/tenants/{id}/branding/logo", ID: "delete-logo", Summary: "Take the picture away", Tag: tag, Need: write},
		func(ctx context.Context, who actor.Actor, in *rest.ByID) (*rest.None, error) {
			_, err := brands.SetLogo(ctx, who, in.ID, nil)
			return nil, err
		})
}
