package api

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/api/rest"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/fleet"
)

type createNode struct {
	Body struct {
		Name    string   `json:"name" maxLength:"64"`
		Host    string   `json:"host,omitempty" maxLength:"253" doc:"address that subscribers dial"`
		Region  string   `json:"region,omitempty" maxLength:"64"`
		Comment string   `json:"comment,omitempty" maxLength:"255"`
		Groups  []string `json:"groups,omitempty" doc:"node group ids"`
	}
}

type patchNode struct {
	ByID
	Matched
	Body struct {
		Name    *string   `json:"name,omitempty"`
		Host    *string   `json:"host,omitempty"`
		Region  *string   `json:"region,omitempty"`
		Comment *string   `json:"comment,omitempty"`
		Groups  *[]string `json:"groups,omitempty"`
	}
}

type listNodes struct {
	Paged
	Group  string `query:"group" maxLength:"64"`
	Status string `query:"status" enum:",waiting,active,suspended,revoked"`
}

type ByNode struct {
	ByID
	Matched
}

type tokenRequest struct {
	ByID
	Body *struct {
		Hours int `json:"hours,omitempty" minimum:"0" maximum:"720" doc:"life; 0: 24"`
	}
}

type enrolToken struct {
	Token     string    `json:"token" doc:"shown once, good once"`
	Pin       string    `json:"pin" doc:"SHA-256 of the panel's CA"`
	Gateway   string    `json:"gateway"`
	Command   string    `json:"command" doc:"to run on the machine"`
	ExpiresAt time.Time `json:"expires_at"`
	Warnings  []string  `json:"warnings" doc:"why the command may not work"`
}

// thisMachine reports whether a host, or a host with a port, means the machine that it is used on.
func thisMachine(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// installation says how a node is set up with a token, and what another machine will run into.
func (c *Config) installation(pin, token string) (command string, warnings []string) {
	warnings = []string{}
	if thisMachine(c.GatewayPublic) {
		warnings = append(warnings, "the gateway's address "+c.GatewayPublic+" is this machine's own: set CULVERT_GATEWAY_PUBLIC for nodes elsewhere")
	}
	if u, err := url.Parse(c.PublicURL); err == nil && thisMachine(u.Host) {
		warnings = append(warnings, "the panel's address "+c.PublicURL+" is this machine's own: set CULVERT_PUBLIC_URL for nodes elsewhere")
	}
	if c.Install != nil {
		command, err := c.Install(c.GatewayPublic, pin, token)
		if err == nil {
			return command, warnings
		}
		why, _ := errs.Public(err)
		warnings = append(warnings, "the command needs an agent that is there already: "+why)
	}
	return fmt.Sprintf("CULVERT_AGENT_GATEWAY=%s CULVERT_AGENT_CA_PIN=%s CULVERT_AGENT_TOKEN=%s culvert-agent run", c.GatewayPublic, pin, token), warnings
}

func nodeVersion(n *fleet.Node) int64 { return n.Version }

type nodeAnswer = one[fleet.Node]

func nodeEndpoints(a *API) {
	read, write := actor.May(actor.Nodes, actor.Read), actor.May(actor.Nodes, actor.Write)
	const tag = "nodes"
	add(a, endpoint{method: http.MethodPost, path: "/nodes", id: "create-node", summary: "Add a node that waits for its enrolment", tag: tag, need: write, status: 201},
		func(ctx context.Context, who actor.Actor, in *createNode) (*nodeAnswer, error) {
			b := &in.Body
			n, err := a.Fleet.Create(ctx, who, fleet.NewNode{Name: b.Name, Host: b.Host, Region: b.Region, Comment: b.Comment, Groups: b.Groups})
			return rest.Answer(n, nodeVersion, err)
		})
	add(a, endpoint{method: http.MethodGet, path: "/nodes", id: "list-nodes", summary: "List nodes: online, versions, wanted and applied revision, refusal", tag: tag, need: read},
		func(ctx context.Context, who actor.Actor, in *listNodes) (*bare[page[fleet.Node]], error) {
			l, err := a.Fleet.List(ctx, who, fleet.Filter{Group: in.Group, Status: in.Status}, in.Cursor, in.Limit+1)
			if err != nil {
				return nil, err
			}
			return rest.PageOf(l, in.Limit, func(n *fleet.Node) string { return n.ID }), nil
		})
	add(a, endpoint{method: http.MethodGet, path: "/nodes/{id}", id: "get-node", summary: "Get a node", tag: tag, need: read},
		func(ctx context.Context, who actor.Actor, in *ByID) (*nodeAnswer, error) {
			n, err := a.Fleet.Get(ctx, who, in.ID)
			return rest.Answer(n, nodeVersion, err)
		})
	add(a, endpoint{method: http.MethodPatch, path: "/nodes/{id}", id: "update-node", summary: "Change a node", tag: tag, need: write},
		func(ctx context.Context, who actor.Actor, in *patchNode) (*nodeAnswer, error) {
			b := &in.Body
			return onNode(&in.Matched, func(v int64) (*fleet.Node, error) {
				return a.Fleet.Update(ctx, who, in.ID, v, fleet.Change{Name: b.Name, Host: b.Host, Region: b.Region, Comment: b.Comment, Groups: b.Groups})
			})
		})
	add(a, endpoint{method: http.MethodDelete, path: "/nodes/{id}", id: "delete-node", summary: "Delete a node", tag: tag, need: write},
		func(ctx context.Context, who actor.Actor, in *ByNode) (*none, error) {
			v, err := in.Version()
			if err != nil {
				return nil, err
			}
			return nil, a.Fleet.Delete(ctx, who, in.ID, v)
		})
	nodeActions(a, write)
}

func nodeActions(a *API, write actor.Permission) {
	action := func(verb, summary string) endpoint {
		return endpoint{method: http.MethodPost, path: "/nodes/{id}/" + verb, id: verb + "-node", summary: summary, tag: "nodes", need: write}
	}
	for _, v := range []struct {
		verb, summary string
		do            func(context.Context, actor.Actor, string, int64) (*fleet.Node, error)
	}{
		{"suspend", "Stop serving subscribers; stay connected", a.Fleet.Suspend},
		{"unsuspend", "Serve again", a.Fleet.Resume},
		{"revoke", "End a node's identity for good; its connections end within a second", a.Fleet.Revoke},
	} {
		add(a, action(v.verb, v.summary), func(ctx context.Context, who actor.Actor, in *ByNode) (*nodeAnswer, error) {
			return onNode(&in.Matched, func(version int64) (*fleet.Node, error) { return v.do(ctx, who, in.ID, version) })
		})
	}
	add(a, action("enrol-token", "Make a one-time enrolment token"), a.enrolToken)
	add(a, action("declare-lost", "Free the traffic allowances that a node which will not return holds"),
		func(ctx context.Context, who actor.Actor, in *ByID) (*none, error) {
			if _, err := a.Fleet.Get(ctx, who, in.ID); err != nil {
				return nil, err
			}
			return nil, a.Usage.DeclareLost(ctx, who, in.ID)
		})
}

func (a *API) enrolToken(ctx context.Context, who actor.Actor, in *tokenRequest) (*bare[enrolToken], error) {
	t, err := a.Fleet.CreateToken(ctx, who, in.ID, time.Duration(rest.OrZero(in.Body).Hours)*time.Hour)
	if err != nil {
		return nil, err
	}
	command, warnings := a.installation(t.Pin, t.Text.Reveal())
	return &bare[enrolToken]{Body: enrolToken{
		Token: t.Text.Reveal(), Pin: t.Pin, Gateway: a.GatewayPublic, ExpiresAt: t.Expires, Command: command, Warnings: warnings,
	}}, nil
}

func onNode(in *Matched, do func(version int64) (*fleet.Node, error)) (*nodeAnswer, error) {
	v, err := in.Version()
	if err != nil {
		return nil, err
	}
	n, err := do(v)
	return rest.Answer(n, nodeVersion, err)
}

type createGroup struct {
	Body struct {
		Name    string `json:"name" maxLength:"64"`
		Comment string `json:"comment,omitempty" maxLength:"255"`
	}
}

type patchGroup struct {
	ByID
	Matched
	Body struct {
		Name    *string `json:"name,omitempty"`
		Comment *string `json:"comment,omitempty"`
	}
}

func groupVersion(g *fleet.Group) int64 { return g.Version }

func groupEndpoints(a *API) {
	read, write := actor.May(actor.Nodes, actor.Read), actor.May(actor.Nodes, actor.Write)
	const tag = "node-groups"
	add(a, endpoint{method: http.MethodPost, path: "/node-groups", id: "create-node-group", summary: "Add a node group", tag: tag, need: write, status: 201},
		func(ctx context.Context, who actor.Actor, in *createGroup) (*one[fleet.Group], error) {
			g, err := a.Fleet.CreateGroup(ctx, who, in.Body.Name, in.Body.Comment)
			return rest.Answer(g, groupVersion, err)
		})
	add(a, endpoint{method: http.MethodGet, path: "/node-groups", id: "list-node-groups", summary: "List node groups", tag: tag, need: read},
		func(ctx context.Context, who actor.Actor, in *Paged) (*bare[page[fleet.Group]], error) {
			l, err := a.Fleet.ListGroups(ctx, who, in.Cursor, in.Limit+1)
			if err != nil {
				return nil, err
			}
			return rest.PageOf(l, in.Limit, func(g *fleet.Group) string { return g.ID }), nil
		})
	add(a, endpoint{method: http.MethodGet, path: "/granted-node-groups", id: "list-granted-node-groups", summary: "List the groups this tenant may put into plans", tag: tag, need: actor.May(actor.Plans, actor.Read)},
		func(ctx context.Context, who actor.Actor, _ *none) (*bare[page[fleet.GrantedGroup]], error) {
			l, err := a.Fleet.GroupsFor(ctx, who)
			if err != nil {
				return nil, err
			}
			return rest.PageOf(l, len(l), nil), nil
		})
	add(a, endpoint{method: http.MethodGet, path: "/node-groups/{id}", id: "get-node-group", summary: "Get a node group", tag: tag, need: read},
		func(ctx context.Context, who actor.Actor, in *ByID) (*one[fleet.Group], error) {
			g, err := a.Fleet.GetGroup(ctx, who, in.ID)
			return rest.Answer(g, groupVersion, err)
		})
	add(a, endpoint{method: http.MethodPatch, path: "/node-groups/{id}", id: "update-node-group", summary: "Change a node group", tag: tag, need: write},
		func(ctx context.Context, who actor.Actor, in *patchGroup) (*one[fleet.Group], error) {
			v, err := in.Version()
			if err != nil {
				return nil, err
			}
			g, err := a.Fleet.UpdateGroup(ctx, who, in.ID, v, fleet.GroupChange{Name: in.Body.Name, Comment: in.Body.Comment})
			return rest.Answer(g, groupVersion, err)
		})
	add(a, endpoint{method: http.MethodDelete, path: "/node-groups/{id}", id: "delete-node-group", summary: "Delete a node group", tag: tag, need: write},
		func(ctx context.Context, who actor.Actor, in *ByNode) (*none, error) {
			v, err := in.Version()
			if err != nil {
				return nil, err
			}
			return nil, a.Fleet.DeleteGroup(ctx, who, in.ID, v)
		})
}
