package ingresstest

import "testing"

// Run is the whole suite. It takes the test over: each part gets a node of its own.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for _, part := range []struct {
		name string
		skip bool // the protocol cannot do it, as declared
		run  func(*testing.T, Harness)
	}{
		{"bytes TCP", false, tcpBytes},
		{"bytes UDP", !h.UDP, udpBytes},
		{"no UDP", h.UDP, noUDP},
		{"sign-in", false, signIn},
		{"secrets", !h.Secret, secrets},
		{"nobody", false, nobody},
		{"expiry", false, expiry},
		{"cuts", false, cuts},
		{"cut idle", false, cutIdle},
		{"cut UDP", !h.UDP, cutUDP},
		{"quota", false, quota},
		{"kick", false, kick},
		{"half-close", !h.HalfClose, halfClose},
		{"no half-close", h.HalfClose, noHalfClose},
		{"slow reader", false, slowReader},
		{"thousand flows", false, thousandFlows},
		{"refused targets", false, refusedTargets},
		{"keys change", false, keysChange},
		{"speed", false, speed},
		{"pace", false, pace},
		{"drain", false, drain},
		{"sessions", false, sessions},
	} {
		if part.skip {
			continue
		}
		t.Run(part.name, func(t *testing.T) { part.run(t, h) })
	}
}
