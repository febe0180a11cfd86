// Package actor says who is asking: the tenant, the kind of caller and what it may do. An Actor is obtained from a
// credential by identity and is an argument of every service method; the tenant never comes from a request body.
package actor

import (
	"slices"
	"strings"

	"culvert/panel/internal/errs"
)

// Kind tells callers apart in audit and in rules that hold for one kind only.
type Kind string

// The kinds of callers.
const (
	Login      Kind = "login"      // a person, signed in
	Key        Kind = "key"        // an access key
	LegacyKey  Kind = "legacy_key" // Hestia's old API key or password
	Subscriber Kind = "subscriber" // an end user, in the portal
	Local      Kind = "local"      // the command line on the panel's own machine
	System     Kind = "system"     // the panel itself: expiry, resets, quota
)

// Permission is resource:action. "*" stands for every resource or every action.
type Permission string

// Actions. Write covers create, update and delete of the resource's own rows.
const (
	Read  = "read"
	Write = "write"
)

// Resources.
const (
	Subscribers = "subscriber"
	Plans       = "plan"
	Tenants     = "tenant"
	Logins      = "login"
	Keys        = "access_key"
	Nodes       = "node"
	Network     = "network" // ingresses, certificates
	Usage       = "usage"
	Sessions    = "session"
	Audit       = "audit"
	Settings    = "setting"
	Secrets     = "secret" // see credentials in clear
)

// May builds a permission.
func May(resource, action string) Permission { return Permission(resource + ":" + action) }

// Set is a list of permissions.
type Set []Permission

// Allows reports whether the set grants p.
func (s Set) Allows(p Permission) bool {
	res, act, _ := strings.Cut(string(p), ":")
	return slices.ContainsFunc(s, func(g Permission) bool {
		r, a, _ := strings.Cut(string(g), ":")
		return (r == "*" || r == res) && (a == "*" || a == act || (a == Write && act == Read))
	})
}

// Within reports whether every permission of s is granted by o: a key never makes a wider key.
func (s Set) Within(o Set) bool {
	for _, p := range s {
		res, act, _ := strings.Cut(string(p), ":")
		if res == "*" || act == "*" {
			if !slices.Contains(o, p) && !slices.Contains(o, "*:*") {
				return false
			}
			continue
		}
		if !o.Allows(p) {
			return false
		}
	}
	return true
}

// Resources lists what permissions are about; * is all of it.
func Resources() []string {
	return []string{"*", Subscribers, Plans, Tenants, Logins, Keys, Nodes, Network, Usage, Sessions, Audit, Settings, Secrets}
}

// ParseSet checks texts of the form resource:action.
func ParseSet(field string, in []string) (Set, error) {
	resources := Resources()
	out := make(Set, 0, len(in))
	for _, t := range in {
		r, a, ok := strings.Cut(t, ":")
		if !ok || !slices.Contains(resources, r) || (a != "*" && a != Read && a != Write) {
			return nil, errs.Bad(field, "%q is not resource:action: the resource one of %s, the action read, write or *", t, strings.Join(resources, ", "))
		}
		out = append(out, Permission(t))
	}
	return out, nil
}

// Actor is who is asking.
type Actor struct {
	Tenant      string // whose rows it works on; row-level security is set to this
	Home        string // the tenant it belongs to; differs from Tenant when an ancestor acts for a descendant
	Kind        Kind
	ID          string
	Name        string
	Permissions Set
	Owner       string // non-empty: confined to the subscriber of this name (a key with owner_kind subscriber)
	Operator    bool   // belongs to the root tenant
	Address     string // caller's address, for audit
	Trace       string // request id
}

// Require is the first line of every service method.
func (a Actor) Require(p Permission) error {
	if a.Tenant == "" {
		return errs.New(errs.Unauthorized, "sign in first")
	}
	if !a.Permissions.Allows(p) {
		return errs.New(errs.Denied, "%s %s may not do this: it lacks %s", a.Kind, a.Name, p)
	}
	return nil
}

// RequireOperator refuses everyone outside the root tenant.
func (a Actor) RequireOperator(p Permission) error {
	if !a.Operator {
		return errs.New(errs.Denied, "only the operator may do this")
	}
	return a.Require(p)
}

// Full is every permission.
func Full() Set { return Set{"*:*"} }

// RoleSet returns what a built-in role may do; ok is false for a role that is not built in.
func RoleSet(role string) (s Set, ok bool) {
	switch role {
	case "owner":
		return Full(), true
	case "admin":
		return Set{
			"subscriber:*", "plan:*", "tenant:*", "login:read", "access_key:*", "node:*", "network:*", "usage:read",
			"session:*", "audit:read", "setting:*", "secret:read",
		}, true
	case "billing":
		return Set{"subscriber:*", "plan:read", "usage:read", "session:read", "secret:read"}, true
	case "support":
		return Set{"subscriber:read", "plan:read", "usage:read", "session:*", "node:read", "secret:read"}, true
	case "readonly":
		return Set{
			"subscriber:read", "plan:read", "tenant:read", "login:read", "access_key:read", "node:read", "network:read", "usage:read",
			"session:read", "audit:read", "setting:read",
		}, true
	}
	return nil, false
}
