package hysteria

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress"
	"culvert/agent/internal/ingress/ingresstest"
)

// owners notes for whom each outgoing socket was opened.
type owners struct {
	mu     sync.Mutex
	byPort map[string]string
}

func (o *owners) note(network string, a net.Addr, user string) {
	_, port, _ := net.SplitHostPort(a.String())
	o.mu.Lock()
	defer o.mu.Unlock()
	o.byPort[network+" "+port] = user
}

func (o *owners) of(network, port string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.byPort[network+" "+port]
}

func (o *owners) len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.byPort)
}

// ownedHost is a FakeHost whose flows are noted in owners.
type ownedHost struct {
	*ingresstest.FakeHost
	owners *owners
}

func (h *ownedHost) Dial(ctx context.Context, f flow.Flow) (ingress.Conn, error) {
	c, err := h.FakeHost.Dial(ctx, f)
	if err == nil {
		h.owners.note("tcp", c.LocalAddr(), f.Principal.ID)
	}
	return c, err
}

func (h *ownedHost) Associate(ctx context.Context, f flow.Flow) (ingress.PacketConn, error) {
	c, err := h.FakeHost.Associate(ctx, f)
	if err == nil {
		h.owners.note("udp", c.(interface{ LocalAddr() net.Addr }).LocalAddr(), f.Principal.ID)
	}
	return c, err
}

type witness struct{ addr string }

// newWitness answers the first line of a connection with that line and the port it came from.
func newWitness(t *testing.T) witness {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				line, err := bufio.NewReader(c).ReadString('\n')
				if err != nil {
					return
				}
				_, port, _ := net.SplitHostPort(c.RemoteAddr().String())
				fmt.Fprintf(c, "%s %s\n", strings.TrimSpace(line), port)
				_, _ = c.Read(make([]byte, 1)) // stay until the client leaves
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return witness{l.Addr().String()}
}

// newWitnessUDP does the same for datagrams.
func newWitnessUDP(t *testing.T) witness {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		b := make([]byte, 2048)
		for {
			n, from, err := c.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			_, _ = c.WriteToUDPAddrPort(fmt.Appendf(nil, "%s %d", b[:n], from.Port()), from)
		}
	})
	t.Cleanup(func() { c.Close(); wg.Wait() })
	return witness{c.LocalAddr().String()}
}
