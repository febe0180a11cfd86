package socks

import (
	"testing"

	"culvert/agent/internal/ingress/ingresstest"
)

// BenchmarkAgainstBareRelay measures CONNECT tunnels.
func BenchmarkAgainstBareRelay(b *testing.B) { ingresstest.Bulk(b, harness(`{}`)) }
