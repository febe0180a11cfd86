package command

import (
	"slices"
	"strings"

	"culvert/panel/internal/hestia/registry"
)

// permissionSets are the sets of hestia-api.md §9.9, with the commands that exist.
func permissionSets(r *registry.Registry) []registry.Set {
	hestia := []string{
		"v-add-user", "v-delete-user", "v-suspend-user", "v-unsuspend-user", "v-change-user-shell", "v-list-user", "v-list-users",
		"v-make-tmp-file", "v-add-domain", "v-change-user-package", "v-change-user-password",
	}
	return []registry.Set{
		{Name: "billing", Role: registry.ForAdmins, Commands: slices.Concat(hestia, []string{
			"v-list-user-packages", "v-list-user-package", "v-list-user-stats", "v-change-user-contact", "v-change-user-name", "v-get-user-value",
			"v-list-sys-info", "v-get-user-name", "v-change-user-options", "v-change-user-expire", "v-add-user-quota", "v-list-users-traffic",
			"v-list-user-traffic", "v-list-user-credentials", "v-change-user-credentials", "v-delete-user-traffic", "v-rebuild-user",
			"v-get-user-config", "v-get-user-qr", "v-list-user-tokens", "v-add-user-token", "v-change-user-token", "v-list-wireguard-peers",
			"v-list-wireguard-peer", "v-add-wireguard-peer", "v-delete-wireguard-peer", "v-get-wireguard-peer-config", "v-get-wireguard-peer-qr",
			"v-list-user-sessions", "v-delete-user-session", "v-delete-user-sessions",
		})},
		{Name: "billing-hestia", Role: registry.ForAdmins, Commands: hestia},
		{Name: "vpn-user", Role: registry.ForUsers, Commands: []string{
			"v-list-user-protocols", "v-list-user-credentials", "v-change-user-credentials", "v-list-user-traffic",
			"v-get-user-config", "v-get-user-qr", "v-list-user-tokens", "v-add-user-token", "v-change-user-token", "v-delete-user-token",
			"v-add-wireguard-peer", "v-list-wireguard-peers", "v-list-wireguard-peer", "v-get-wireguard-peer-config", "v-get-wireguard-peer-qr",
			"v-change-wireguard-peer-key", "v-rename-wireguard-peer", "v-suspend-wireguard-peer", "v-unsuspend-wireguard-peer",
			"v-delete-wireguard-peer", "v-list-user-sessions", "v-delete-user-session", "v-delete-user-sessions",
		}},
		{Name: "monitoring", Role: registry.ForAdmins, Commands: watching(r)},
		{Name: "sso", Role: registry.ForAdmins, Commands: nil},
	}
}

// watching is every command that looks and shows no secret.
func watching(r *registry.Registry) []string {
	var out []string
	for _, n := range r.Names() {
		c, _ := r.Command(n)
		looks := strings.HasPrefix(n, "v-list-") || strings.HasPrefix(n, "v-get-") || strings.HasPrefix(n, "v-check-")
		if looks && !c.Is(registry.Secrets) && !c.Is(registry.Writes) && !c.Is(registry.Everyone) {
			out = append(out, n)
		}
	}
	return out
}
