package httpproxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"testing"
	"time"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress/ingresstest"
)

func TestConnect(t *testing.T) {
	t.Parallel()
	r, target := newRig(t, `{}`), ingresstest.Echo(t)
	c := r.dial(t)
	// The first bytes of the tunnel come with the request: they are not lost.
	c.send(t, "CONNECT "+target+" HTTP/1.1\r\nHost: "+target+"\r\n"+ann+"\r\nearly")
	if resp, _ := c.answer(t, http.MethodConnect); resp.StatusCode != http.StatusOK || len(resp.Header) != 0 {
		t.Fatalf("answer %d %v", resp.StatusCode, resp.Header)
	}
	c.send(t, " late")
	if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if all, err := io.ReadAll(c.r); err != nil || string(all) != "early late" {
		t.Errorf("tunnel carried %q, %v", all, err)
	}
	s := r.host.Sessions()
	if len(s) != 1 {
		t.Fatalf("%d sessions", len(s))
	}
	within(t, "end of the session", s[0].Ended)
	f := r.host.Flows()[0]
	if f.Principal.ID != "ann" || f.Ingress != "ing_test" || f.Network != flow.TCP || f.Dest.String() != target ||
		f.Source.Addr() != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("flow is %+v", f)
	}
	if up, down := r.host.Up.Load(), r.host.Down.Load(); up != 10 || down != 10 {
		t.Errorf("counted %d up, %d down", up, down)
	}
}

func TestConnectFromHTTP10(t *testing.T) {
	t.Parallel()
	r, target := newRig(t, `{}`), ingresstest.Echo(t)
	c := r.dial(t)
	c.send(t, "CONNECT "+target+" HTTP/1.0\r\n"+ann+"\r\n")
	if resp, _ := c.answer(t, http.MethodConnect); resp.StatusCode != http.StatusOK {
		t.Fatalf("answer %d", resp.StatusCode)
	}
	c.send(t, "x")
	if b, err := c.r.ReadByte(); err != nil || b != 'x' {
		t.Errorf("read %q, %v", b, err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	const (
		connect = "CONNECT 192.0.2.1:443 HTTP/1.1\r\nHost: x\r\n"
		get     = "GET http://192.0.2.1/ HTTP/1.1\r\nHost: x\r\n"
	)
	for name, c := range map[string]struct {
		request string
		deny    error
		refuse  error
		status  int
	}{
		"no credential":         {request: connect, status: 407},
		"no credential, get":    {request: get, status: 407},
		"wrong password":        {request: connect + "Proxy-Authorization: Basic YW5uOndyb25n\r\n", status: 407},
		"two credentials":       {request: connect + ann + ann, status: 407},
		"suspended":             {request: connect + ann, deny: flow.ErrRefused, status: 403},
		"blocked":               {request: connect + ann, refuse: flow.ErrBlocked, status: 403},
		"blocked, get":          {request: get + ann, refuse: flow.ErrBlocked, status: 403},
		"quota":                 {request: connect + ann, refuse: flow.ErrQuota, status: 429},
		"overload":              {request: connect + ann, refuse: flow.ErrOverload, status: 503},
		"draining":              {request: get + ann, refuse: flow.ErrClosed, status: 503},
		"exit down":             {request: connect + ann, refuse: flow.ErrNoRoute, status: 502},
		"refused":               {request: connect + ann, refuse: flow.ErrUnreachable, status: 502},
		"dial too long":         {request: get + ann, refuse: errors.Join(flow.ErrUnreachable, os.ErrDeadlineExceeded), status: 504},
		"dial out of context":   {request: connect + ann, refuse: errors.Join(flow.ErrUnreachable, context.DeadlineExceeded), status: 504},
		"connect without port":  {request: "CONNECT example.com HTTP/1.1\r\nHost: x\r\n" + ann, status: 400},
		"connect to port 0":     {request: "CONNECT example.com:0 HTTP/1.1\r\nHost: x\r\n" + ann, status: 400},
		"origin form":           {request: "GET / HTTP/1.1\r\nHost: x\r\n" + ann, status: 400},
		"origin form, stranger": {request: "GET / HTTP/1.1\r\nHost: x\r\n", status: 407},
		"asterisk":              {request: "OPTIONS * HTTP/1.1\r\nHost: x\r\n" + ann, status: 400},
		"https url":             {request: "GET https://192.0.2.1/ HTTP/1.1\r\nHost: x\r\n" + ann, status: 400},
		"port out of range":     {request: "GET http://192.0.2.1:99999/ HTTP/1.1\r\nHost: x\r\n" + ann, status: 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, `{"realm":"acme"}`)
			r.host.Fail(c.deny, c.refuse)
			conn := r.dial(t)
			conn.send(t, c.request+"\r\n")
			resp, _ := conn.answer(t, http.MethodGet)
			if resp.StatusCode != c.status {
				t.Errorf("status %d, want %d", resp.StatusCode, c.status)
			}
			want := ""
			if c.status == 407 {
				want = `Basic realm="acme", charset="UTF-8"`
			}
			if got := resp.Header.Get("Proxy-Authenticate"); got != want {
				t.Errorf("challenge %q, want %q", got, want)
			}
			// The connection stays usable: browsers answer a challenge on it.
			conn.send(t, "CONNECT nowhere HTTP/1.1\r\nHost: x\r\n"+ann+"\r\n")
			if resp, _ := conn.answer(t, http.MethodGet); resp.StatusCode != 400 && c.deny == nil {
				t.Errorf("the next request got %d", resp.StatusCode)
			}
		})
	}
}

func TestCutEndsIdleConnection(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{}`)
	addr, _ := rawOrigin(t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	victim, other := r.dial(t), r.dial(t)
	get := "GET http://" + addr + "/ HTTP/1.1\r\nHost: x\r\n" + ann + "\r\n"
	victim.send(t, get)
	victim.answer(t, http.MethodGet)
	other.send(t, get)
	other.answer(t, http.MethodGet)
	r.host.Sessions()[0].Cut()
	victim.ended(t)
	other.send(t, get)
	if resp, _ := other.answer(t, http.MethodGet); resp.StatusCode != http.StatusOK {
		t.Errorf("another session got %d", resp.StatusCode)
	}
}

func TestCutEndsTunnel(t *testing.T) {
	t.Parallel()
	r, target := newRig(t, `{}`), ingresstest.Echo(t)
	c := r.dial(t)
	c.send(t, "CONNECT "+target+" HTTP/1.1\r\n"+ann+"\r\n")
	c.answer(t, http.MethodConnect)
	s := r.host.Sessions()[0]
	s.Cut()
	c.ended(t)
	within(t, "end of the session", s.Ended)
}

func TestLeavingEndsTheSession(t *testing.T) {
	t.Parallel()
	r, target := newRig(t, `{}`), ingresstest.Echo(t)
	addr, _ := rawOrigin(t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	for name, request := range map[string]string{
		"idle":   "GET http://" + addr + "/ HTTP/1.1\r\nHost: x\r\n" + ann + "\r\n",
		"tunnel": "CONNECT " + target + " HTTP/1.1\r\n" + ann + "\r\n",
	} {
		c := r.dial(t)
		c.send(t, request)
		c.answer(t, request[:min(7, len(request))])
		c.Close()
		s := r.host.Sessions()
		within(t, "end of the "+name+" session", s[len(s)-1].Ended)
	}
}

func TestCloseDrains(t *testing.T) {
	t.Parallel()
	r, target := newRig(t, `{}`), ingresstest.Echo(t)
	c := r.dial(t)
	c.send(t, "CONNECT "+target+" HTTP/1.1\r\n"+ann+"\r\n")
	c.answer(t, http.MethodConnect)

	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	closed := make(chan error, 1)
	go func() { closed <- r.in.Close(ctx) }()
	for { // refuses newcomers at once
		n, err := net.Dial("tcp", r.addr)
		if err != nil {
			break
		}
		n.Close()
	}
	c.send(t, "x") // and lets the tunnel live on
	if b, err := c.r.ReadByte(); err != nil || b != 'x' {
		t.Fatalf("the tunnel was not drained: %q, %v", b, err)
	}
	if err := within(t, "close", closed); err != nil {
		t.Error(err)
	}
	c.ended(t)
}

func TestTLS(t *testing.T) {
	t.Parallel()
	r, target := newRig(t, `{"tls":true}`), ingresstest.Echo(t)
	c := r.dialTLS(t)
	c.send(t, "CONNECT "+target+" HTTP/1.1\r\n"+ann+"\r\nearly")
	if resp, _ := c.answer(t, http.MethodConnect); resp.StatusCode != http.StatusOK {
		t.Fatalf("answer %d", resp.StatusCode)
	}
	b := make([]byte, 5)
	if _, err := io.ReadFull(c.r, b); err != nil || string(b) != "early" {
		t.Errorf("tunnel carried %q, %v", b, err)
	}
}

func TestStrangersAreBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{"header_timeout_ms":500,"max_header_bytes":4096}`)
	for name, c := range map[string]struct {
		send   string
		status int // 0: just ends
	}{
		"says nothing":       {"", 0},
		"never ends":         {"GET http://192.0.2.1/ HTTP/1.1\r\nA: ", 0},
		"header too large":   {"GET http://192.0.2.1/ HTTP/1.1\r\nA: " + longHeader() + "\r\n\r\n", 431},
		"body without right": {"POST http://192.0.2.1/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", 407},
		"not http":           {"\x05\x01\x00\r\n\r\n", 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := r.dial(t)
			conn.send(t, c.send)
			if c.status != 0 {
				if resp, _ := conn.answer(t, http.MethodGet); resp.StatusCode != c.status {
					t.Errorf("status %d, want %d", resp.StatusCode, c.status)
				}
			}
			if c.status == 0 {
				_, _ = io.Copy(io.Discard, conn.r)
				if err := conn.SetReadDeadline(time.Now().Add(soon)); err != nil {
					t.Fatal(err)
				}
			}
			conn.ended(t)
		})
	}
}

// A stranger that asks again and again is sent away in the end; whoever signed in is not.
func TestStrangersDoNotStayForEver(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{"header_timeout_ms":1000}`)
	addr, _ := rawOrigin(t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	get := "GET http://" + addr + "/ HTTP/1.1\r\nHost: x\r\n"
	stranger, ours := r.dial(t), r.dial(t)
	ours.send(t, get+ann+"\r\n")
	ours.answer(t, http.MethodGet)
	pause := time.NewTicker(100 * time.Millisecond)
	defer pause.Stop()
	for {
		stranger.send(t, get+"\r\n")
		if resp, _ := stranger.answer(t, http.MethodGet); resp.Close {
			break
		}
		<-pause.C // the deadline of the connection ends this loop
	}
	stranger.ended(t)
	ours.send(t, get+"\r\n")
	if resp, _ := ours.answer(t, http.MethodGet); resp.StatusCode != http.StatusProxyAuthRequired || resp.Close {
		t.Errorf("a signed-in client that forgot its credential got %d, closed: %v", resp.StatusCode, resp.Close)
	}
}
