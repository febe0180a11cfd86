package api

import "testing"

func TestGatewayWarnings(t *testing.T) {
	t.Parallel()
	for gateway, warns := range map[string]bool{
		"127.0.0.1:8443": true, "[::1]:8443": true, "localhost:8443": true, "panel.example:8443": false, "203.0.113.9:8443": false,
	} {
		if got := gatewayWarnings(gateway); len(got) > 0 != warns {
			t.Errorf("%s: %q", gateway, got)
		}
	}
}
