package desired

import (
	"encoding/json"
	"slices"

	"culvert/panel/internal/network"
	"culvert/panel/internal/subscriber"
	"culvert/shared/nodeapi"
)

// Input is everything that a node's sections are made from. CompileSections is pure: equal inputs give equal bytes.
type Input struct {
	Settings     nodeapi.Settings
	Ingresses    []network.Ingress
	Certificates []nodeapi.Certificate
}

// CompileSections makes a node's sections: the enabled ingresses in order of id, and the certificates they name.
func CompileSections(in Input) nodeapi.Sections {
	out := nodeapi.Sections{Settings: in.Settings, Ingresses: []nodeapi.Ingress{}, Certificates: []nodeapi.Certificate{}}
	needed := map[string]bool{}
	for i := range in.Ingresses {
		g := &in.Ingresses[i]
		if !g.Enabled || g.Fault != "" {
			continue
		}
		c := ""
		if g.CertificateID != nil {
			c = *g.CertificateID
			needed[c] = true
		}
		out.Ingresses = append(out.Ingresses, nodeapi.Ingress{
			ID: g.ID, Kind: g.Kind, Name: g.Name, Listen: g.Listen, Certificate: c, Options: canonical(g.Options),
		})
	}
	slices.SortFunc(out.Ingresses, func(a, b nodeapi.Ingress) int { return compare(a.ID, b.ID) })
	for _, c := range in.Certificates {
		if needed[c.ID] {
			out.Certificates = append(out.Certificates, c)
		}
	}
	slices.SortFunc(out.Certificates, func(a, b nodeapi.Certificate) int { return compare(a.ID, b.ID) })
	return out
}

// canonical gives a JSON document one spelling: the database reorders keys, and a hash must not care.
func canonical(doc []byte) json.RawMessage {
	var v any
	if err := json.Unmarshal(doc, &v); err != nil {
		return json.RawMessage(doc) // the agent refuses it and names the field
	}
	b, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage(doc)
	}
	return b
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Serves reports whether a subscriber belongs on a node that is in groups. A subscriber without groups may use all nodes.
func Serves(v *subscriber.NodeView, groups []string) bool {
	return len(v.NodeGroups) == 0 || slices.ContainsFunc(v.NodeGroups, func(g string) bool { return slices.Contains(groups, g) })
}
