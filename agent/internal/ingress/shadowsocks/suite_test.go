package shadowsocks

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"culvert/agent/internal/ingress/ingresstest"
	options "culvert/shared/protocol/shadowsocks"
)

func TestMain(m *testing.M) {
	if spec := os.Getenv(serveVariable); spec != "" {
		serveAlone(spec)
		return
	}
	goleak.VerifyTestMain(m)
}

// optionsOf are those of a test server. A refused client learns of it when its time for a handshake is over, so that time
// is short here.
func optionsOf(t testing.TB, method string, timeout int) options.Options {
	t.Helper()
	raw, err := options.Complete(json.RawMessage(fmt.Sprintf(`{"method":%q,"handshake_timeout_ms":%d}`, method, timeout)))
	if err != nil {
		t.Fatal(err)
	}
	o, err := options.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func encode(t testing.TB, o options.Options) json.RawMessage {
	t.Helper()
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func harness(t testing.TB, method string, timeout int) ingresstest.Harness {
	t.Helper()
	o := optionsOf(t, method, timeout)
	return ingresstest.Harness{
		Kind: options.Name, Options: encode(t, o), Factory: New, UDP: true, HalfClose: true,
		Connect: func(_ context.Context, s ingresstest.Server, c ingresstest.Credential) (ingresstest.Client, error) {
			return newTester(o, s.Addr, c.Name+":"+c.Password), nil
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"2022-blake3-aes-128-gcm", "chacha20-ietf-poly1305"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			ingresstest.Run(t, harness(t, method, 1500))
		})
	}
}

func TestStrangersAreBounded(t *testing.T) {
	t.Parallel()
	ingresstest.Strangers(t, harness(t, "2022-blake3-aes-256-gcm", 120_000))
}
