package portal

import (
	"context"
	"net/http"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/api/rest"
	"culvert/panel/internal/device"
	"culvert/panel/internal/profile"
)

// AppLink opens something in an app.
type AppLink struct {
	App string `json:"app"`
	URL string `json:"url"`
}

// PortalEndpoint is where the subscriber may connect, and what they present there.
type PortalEndpoint struct {
	Name     string    `json:"name"`
	Protocol string    `json:"protocol"`
	Node     string    `json:"node"`
	Region   string    `json:"region"`
	Device   string    `json:"device,omitempty" doc:"WireGuard: whose it is"`
	Host     string    `json:"host"`
	Port     uint16    `json:"port"`
	User     string    `json:"user,omitempty" doc:"SOCKS5 and HTTP"`
	Password string    `json:"password,omitempty" doc:"SOCKS5 and HTTP"`
	Link     string    `json:"link"`
	Links    []AppLink `json:"links" doc:"that open it in apps"`
	QR       string    `json:"qr" doc:"of the link, or of the WireGuard file: SVG"`
	Notice   bool      `json:"notice" doc:"no endpoint: name says why there is none"`
}

type portalSubscription struct {
	URL   string    `json:"url"`
	QR    string    `json:"qr" doc:"SVG"`
	Links []AppLink `json:"links" doc:"that open it in apps"`
}

func (s *surface) profiles() {
	rest.Add(s.Surface, endpoint(http.MethodGet, "/endpoints", "portal-list-endpoints", "Where I may connect, with what I present there"), s.entries)
	rest.Add(s.Surface, endpoint(http.MethodGet, "/subscription", "portal-subscription", "My subscription address; made the first time"),
		func(ctx context.Context, who actor.Actor, _ *rest.None) (*rest.Bare[portalSubscription], error) {
			d, err := s.Portal.Subscription(ctx, who)
			if err != nil {
				return nil, err
			}
			out := portalSubscription{URL: d.URL, Links: []AppLink{}}
			for _, a := range d.Apps() {
				out.Links = append(out.Links, AppLink{a.Name, a.Link})
			}
			out.QR, err = profile.QRSVG(d.URL)
			return rest.Wrap(&out, err)
		})
}

func (s *surface) entries(ctx context.Context, who actor.Actor, _ *rest.None) (*rest.Bare[rest.Page[PortalEndpoint]], error) {
	d, err := s.Portal.Endpoints(ctx, who)
	if err != nil {
		return nil, err
	}
	out := rest.Page[PortalEndpoint]{Items: []PortalEndpoint{}}
	for i := range d.Endpoints {
		x, err := entryOf(&d.Endpoints[i])
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, *x)
	}
	return &rest.Bare[rest.Page[PortalEndpoint]]{Body: out}, nil
}

func entryOf(e *profile.Endpoint) (*PortalEndpoint, error) {
	if e.Notice {
		return &PortalEndpoint{Name: e.Label, Notice: true, Links: []AppLink{}}, nil
	}
	x := &PortalEndpoint{
		Name: e.Label, Protocol: e.Kind, Node: e.Node, Region: e.Region, Device: e.Device, Host: e.Host, Port: e.Port, Link: e.Link(), Links: []AppLink{},
	}
	if e.User != "" {
		x.User, x.Password = e.User, e.Password
	}
	text := x.Link
	switch {
	case e.Tunnel != nil:
		text = e.Conf() // what WireGuard's own app reads
	case x.Link != "":
		x.Links = []AppLink{{"", x.Link}, {"Hiddify", "hiddify://import/" + x.Link}}
	}
	var err error
	x.QR, err = profile.QRSVG(text)
	return x, err
}

type newPortalDevice struct {
	Body struct {
		Name      string `json:"name" maxLength:"64"`
		PublicKey string `json:"public_key,omitempty" maxLength:"64" doc:"base64, of a pair made in the browser; empty: the panel makes one"`
	}
}

type patchPortalDevice struct {
	rest.ByID
	rest.Matched
	Body struct {
		Name string `json:"name" maxLength:"64"`
	}
}

// ConfigOf asks for a device's configuration.
type ConfigOf struct {
	rest.ByID
	Ingress string `query:"ingress" maxLength:"64" doc:"id of the ingress it leads to; absent: the device's own, or the first"`
}

type fileOf struct {
	ConfigOf
	Blank bool `query:"blank" doc:"of a device whose private key the panel does not have: the file with PRIVATE_KEY in its place"`
}

type qrOf struct {
	ConfigOf
	Type string `query:"type" enum:"svg,png" default:"svg"`
}

type byDevice struct {
	rest.ByID
	rest.Matched
}

func deviceVersion(d *device.Device) int64 { return d.Version }

type deviceAnswer = rest.One[device.Device]

func (s *surface) devices() {
	rest.Add(s.Surface, endpoint(http.MethodGet, "/devices", "portal-list-devices", "My WireGuard devices"),
		func(ctx context.Context, who actor.Actor, _ *rest.None) (*rest.Bare[rest.Page[device.Device]], error) {
			l, err := s.Portal.Devices.List(ctx, who, who.ID)
			return rest.Wrap(&rest.Page[device.Device]{Items: l}, err)
		})
	create := endpoint(http.MethodPost, "/devices", "portal-create-device", "Add a WireGuard device")
	create.Status = http.StatusCreated
	rest.Add(s.Surface, create, func(ctx context.Context, who actor.Actor, in *newPortalDevice) (*deviceAnswer, error) {
		d, err := s.Portal.Devices.Add(ctx, who, device.New{Subscriber: who.ID, Name: in.Body.Name, PublicKey: in.Body.PublicKey})
		return rest.Answer(d, deviceVersion, err)
	})
	rest.Add(s.Surface, endpoint(http.MethodPatch, "/devices/{id}", "portal-rename-device", "Rename a device"),
		func(ctx context.Context, who actor.Actor, in *patchPortalDevice) (*deviceAnswer, error) {
			v, err := in.Version()
			if err != nil {
				return nil, err
			}
			d, err := s.Portal.Devices.Update(ctx, who, in.ID, v, device.Change{Name: &in.Body.Name})
			return rest.Answer(d, deviceVersion, err)
		})
	rest.Add(s.Surface, endpoint(http.MethodDelete, "/devices/{id}", "portal-delete-device", "Remove a device"),
		func(ctx context.Context, who actor.Actor, in *byDevice) (*rest.None, error) {
			v, err := in.Version()
			if err != nil {
				return nil, err
			}
			return nil, s.Portal.Devices.Delete(ctx, who, in.ID, v)
		})
	config := endpoint(http.MethodGet, "/devices/{id}/config", "portal-device-config", "A device's WireGuard file")
	config.Answers = "text/plain"
	rest.Add(s.Surface, config, func(ctx context.Context, who actor.Actor, in *fileOf) (*rest.File, error) {
		give := s.Portal.Profiles.DeviceConfig
		if in.Blank {
			give = s.Portal.Profiles.BlankConfig
		}
		c, err := give(ctx, who, in.ID, in.Ingress)
		if err != nil {
			return nil, err
		}
		return &rest.File{ContentType: "text/plain; charset=utf-8", Disposition: `attachment; filename="` + c.File + `"`, Body: []byte(c.Text)}, nil
	})
	qr := endpoint(http.MethodGet, "/devices/{id}/qr", "portal-device-qr", "A device's WireGuard file as a QR code")
	qr.Answers = "image/*"
	rest.Add(s.Surface, qr, func(ctx context.Context, who actor.Actor, in *qrOf) (*rest.File, error) {
		c, err := s.Portal.Profiles.DeviceConfig(ctx, who, in.ID, in.Ingress)
		if err != nil {
			return nil, err
		}
		if in.Type == "png" {
			png, err := profile.QRPNG(c.Text)
			return &rest.File{ContentType: "image/png", Body: png}, err
		}
		svg, err := profile.QRSVG(c.Text)
		return &rest.File{ContentType: "image/svg+xml", Body: []byte(svg)}, err
	})
}
