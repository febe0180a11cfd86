package foreigntest

import (
	"net"
	"os/exec"
	"strconv"
	"testing"
)

// SSLocal runs shadowsocks-libev's client until the test ends, and returns the address of its local SOCKS5 proxy. It knows
// the AEAD methods only.
func SSLocal(t testing.TB, server *net.TCPAddr, method, password string) (proxy string) {
	t.Helper()
	program, err := exec.LookPath("ss-local")
	if err != nil {
		t.Fatalf("%v: deploy/install-deps.sh installs shadowsocks-libev", err)
	}
	port := strconv.Itoa(FreePort(t))
	proxy = net.JoinHostPort("127.0.0.1", port)
	run(t, proxy, "listening at", program,
		"-s", server.IP.String(), "-p", strconv.Itoa(server.Port), "-b", "127.0.0.1", "-l", port, "-m", method, "-k", password, "-u", "-v",
		"--mtu", "4000") // its buffers follow from it
	return proxy
}
