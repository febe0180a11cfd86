package shadowsocks

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress/ingresstest"
)

// TestMethods moves bytes through each method, TCP and UDP, for two subscribers of one port.
func TestMethods(t *testing.T) {
	t.Parallel()
	for _, method := range allMethods() {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, optionsOf(t, method, 10_000), "ann", "bob")
			dest, udp := ingresstest.Echo(t), ingresstest.EchoUDP(t)
			for _, name := range []string{"ann", "bob"} {
				c := r.dial(t, name, dest)
				data := random(300_001)
				go func() {
					_, _ = c.Write(data)
					_ = c.(*testConn).CloseWrite()
				}()
				if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, data) {
					t.Fatalf("%d bytes came back, %v", len(got), err)
				}
				p := r.associate(t, name)
				for _, size := range []int{0, 1, 1400, 8000} {
					p.ping(t, udp, strings.Repeat("x", size))
				}
				for _, s := range r.host.Sessions()[len(r.host.Sessions())-2:] {
					if s.P.ID != name {
						t.Errorf("session of %s, not of %s", s.P.ID, name)
					}
				}
			}
			if up, down := r.host.Up.Load(), r.host.Down.Load(); up != 600_002 || down != 600_002 {
				t.Errorf("%d up, %d down", up, down)
			}
		})
	}
}

// TestLargeAnswers: the first answer may have any size. After a small one, the first that does not fit is lost, and those
// after it are not.
func TestLargeAnswers(t *testing.T) {
	t.Parallel()
	r := newRig(t, optionsOf(t, "2022-blake3-aes-128-gcm", 10_000), "ann")
	p, udp := r.associate(t, "ann"), ingresstest.EchoUDP(t)
	large := strings.Repeat("x", 60_000)
	p.ping(t, udp, large)
	p.ping(t, udp, large)
	q := r.associate(t, "ann")
	q.ping(t, udp, "small")
	for range 2 {
		if err := q.Send([]byte(large), must(flow.ParseDest(udp))); err != nil {
			t.Fatal(err)
		}
	}
	q.hears(t, large)
	q.silent(t)
	q.ping(t, udp, large)
	until(t, "room is given back", func() bool { return r.packets.roomy.Load() == 0 })
}

// TestSilence: whatever is wrong with a first message looks like a message that is not whole yet: nothing is said, the
// connection is not reset, and it ends when its time for a handshake is over.
func TestSilence(t *testing.T) {
	t.Parallel()
	const limit = 700 * time.Millisecond
	for _, method := range bothEditions() {
		r := newRig(t, optionsOf(t, method, int(limit/time.Millisecond)), "ann")
		refusing := newRig(t, r.opts, "ann")
		refusing.host.Fail(flow.ErrRefused, nil)
		dest := ingresstest.Echo(t)
		ann, stranger := r.client("ann"), r.client("eve")
		honest := func(f forge) []byte {
			_, _, b := ann.hello(dest, f)
			return b
		}
		again := honest(forge{payload: []byte("x")})
		first, err := net.Dial("tcp", r.addr.String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { first.Close() })
		if _, err := first.Write(again); err != nil {
			t.Fatal(err)
		}
		until(t, "the honest flow", func() bool { return len(r.host.Flows()) == 1 })

		cases := map[string]func() []byte{
			"nothing":  func() []byte { return nil },
			"one byte": func() []byte { return []byte{7} },
			"garbage":  func() []byte { return random(5000) },
			"HTTP":     func() []byte { return []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n") },
			"replay":   func() []byte { return again },
			"stranger": func() []byte { _, _, b := stranger.hello(dest, forge{}); return b },
			"bent": func() []byte {
				b := honest(forge{})
				b[len(b)-1] ^= 1
				return b
			},
			"cut short": func() []byte { return honest(forge{})[:30] },
		}
		if ann.method.Modern {
			for name, f := range map[string]forge{
				"too early":                   {at: time.Now().Add(time.Hour)},
				"too late":                    {at: time.Now().Add(-31 * time.Second)},
				"absurd time":                 {at: time.Unix(-1, 0)},
				"another type":                {kind: 1},
				"neither payload nor padding": {noFiller: true},
				"padding beyond the header":   {padding: 4000},
			} {
				cases[name] = func() []byte { return honest(f) }
			}
			cases["cut in the second header"] = func() []byte { b := honest(forge{}); return b[:len(b)-3] }
		}
		check := func(name string, to *rig, b func() []byte) {
			t.Run(method+" "+name, func(t *testing.T) {
				t.Parallel()
				c, err := net.Dial("tcp", to.addr.String())
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				begin := time.Now()
				if _, err := c.Write(b()); err != nil {
					t.Fatal(err)
				}
				drained(t, c, begin, limit)
				if s, f := to.host.Sessions(), to.host.Flows(); to == r && (len(s) != 1 || len(f) != 1) {
					t.Errorf("%d sessions, %d flows", len(s), len(f))
				}
			})
		}
		for name, b := range cases {
			check(name, r, b)
		}
		check("refused", refusing, func() []byte {
			_, _, b := refusing.client("ann").hello(dest, forge{})
			return b
		})
	}
}

// TestByteByByte: AEAD takes a first message in pieces; 2022 forbids it, so that nobody can count what the server reads.
func TestByteByByte(t *testing.T) {
	t.Parallel()
	r := newRig(t, optionsOf(t, "aes-128-gcm", 10_000), "ann")
	c, err := net.Dial("tcp", r.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _, b := r.client("ann").hello(ingresstest.Echo(t), forge{payload: []byte("hello")})
	for i := range b {
		if _, err := c.Write(b[i : i+1]); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "the flow", func() bool { return r.host.Up.Load() == 5 })
}

// TestAnswersAreNoRequests: what the server sent is refused when it comes back, over either transport.
func TestAnswersAreNoRequests(t *testing.T) {
	t.Parallel()
	for _, method := range bothEditions() {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, optionsOf(t, method, 500), "ann")
			raw, err := net.Dial("tcp", r.addr.String())
			if err != nil {
				t.Fatal(err)
			}
			defer raw.Close()
			// An echo of an address gives an answer that reads like a request.
			_, _, b := r.client("ann").hello(ingresstest.Echo(t), forge{payload: destBytes("127.0.0.1:9")})
			if _, err := raw.Write(b); err != nil {
				t.Fatal(err)
			}
			answer := make([]byte, 1000)
			n, err := raw.Read(answer)
			if err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			back, err := net.Dial("tcp", r.addr.String())
			if err != nil {
				t.Fatal(err)
			}
			defer back.Close()
			if _, err := back.Write(answer[:n]); err != nil {
				t.Fatal(err)
			}
			drained(t, back, begin, 500*time.Millisecond)

			dest, got := echoes(t)
			p := r.associate(t, "ann")
			if err := p.Send([]byte("x"), must(flow.ParseDest(dest))); err != nil {
				t.Fatal(err)
			}
			n, err = p.Read(answer)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.Write(answer[:n]); err != nil {
				t.Fatal(err)
			}
			p.ping(t, dest, "y")
			if g := got.Load(); g != 2 {
				t.Errorf("the target got %d datagrams", g)
			}
		})
	}
}

// TestRefusedTargetEnds: a destination that is not reached ends the connection, at once.
func TestRefusedTargetEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t, optionsOf(t, "2022-blake3-aes-256-gcm", 10_000), "ann")
	r.host.Fail(nil, flow.ErrBlocked)
	begin := time.Now()
	if n, err := r.dial(t, "ann", "127.0.0.1:1").Read(make([]byte, 1)); n != 0 || err == nil || time.Since(begin) > soon/2 {
		t.Errorf("%d bytes, %v", n, err)
	}
	until(t, "the session's end", func() bool {
		select {
		case <-r.host.Session(t, "ann").Ended:
			return true
		default:
			return false
		}
	})
}

// TestTamperedStream: a chunk that is not authentic ends the flow, and nothing of it is passed on.
func TestTamperedStream(t *testing.T) {
	t.Parallel()
	for _, method := range allMethods() {
		r := newRig(t, optionsOf(t, method, 10_000), "ann")
		c := r.dial(t, "ann", ingresstest.Echo(t)).(*testConn)
		if _, err := c.Write([]byte("good")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
		bad := c.up.chunk([]byte("evil"))
		bad[len(bad)-1] ^= 1
		if _, err := c.Conn.Write(bad); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("%s: %d bytes, %v", method, n, err)
		}
		if up := r.host.Up.Load(); up != 4 {
			t.Errorf("%s: %d bytes passed on", method, up)
		}
	}
}

// TestKnownMessages pins session keys and nonces. The values were made by other programs: Python's cryptography (HKDF, AES-GCM)
// and b3sum (BLAKE3's derive_key).
func TestKnownMessages(t *testing.T) {
	t.Parallel()
	key := must(hex.DecodeString("000102030405060708090a0b0c0d0e0f"))
	salt := must(hex.DecodeString("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"))
	for method, want := range map[string]string{"2022-blake3-aes-128-gcm": "d9b972336eb3b007f71f470881af9614164066b326862f233ff8efa27016cb3f5ec42ad656", "aes-128-gcm": "5a009c7faa21e959373a368e4549d8b456ebfccd9a1c7446e365d624a16b6a839808d48dd5"} {
		m := newSuite(optionsOf(t, method, 1000).Cipher())
		a, err := m.stream(key, salt)
		if err != nil {
			t.Fatal(err)
		}
		var n nonce
		var out []byte
		for _, text := range []string{"", "chunk"} {
			out = a.Seal(out, must(n.step()), []byte(text), nil)
		}
		if got := fmt.Sprintf("%x", out); got != want {
			t.Errorf("%s: %s", method, got)
		}
	}
	var worn nonce
	worn.next = 1<<64 - 1
	if _, err := worn.step(); !errors.Is(err, errWorn) {
		t.Errorf("a nonce is used again: %v", err)
	}
}
