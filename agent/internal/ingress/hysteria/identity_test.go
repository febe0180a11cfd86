package hysteria

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// TestManyUsersDialOneAddress is the test that the hand-over must always pass: many users, one destination, TCP and UDP
// at once. Each stream and each association carries its user's name to a target that tells the host's view apart: the
// host notes who it dialled for by the local port of its outgoing socket.
func TestManyUsersDialOneAddress(t *testing.T) {
	t.Parallel()
	const (
		users = 12
		each  = 60
	)
	owner, host := &owners{byPort: map[string]string{}}, newHost()
	r := newRigOn(t, `{}`, host, &ownedHost{FakeHost: host, owners: owner})
	tcp, udp := newWitness(t), newWitnessUDP(t)

	var wg sync.WaitGroup
	for u := range users {
		name := fmt.Sprintf("user-%02d", u)
		c := r.connect(t, name)
		for i := range each {
			wg.Go(func() {
				conn, err := c.TCP(tcp.addr)
				if err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				defer conn.Close()
				port, err := ask(conn, name)
				if err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				if got := owner.of("tcp", port); got != name {
					t.Errorf("tcp flow of %s was dialled for %q", name, got)
				}
			})
			if i%4 != 0 {
				continue
			}
			wg.Go(func() {
				conn, err := c.UDP()
				if err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				defer conn.Close()
				if err := conn.Send([]byte(name), udp.addr); err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				answer, _, err := conn.Receive()
				if err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				said, port, _ := strings.Cut(string(answer), " ")
				if got := owner.of("udp", port); said != name || got != name {
					t.Errorf("udp association of %s was opened for %q and answered %q", name, got, said)
				}
			})
		}
	}
	wg.Wait()
	if n := owner.len(); n != users*(each+each/4) {
		t.Errorf("%d flows were opened, want %d", n, users*(each+each/4))
	}
}

// ask sends a line and reads back the port that the witness saw.
func ask(conn net.Conn, name string) (port string, err error) {
	if _, err := io.WriteString(conn, name+"\n"); err != nil {
		return "", err
	}
	var b bytes.Buffer
	one := make([]byte, 64)
	for !bytes.HasSuffix(b.Bytes(), []byte("\n")) {
		n, err := conn.Read(one)
		b.Write(one[:n])
		if err != nil {
			return "", err
		}
	}
	said, port, ok := strings.Cut(strings.TrimSpace(b.String()), " ")
	if !ok || said != name {
		return "", errors.New("answer was " + b.String())
	}
	return port, nil
}
