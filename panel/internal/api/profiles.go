package api

import (
	"context"
	"net/http"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/api/rest"
	"culvert/panel/internal/profile"
)

const tagProfiles = "profiles"

type createToken struct {
	ByID
	Body *struct {
		Comment   string     `json:"comment,omitempty" maxLength:"255"`
		ExpiresAt *time.Time `json:"expires_at,omitempty"`
	}
}

type patchToken struct {
	ByID
	Matched
	Body struct {
		Comment   *string             `json:"comment,omitempty" maxLength:"255"`
		ExpiresAt Nullable[time.Time] `json:"expires_at,omitempty" doc:"null: never"`
	}
}

type listEndpoints struct {
	ByID
	QR bool `query:"qr" doc:"with QR codes in SVG"`
}

// shownEndpoint is where a subscriber may connect, and what they present there.
type shownEndpoint struct {
	Ingress  string `json:"ingress_id"`
	Protocol string `json:"protocol"`
	Node     string `json:"node"`
	Region   string `json:"region"`
	Device   string `json:"device,omitempty" doc:"WireGuard: whose it is"`
	Name     string `json:"name" doc:"what apps show"`
	Host     string `json:"host"`
	Port     uint16 `json:"port"`
	URI      string `json:"uri"`
	QR       string `json:"qr,omitempty" doc:"of the URI, or of the WireGuard file: SVG"`
	Notice   bool   `json:"notice" doc:"no endpoint: name says why there is none"`
}

type patchProfileSetting struct {
	Matched
	Body struct {
		Remark      *string `json:"remark,omitempty" maxLength:"512"`
		Title       *string `json:"title,omitempty" maxLength:"256"`
		SupportURL  *string `json:"support_url,omitempty" maxLength:"512"`
		WebPageURL  *string `json:"web_page_url,omitempty" maxLength:"512"`
		UpdateHours *int    `json:"update_hours,omitempty"`
		ShowOnce    *bool   `json:"show_once,omitempty"`
	}
}

func tokenVersion(t *profile.Token) int64     { return t.Version }
func settingVersion(x *profile.Setting) int64 { return x.Version }

// profiles are the endpoints of devices and profiles.
type profiles struct{ *API }

func profileEndpoints(a *API) {
	p := profiles{a}
	read, write := actor.May(actor.Subscribers, actor.Read), actor.May(actor.Subscribers, actor.Write)
	add(a, endpoint{method: http.MethodGet, path: "/subscribers/{id}/tokens", id: "list-subscription-tokens", summary: "List a subscriber's subscription addresses", tag: tagProfiles, need: read},
		func(ctx context.Context, who actor.Actor, in *ByID) (*bare[page[profile.Token]], error) {
			l, err := a.Profiles.Tokens(ctx, who, in.ID)
			return rest.Wrap(&page[profile.Token]{Items: l}, err)
		})
	add(a, endpoint{method: http.MethodPost, path: "/subscribers/{id}/tokens", id: "create-subscription-token", summary: "Make a subscription address", tag: tagProfiles, need: write, status: 201},
		func(ctx context.Context, who actor.Actor, in *createToken) (*one[profile.Token], error) {
			b := rest.OrZero(in.Body)
			t, err := a.Profiles.AddToken(ctx, who, in.ID, b.Comment, b.ExpiresAt)
			return rest.Answer(t, tokenVersion, err)
		})
	add(a, endpoint{method: http.MethodPatch, path: "/subscription-tokens/{id}", id: "update-subscription-token", summary: "Change a subscription address's comment or end", tag: tagProfiles, need: write},
		func(ctx context.Context, who actor.Actor, in *patchToken) (*one[profile.Token], error) {
			c := profile.TokenChange{Comment: in.Body.Comment}
			if x := in.Body.ExpiresAt; x.Set {
				var at *time.Time
				if !x.Null {
					at = &x.Value
				}
				c.Expires = &at
			}
			return p.changeToken(ctx, who, in.ByID, in.Matched, c)
		})
	add(a, endpoint{method: http.MethodPost, path: "/subscription-tokens/{id}/rotate", id: "rotate-subscription-token", summary: "Replace a subscription address; the old one is dead", tag: tagProfiles, need: write},
		func(ctx context.Context, who actor.Actor, in *byDevice) (*one[profile.Token], error) {
			return p.changeToken(ctx, who, in.ByID, in.Matched, profile.TokenChange{Rotate: true})
		})
	add(a, endpoint{method: http.MethodDelete, path: "/subscription-tokens/{id}", id: "revoke-subscription-token", summary: "Revoke a subscription address", tag: tagProfiles, need: write},
		func(ctx context.Context, who actor.Actor, in *ByID) (*none, error) {
			return nil, a.Profiles.DeleteToken(ctx, who, in.ID)
		})
	add(a, endpoint{
		method: http.MethodGet, path: "/subscribers/{id}/endpoints", id: "list-subscriber-endpoints",
		summary: "Show where a subscriber may connect now, with what they present; leaves an audit record", tag: tagProfiles, need: actor.May(actor.Secrets, actor.Read),
	}, p.endpoints)
	add(a, endpoint{method: http.MethodGet, path: "/profile-setting", id: "get-profile-setting", summary: "How the tenant's subscribers see their configurations", tag: tagProfiles, need: actor.May(actor.Settings, actor.Read)},
		func(ctx context.Context, who actor.Actor, _ *none) (*one[profile.Setting], error) {
			x, err := a.Profiles.Setting(ctx, who)
			return rest.Answer(x, settingVersion, err)
		})
	add(a, endpoint{method: http.MethodPatch, path: "/profile-setting", id: "update-profile-setting", summary: "Change how the tenant's subscribers see their configurations", tag: tagProfiles, need: actor.May(actor.Settings, actor.Write)},
		func(ctx context.Context, who actor.Actor, in *patchProfileSetting) (*one[profile.Setting], error) {
			v, err := in.Version()
			if err != nil {
				return nil, err
			}
			b := &in.Body
			x, err := a.Profiles.ChangeSetting(ctx, who, v, profile.SettingChange{
				Remark: b.Remark, Title: b.Title, SupportURL: b.SupportURL, WebPageURL: b.WebPageURL, UpdateHours: b.UpdateHours, ShowOnce: b.ShowOnce,
			})
			return rest.Answer(x, settingVersion, err)
		})
}

func (a profiles) changeToken(ctx context.Context, who actor.Actor, in ByID, m Matched, c profile.TokenChange) (*one[profile.Token], error) {
	v, err := m.Version()
	if err != nil {
		return nil, err
	}
	t, err := a.Profiles.ChangeToken(ctx, who, in.ID, v, c)
	return rest.Answer(t, tokenVersion, err)
}

func (a profiles) endpoints(ctx context.Context, who actor.Actor, in *listEndpoints) (*bare[page[shownEndpoint]], error) {
	d, err := a.Profiles.Document(ctx, who, in.ID)
	if err != nil {
		return nil, err
	}
	out := page[shownEndpoint]{Items: []shownEndpoint{}}
	for i := range d.Endpoints {
		e := &d.Endpoints[i]
		x := shownEndpoint{
			Ingress: e.Ingress, Protocol: e.Kind, Node: e.Node, Region: e.Region, Device: e.Device, Name: e.Label, Host: e.Host, Port: e.Port, Notice: e.Notice,
		}
		if e.Notice {
			out.Items = append(out.Items, shownEndpoint{Name: e.Label, Notice: true})
			continue
		}
		x.URI = e.Link()
		if in.QR {
			text := x.URI
			if e.Tunnel != nil {
				text = e.Conf()
			}
			if x.QR, err = profile.QRSVG(text); err != nil {
				return nil, err
			}
		}
		out.Items = append(out.Items, x)
	}
	return &bare[page[shownEndpoint]]{Body: out}, nil
}
