package command

import (
	"strings"

	"culvert/panel/internal/hestia/registry"
)

// unserved are the commands of hestia-api.md §6 and §9, and those of Hestia's shipped permission sets, that do nothing here,
// by reason. Calling one answers as an unknown command does, with the reason; v-list-commands lists them.
func unserved() []registry.Unserved {
	const (
		rest  = "use the REST interface /api/v1"
		later = "not in this version"
	)
	var out []registry.Unserved
	for _, x := range []struct{ why, names string }{
		{"it would hand out what passwords can be guessed from", "v-get-user-salt v-check-user-hash"},
		{"services of the panel's host are restarted there", "v-restart-service v-restart-system"},
		{
			"users have no web sites, DNS zones, mail, databases or files here",
			"v-add-database-temp-user v-delete-database-temp-user v-change-dns-record v-list-dns-records v-list-web-domain v-list-web-domains " +
				"v-list-mail-domains v-list-databases v-list-cron-jobs v-list-user-backups v-purge-nginx-cache v-delete-domain",
		},
		{
			rest, "v-list-nodes v-list-node v-add-node v-change-node v-delete-node v-suspend-node v-unsuspend-node v-rebuild-node v-update-node " +
				"v-restart-node-service v-list-node-status v-list-node-services v-list-node-groups v-add-node-group v-delete-node-group " +
				"v-add-node-group-member v-delete-node-group-member v-generate-node-token v-revoke-node-token v-check-node-port " +
				"v-list-node-protocols v-add-node-protocol v-change-node-protocol v-suspend-node-protocol v-unsuspend-node-protocol " +
				"v-delete-node-protocol v-list-proxies v-add-proxy v-change-proxy v-suspend-proxy v-unsuspend-proxy v-delete-proxy " +
				"v-list-tls-certs v-list-tls-cert v-add-tls-cert v-generate-tls-cert v-get-tls-cert v-change-node-tls v-delete-tls-cert " +
				"v-list-jobs v-list-job v-run-job v-list-sessions",
		},
		{
			later, "v-add-user-login-token v-add-login-token v-list-webhooks v-add-webhook v-change-webhook v-delete-webhook v-check-webhook " +
				"v-list-webhook-deliveries v-run-webhook-delivery v-list-node-rules v-list-user-rules v-add-node-rule v-add-user-rule " +
				"v-change-node-rule v-change-user-rule v-move-node-rule v-move-user-rule v-suspend-node-rule v-suspend-user-rule " +
				"v-unsuspend-node-rule v-unsuspend-user-rule v-delete-node-rule v-delete-user-rule v-change-user-exit v-delete-user-exit " +
				"v-list-node-uplinks v-add-node-uplink v-suspend-node-uplink v-unsuspend-node-uplink v-delete-node-uplink v-list-node-topology " +
				"v-change-node-tun v-list-node-traffic v-add-letsencrypt-cert v-delete-tenant",
		},
	} {
		for name := range strings.FieldsSeq(x.names) {
			out = append(out, registry.Unserved{Name: name, Why: x.why})
		}
	}
	return out
}
