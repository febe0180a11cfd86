package api

import (
	"context"
	"net/http"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/api/rest"
	"culvert/panel/internal/device"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/profile"
)

const tagDevices = "devices"

type createDevice struct {
	ByID
	Body struct {
		Name         string      `json:"name" maxLength:"64" doc:"unique for the subscriber"`
		PublicKey    string      `json:"public_key,omitempty" maxLength:"64" doc:"base64; empty: the panel makes the pair"`
		PresharedKey secretInput `json:"preshared_key,omitempty" maxLength:"64" doc:"base64; empty: made with a pair, none beside a key of the user's"`
		Ingress      string      `json:"ingress_id,omitempty" maxLength:"64" doc:"the only ingress it may use; empty: any"`
		Node         string      `json:"node,omitempty" maxLength:"64" doc:"name or id: the first ingress there is the only one"`
		Address      string      `json:"address,omitempty" maxLength:"64" doc:"inner IPv4 address; empty: the lowest that is free"`
	}
}

type patchDevice struct {
	ByID
	Matched
	Body struct {
		Name     *string          `json:"name,omitempty" maxLength:"64"`
		Disabled *bool            `json:"disabled,omitempty"`
		Ingress  Nullable[string] `json:"ingress_id,omitempty" doc:"null: any"`
	}
}

type rotateDeviceKey struct {
	ByID
	Matched
	Body *struct {
		PublicKey    string      `json:"public_key,omitempty" maxLength:"64" doc:"base64; empty: the panel makes the pair"`
		PresharedKey secretInput `json:"preshared_key,omitempty" maxLength:"64"`
	}
}

// byDevice names a device and may insist on a version.
type byDevice struct {
	ByID
	Matched
}

// ConfigOf asks for a device's configuration.
type ConfigOf struct {
	ByID
	Ingress string `query:"ingress" maxLength:"64" doc:"id of the ingress it leads to; absent: the device's own, or the first"`
}

type deviceQR struct {
	ConfigOf
	Type string `query:"type" enum:"svg,png" default:"svg"`
}

type makeLink struct {
	ByID
	Body *struct {
		Ingress string `json:"ingress_id,omitempty" maxLength:"64"`
		Minutes int    `json:"minutes,omitempty" minimum:"1" maximum:"43200" doc:"how long it lives; absent: a day"`
	}
}

func deviceVersion(d *device.Device) int64 { return d.Version }

type deviceAnswer = one[device.Device]

func deviceEndpoints(a *API) {
	read, write := actor.May(actor.Subscribers, actor.Read), actor.May(actor.Subscribers, actor.Write)
	secrets := actor.May(actor.Secrets, actor.Read)
	add(a, endpoint{method: http.MethodPost, path: "/subscribers/{id}/devices", id: "create-device", summary: "Give a subscriber a WireGuard device", tag: tagDevices, need: write, status: 201},
		func(ctx context.Context, who actor.Actor, in *createDevice) (*deviceAnswer, error) {
			b := &in.Body
			d, err := a.Devices.Add(ctx, who, device.New{
				Subscriber: in.ID, Name: b.Name, PublicKey: b.PublicKey, PresharedKey: string(b.PresharedKey), Ingress: b.Ingress, Node: b.Node, Address: b.Address,
			})
			return rest.Answer(d, deviceVersion, err)
		})
	add(a, endpoint{method: http.MethodGet, path: "/subscribers/{id}/devices", id: "list-devices", summary: "List a subscriber's devices", tag: tagDevices, need: read},
		func(ctx context.Context, who actor.Actor, in *ByID) (*bare[page[device.Device]], error) {
			l, err := a.Devices.List(ctx, who, in.ID)
			return rest.Wrap(&page[device.Device]{Items: l}, err)
		})
	add(a, endpoint{method: http.MethodGet, path: "/devices/{id}", id: "get-device", summary: "Get a device", tag: tagDevices, need: read},
		func(ctx context.Context, who actor.Actor, in *ByID) (*deviceAnswer, error) {
			d, err := a.Devices.Get(ctx, who, in.ID)
			return rest.Answer(d, deviceVersion, err)
		})
	add(a, endpoint{method: http.MethodPatch, path: "/devices/{id}", id: "update-device", summary: "Rename, switch off or bind a device", tag: tagDevices, need: write},
		profiles{a}.patchDevice)
	add(a, endpoint{method: http.MethodDelete, path: "/devices/{id}", id: "delete-device", summary: "Delete a device", tag: tagDevices, need: write},
		func(ctx context.Context, who actor.Actor, in *byDevice) (*none, error) {
			v, err := in.Version()
			if err != nil {
				return nil, err
			}
			return nil, a.Devices.Delete(ctx, who, in.ID, v)
		})
	add(a, endpoint{method: http.MethodPost, path: "/devices/{id}/rotate-key", id: "rotate-device-key", summary: "Give a device another key", tag: tagDevices, need: write},
		func(ctx context.Context, who actor.Actor, in *rotateDeviceKey) (*deviceAnswer, error) {
			v, err := in.Version()
			if err != nil {
				return nil, err
			}
			b := rest.OrZero(in.Body)
			d, err := a.Devices.RotateKey(ctx, who, in.ID, v, b.PublicKey, string(b.PresharedKey))
			return rest.Answer(d, deviceVersion, err)
		})
	add(a, endpoint{method: http.MethodGet, path: "/devices/{id}/config", id: "get-device-config", summary: "Show a device's WireGuard file; leaves an audit record", tag: tagDevices, need: secrets},
		func(ctx context.Context, who actor.Actor, in *ConfigOf) (*file, error) {
			c, err := a.Profiles.DeviceConfig(ctx, who, in.ID, in.Ingress)
			if err != nil {
				return nil, err
			}
			return &file{ContentType: "text/plain; charset=utf-8", Disposition: `attachment; filename="` + c.File + `"`, Body: []byte(c.Text)}, nil
		})
	add(a, endpoint{method: http.MethodGet, path: "/devices/{id}/qr", id: "get-device-qr", summary: "Show a device's WireGuard file as a QR code; leaves an audit record", tag: tagDevices, need: secrets},
		func(ctx context.Context, who actor.Actor, in *deviceQR) (*file, error) {
			c, err := a.Profiles.DeviceConfig(ctx, who, in.ID, in.Ingress)
			if err != nil {
				return nil, err
			}
			return picture(c.Text, in.Type)
		})
	add(a, endpoint{method: http.MethodPost, path: "/devices/{id}/links", id: "create-device-link", summary: "Make a link that gives out a device's WireGuard file once", tag: tagDevices, need: secrets, status: 201},
		func(ctx context.Context, who actor.Actor, in *makeLink) (*bare[profile.Link], error) {
			b := rest.OrZero(in.Body)
			l, err := a.Profiles.MakeLink(ctx, who, in.ID, b.Ingress, time.Duration(b.Minutes)*time.Minute)
			return rest.Wrap(l, err)
		})
}

func (a profiles) patchDevice(ctx context.Context, who actor.Actor, in *patchDevice) (*deviceAnswer, error) {
	v, err := in.Version()
	if err != nil {
		return nil, err
	}
	c := device.Change{Name: in.Body.Name, Disabled: in.Body.Disabled}
	if x := in.Body.Ingress; x.Set {
		if !x.Null && x.Value == "" {
			return nil, errs.Bad("ingress_id", "must be an id, or null")
		}
		c.Ingress = &x.Value
	}
	d, err := a.Devices.Update(ctx, who, in.ID, v, c)
	return rest.Answer(d, deviceVersion, err)
}

// picture is a QR code of a text.
func picture(text, kind string) (*file, error) {
	if kind == "png" {
		png, err := profile.QRPNG(text)
		return &file{ContentType: "image/png", Body: png}, err
	}
	svg, err := profile.QRSVG(text)
	return &file{ContentType: "image/svg+xml", Body: []byte(svg)}, err
}
