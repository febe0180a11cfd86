package api

import (
	"context"
	"encoding/json"
	"net/http"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/api/rest"
	"culvert/panel/internal/cert"
	"culvert/panel/internal/network"
)

type createIngress struct {
	Body struct {
		NodeID        string          `json:"node_id" maxLength:"64"`
		Kind          string          `json:"kind" maxLength:"32"`
		Name          string          `json:"name" maxLength:"64"`
		Listen        string          `json:"listen" maxLength:"64" doc:"address:port; :1080 for all addresses"`
		CertificateID *string         `json:"certificate_id,omitempty" maxLength:"64"`
		Options       json.RawMessage `json:"options,omitempty" doc:"document of the kind"`
		Enabled       *bool           `json:"enabled,omitempty" doc:"default true"`
	}
}

type patchIngress struct {
	ByID
	Matched
	Body struct {
		Name          *string          `json:"name,omitempty"`
		Listen        *string          `json:"listen,omitempty"`
		CertificateID Nullable[string] `json:"certificate_id,omitempty"`
		Options       json.RawMessage  `json:"options,omitempty" doc:"replaces the document"`
		Enabled       *bool            `json:"enabled,omitempty"`
	}
}

type listIngresses struct {
	Paged
	Node string `query:"node" maxLength:"64"`
}

func ingressVersion(g *network.Ingress) int64 { return g.Version }

func networkEndpoints(a *API) {
	read, write := actor.May(actor.Network, actor.Read), actor.May(actor.Network, actor.Write)
	const tag = "ingresses"
	add(a, endpoint{method: http.MethodPost, path: "/ingresses", id: "create-ingress", summary: "Add a service to a node", tag: tag, need: write, status: 201},
		func(ctx context.Context, who actor.Actor, in *createIngress) (*one[network.Ingress], error) {
			b := &in.Body
			g, err := a.Network.Create(ctx, who, network.Ingress{
				NodeID: b.NodeID, Kind: b.Kind, Name: b.Name, Listen: b.Listen, CertificateID: b.CertificateID,
				Options: network.Options(b.Options), Enabled: b.Enabled == nil || *b.Enabled,
			})
			return rest.Answer(g, ingressVersion, err)
		})
	add(a, endpoint{method: http.MethodGet, path: "/ingresses", id: "list-ingresses", summary: "List ingresses", tag: tag, need: read},
		func(ctx context.Context, who actor.Actor, in *listIngresses) (*bare[page[network.Ingress]], error) {
			l, err := a.Network.List(ctx, who, in.Node, in.Cursor, in.Limit+1)
			if err != nil {
				return nil, err
			}
			return rest.PageOf(l, in.Limit, func(g *network.Ingress) string { return g.ID }), nil
		})
	add(a, endpoint{method: http.MethodGet, path: "/ingresses/{id}", id: "get-ingress", summary: "Get an ingress", tag: tag, need: read},
		func(ctx context.Context, who actor.Actor, in *ByID) (*one[network.Ingress], error) {
			g, err := a.Network.Get(ctx, who, in.ID)
			return rest.Answer(g, ingressVersion, err)
		})
	add(a, endpoint{method: http.MethodPatch, path: "/ingresses/{id}", id: "update-ingress", summary: "Change an ingress; others on the node are not touched", tag: tag, need: write}, a.patchIngress)
	add(a, endpoint{method: http.MethodDelete, path: "/ingresses/{id}", id: "delete-ingress", summary: "Delete an ingress", tag: tag, need: write},
		func(ctx context.Context, who actor.Actor, in *ByID) (*none, error) {
			return nil, a.Network.Delete(ctx, who, in.ID)
		})
}

func (a *API) patchIngress(ctx context.Context, who actor.Actor, in *patchIngress) (*one[network.Ingress], error) {
	v, err := in.Version()
	if err != nil {
		return nil, err
	}
	g, err := a.Network.Update(ctx, who, in.ID, v, func(g *network.Ingress) {
		b := &in.Body
		set(&g.Name, b.Name)
		set(&g.Listen, b.Listen)
		set(&g.Enabled, b.Enabled)
		if len(b.Options) > 0 {
			g.Options = network.Options(b.Options)
		}
		if b.CertificateID.Set {
			g.CertificateID = nil
			if !b.CertificateID.Null {
				g.CertificateID = &b.CertificateID.Value
			}
		}
	})
	return rest.Answer(g, ingressVersion, err)
}

type createCert struct {
	Body struct {
		Name  string      `json:"name" maxLength:"64"`
		Names []string    `json:"names,omitempty" doc:"self-signed: domains and addresses"`
		Days  int         `json:"days,omitempty" minimum:"0" maximum:"3650" doc:"self-signed: life; 0: 730"`
		Chain string      `json:"chain,omitempty" maxLength:"65536" doc:"import: PEM, leaf first"`
		Key   secretInput `json:"key,omitempty" maxLength:"16384" doc:"import: PEM"`
	}
}

type replaceCert struct {
	ByID
	Matched
	Body struct {
		Chain string      `json:"chain" maxLength:"65536"`
		Key   secretInput `json:"key" maxLength:"16384"`
	}
}

const selfSignedDays = 730

func certVersion(c *cert.Certificate) int64 { return c.Version }

func certEndpoints(a *API) {
	read, write := actor.May(actor.Network, actor.Read), actor.May(actor.Network, actor.Write)
	const tag = "certificates"
	add(a, endpoint{method: http.MethodPost, path: "/certificates", id: "create-certificate", summary: "Import a certificate, or make a self-signed one", tag: tag, need: write, status: 201},
		func(ctx context.Context, who actor.Actor, in *createCert) (*one[cert.Certificate], error) {
			b := &in.Body
			if b.Chain != "" || b.Key != "" {
				c, err := a.Certs.Import(ctx, who, b.Name, b.Chain, b.Key.Secret())
				return rest.Answer(c, certVersion, err)
			}
			days := b.Days
			if days == 0 {
				days = selfSignedDays
			}
			c, err := a.Certs.SelfSign(ctx, who, b.Name, b.Names, days)
			return rest.Answer(c, certVersion, err)
		})
	add(a, endpoint{method: http.MethodGet, path: "/certificates", id: "list-certificates", summary: "List certificates, without keys", tag: tag, need: read},
		func(ctx context.Context, who actor.Actor, in *Paged) (*bare[page[cert.Certificate]], error) {
			l, err := a.Certs.List(ctx, who, in.Cursor, in.Limit+1)
			if err != nil {
				return nil, err
			}
			return rest.PageOf(l, in.Limit, func(c *cert.Certificate) string { return c.ID }), nil
		})
	add(a, endpoint{method: http.MethodGet, path: "/certificates/{id}", id: "get-certificate", summary: "Get a certificate, without its key", tag: tag, need: read},
		func(ctx context.Context, who actor.Actor, in *ByID) (*one[cert.Certificate], error) {
			c, err := a.Certs.Get(ctx, who, in.ID)
			return rest.Answer(c, certVersion, err)
		})
	add(a, endpoint{method: http.MethodPut, path: "/certificates/{id}", id: "replace-certificate", summary: "Put another key pair under a certificate, live", tag: tag, need: write},
		func(ctx context.Context, who actor.Actor, in *replaceCert) (*one[cert.Certificate], error) {
			v, err := in.Version()
			if err != nil {
				return nil, err
			}
			c, err := a.Certs.Replace(ctx, who, in.ID, v, in.Body.Chain, in.Body.Key.Secret())
			return rest.Answer(c, certVersion, err)
		})
	add(a, endpoint{method: http.MethodDelete, path: "/certificates/{id}", id: "delete-certificate", summary: "Delete a certificate that no ingress uses", tag: tag, need: write},
		func(ctx context.Context, who actor.Actor, in *ByID) (*none, error) {
			return nil, a.Certs.Delete(ctx, who, in.ID)
		})
}
