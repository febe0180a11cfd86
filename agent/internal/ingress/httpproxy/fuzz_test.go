package httpproxy

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"culvert/agent/internal/flow"
)

// quiet is how long a fuzzed connection may say nothing; what it still wanted to say is of no interest.
const quiet = 50 * time.Millisecond

// lastWords end an open header, and make the server close a connection that is in order.
const lastWords = "\r\n\r\nGET / HTTP/1.0\r\n\r\n"

// FuzzRequests sends whole client streams through the real server. Whatever they are: no panic, no flow without a
// session, no session without a credential, nothing left behind (newRig), and the next client is served.
func FuzzRequests(f *testing.F) {
	const get = "GET http://origin.test/a?b HTTP/1.1\r\nHost: origin.test\r\n"
	for _, seed := range []string{
		"CONNECT origin.test:443 HTTP/1.1\r\nHost: origin.test\r\n" + ann + "\r\nearly",
		"CONNECT [2001:db8::1]:443 HTTP/1.0\r\n" + ann + "\r\n",
		"CONNECT origin.test HTTP/1.1\r\nHost: x\r\n" + ann + "\r\n",
		"CONNECT origin.test:443 HTTP/1.1\r\nHost: x\r\n" + ann + "Content-Length: 5\r\n\r\nhello",
		"CONNECT origin.test:443 HTTP/1.1\r\nHost: x\r\n\r\n" + "CONNECT origin.test:443 HTTP/1.1\r\nHost: x\r\n" + ann + "\r\n",
		get + ann + "\r\n" + get + "\r\n" + get + ann + "\r\n",
		get + ann + ann + "\r\n",
		get + ann + "Connection: close, X-Forwarded-For\r\nX-Forwarded-For: 1\r\nProxy-X: y\r\n\r\n",
		get + ann + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\nbytes",
		"POST http://origin.test/ HTTP/1.1\r\nHost: x\r\n" + ann + "Transfer-Encoding: chunked\r\nTrailer: A\r\n\r\n3\r\nabc\r\n0\r\nA: b\r\n\r\n",
		"POST http://origin.test/ HTTP/1.1\r\nHost: x\r\n" + ann + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		"POST http://origin.test/ HTTP/1.1\r\nHost: x\r\n" + ann + "Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
		"POST http://origin.test/ HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nabc",
		"OPTIONS http://origin.test HTTP/1.1\r\nHost: x\r\n" + ann + "Max-Forwards: 0\r\n\r\n",
		"TRACE http://origin.test/ HTTP/1.1\r\nHost: x\r\n" + ann + "Max-Forwards: 1\r\n\r\n",
		"GET http://u:p@origin.test:99999/ HTTP/1.1\r\nHost: x\r\n" + ann + "\r\n",
		"GET https://origin.test/ HTTP/1.1\r\nHost: x\r\n" + ann + "\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: x\r\n" + ann + "\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"\x05\x01\x00", "\x16\x03\x01\x00\x05hello", "",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		var origins sync.WaitGroup
		t.Cleanup(origins.Wait) // after the rig's: until then there may be more
		r := newRig(t, `{}`)
		r.host.DialTo = func(context.Context, flow.Flow) (net.Conn, error) {
			ours, theirs := net.Pipe()
			origins.Go(func() { briefOrigin(theirs) })
			return ours, nil
		}
		c := r.dial(t)
		if err := c.Conn.(*net.TCPConn).SetLinger(0); err != nil { // fuzzing would run out of ports
			t.Fatal(err)
		}
		written := make(chan struct{})
		go func() {
			defer close(written)
			_, _ = c.Write(append(bytes.Clone(stream), lastWords...))
		}()
		for buf := make([]byte, 4096); ; {
			if err := c.SetReadDeadline(time.Now().Add(quiet)); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Read(buf); err != nil {
				break
			}
		}
		_ = c.Close()
		<-written
		identified(t, r, bytes.Contains(bytes.ToLower(stream), []byte("proxy-authorization")))
		served(t, r)
	})
}

// briefOrigin takes what comes at once, answers like a web server, and is gone.
func briefOrigin(c net.Conn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Millisecond))
	_, _ = c.Read(make([]byte, 4096))
	_ = c.SetDeadline(time.Now().Add(quiet))
	_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
}

// identified checks that every flow belongs to a session and goes somewhere.
func identified(t *testing.T, r *rig, credential bool) {
	t.Helper()
	known := map[flow.Principal]bool{}
	for _, s := range r.host.Sessions() {
		known[s.P] = true
	}
	if !credential && len(known) > 0 {
		t.Errorf("%d sessions without a credential", len(known))
	}
	for _, fl := range r.host.Flows() {
		if !known[fl.Principal] || fl.Ingress != "ing_test" || fl.Network != flow.TCP || fl.Dest.Port == 0 || fl.Dest.Host() == "" {
			t.Errorf("flow %+v", fl)
		}
	}
}

// served checks that a good client gets through.
func served(t *testing.T, r *rig) {
	t.Helper()
	c := r.dial(t)
	if err := c.Conn.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	c.send(t, "CONNECT good.test:443 HTTP/1.1\r\nHost: good.test\r\n"+ann+"\r\n")
	if resp, _ := c.answer(t, http.MethodConnect); resp.StatusCode != http.StatusOK {
		t.Errorf("a good client got %d", resp.StatusCode)
	}
	_ = c.Close()
}
