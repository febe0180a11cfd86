package shadowsocks

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"culvert/agent/internal/flow"
)

// FuzzAddress: an address that is taken is one that can be dialled, and is the same from bytes and from a stream.
func FuzzAddress(f *testing.F) {
	for _, dest := range []string{"192.0.2.1:80", "[2001:db8::1]:443", "example.com:53", "localhost:1"} {
		f.Add(append(destBytes(dest), "rest"...))
	}
	f.Add([]byte{3, 0, 0, 80})
	f.Add([]byte{3, 255, 'a'})
	f.Add([]byte{4, 0})
	f.Add([]byte{3, 9, '1', '2', '7', '.', '0', '.', '0', '.', '1', 0, 80})
	f.Fuzz(func(t *testing.T, b []byte) {
		dest, rest, err := parseAddress(b)
		fromStream, serr := readAddress(bytes.NewReader(b))
		if (err == nil) != (serr == nil) || (err == nil && fromStream != dest) {
			t.Fatalf("bytes give %v, %v; a stream %v, %v", dest, err, fromStream, serr)
		}
		if err != nil {
			return
		}
		if dest.Port == 0 || (dest.Domain == "") == !dest.Addr.IsValid() || dest.Addr.Zone() != "" || dest.Addr.Is4In6() {
			t.Errorf("took %+v", dest)
		}
		if !bytes.HasSuffix(b, rest) {
			t.Errorf("rest %x is not the end of %x", rest, b)
		}
		if dest.Addr.IsValid() {
			if got, left, err := parseAddress(appendAddress(nil, dest)); err != nil || got != dest || len(left) != 0 {
				t.Errorf("%v was written and read as %v, %v", dest, got, err)
			}
		}
	})
}

// FuzzHeaders: what is sealed by an honest key is still not trusted.
func FuzzHeaders(f *testing.F) {
	now := time.Unix(1_700_000_000, 0)
	stamp := binary.BigEndian.AppendUint64([]byte{0}, uint64(now.Unix()))
	f.Add(append(destBytes("192.0.2.1:80"), 0, 1, 9))
	f.Add(append(destBytes("example.com:80"), 0, 0, 'p'))
	f.Add(append(append(stamp, 0, 2, 1, 1), append(destBytes("192.0.2.1:53"), "query"...)...))
	f.Add(append(append([]byte{}, stamp...), 255, 255))
	f.Fuzz(func(t *testing.T, b []byte) {
		if dest, payload, err := parseRequest(b); err == nil {
			if dest.Port == 0 || !bytes.HasSuffix(b, payload) || len(b) < 7+2+1 {
				t.Errorf("request %x became %v and %x", b, dest, payload)
			}
		}
		if dest, payload, err := parseDatagram(b, now); err == nil {
			if dest.Port == 0 || !bytes.HasSuffix(b, payload) || b[0] != 0 || !timely(binary.BigEndian.Uint64(b[1:]), now) {
				t.Errorf("datagram %x became %v and %x", b, dest, payload)
			}
		}
	})
}

// FuzzStream reads sealed bytes that were bent, cut and glued: only what was sealed comes out, in order.
func FuzzStream(f *testing.F) {
	for i := range len(allMethods()) {
		f.Add(byte(i), []byte("some payload"), 3, 0, byte(0), 5)
		f.Add(byte(i), bytes.Repeat([]byte("x"), 2_000), 1_000, 1_500, byte(1), 100)
		f.Add(byte(i), []byte{}, 0, 17, byte(128), 1)
	}
	f.Fuzz(func(t *testing.T, method byte, data []byte, split, at int, bend byte, piece int) {
		c, w, up := pair(t, allMethods()[int(method)%len(allMethods())])
		w.piece = 1 + abs(piece)%4096
		most := c.suite.most
		data = data[:min(len(data), most)]
		split = abs(split) % (len(data) + 1)
		w.in = append(up.chunk(data[:split]), up.chunk(data[split:])...)
		if at = abs(at); at < len(w.in) {
			w.in[at] ^= bend
		} else if bend != 0 {
			w.in = w.in[:max(0, len(w.in)-int(bend))]
		}
		intact := bend == 0
		got, err := io.ReadAll(c)
		if !bytes.HasPrefix(data, got) {
			t.Fatalf("%d bytes that nobody sent", len(got))
		}
		if intact && (err != nil || len(got) != len(data)) {
			t.Errorf("%d bytes of %d, %v", len(got), len(data), err)
		}
		if !intact && err == nil && len(got) == len(data) && len(data) > 0 {
			t.Error("a bent stream is whole")
		}
		if c.drop(); c.buf != nil {
			t.Error("a buffer is held")
		}
	})
}

func abs(n int) int {
	if n < 0 {
		return -(n + 1)
	}
	return n
}

// FuzzDatagrams gives datagrams to a port, as they are and as what an honest client seals: nothing panics, what waits is
// bounded, and honest clients are served.
func FuzzDatagrams(f *testing.F) {
	r := newRig(f, optionsOf(f, "aes-128-gcm", 10_000), "ann")
	p, honest := r.associate(f, "ann"), r.associate(f, "ann")
	dest, got := echoes(f)
	f.Add([]byte{}, []byte{})
	f.Add(random(100), destBytes("127.0.0.1:9"))
	f.Add(random(17), append(destBytes("no-such-name.invalid:9"), "payload"...))
	f.Fuzz(func(t *testing.T, raw, plain []byte) {
		salt := random(p.c.method.KeySize)
		for _, b := range [][]byte{raw, p.c.aead(salt).Seal(salt, make([]byte, 12), plain, nil)} {
			if len(b) < 65_000 {
				if _, err := p.Write(b); err != nil {
					t.Fatal(err)
				}
			}
		}
		served(t, r, honest, dest, got)
	})
}

// served checks that an honest client is, whatever came before it.
func served(t *testing.T, r *rig, honest *testPackets, dest string, got *atomic.Int64) {
	t.Helper()
	before := got.Load()
	until(t, "an honest datagram", func() bool {
		if _, err := honest.Write(honest.sealed([]byte("ok"), dest, forge{})); err != nil {
			t.Fatal(err)
		}
		return got.Load() > before
	})
	if n := r.packets.bytes.Load(); n < 0 || n > queuedMost {
		t.Errorf("%d bytes wait", n)
	}
}

// FuzzModernDatagrams seals what it is given as an honest client's body.
func FuzzModernDatagrams(f *testing.F) {
	r := newRig(f, optionsOf(f, "2022-blake3-aes-128-gcm", 10_000), "ann")
	p, honest := r.associate(f, "ann"), r.associate(f, "ann")
	dest, got := echoes(f)
	body := func() []byte {
		b := binary.BigEndian.AppendUint64([]byte{0}, uint64(time.Now().Unix()))
		return append(append(b, 0, 0), destBytes(dest)...)
	}
	f.Add(uint64(0), body(), []byte{})
	f.Add(uint64(1<<64-1), body()[:12], random(47))
	f.Add(uint64(7), []byte{}, random(32))
	f.Fuzz(func(t *testing.T, number uint64, plain, raw []byte) {
		p.next.Store(number)
		front := p.sealed(nil, dest, forge{})[:32] // separate header and identity of this number
		head := binary.BigEndian.AppendUint64(append([]byte{}, p.id[:]...), number)
		for _, b := range [][]byte{raw, p.c.aead(p.id[:]).Seal(front, head[4:16], plain, nil)} {
			if len(b) < 65_000 {
				if _, err := p.Write(b); err != nil {
					t.Fatal(err)
				}
			}
		}
		served(t, r, honest, dest, got)
	})
}

// FuzzConnections gives first messages to a port, as they are and as what an honest client seals after its salt: nothing
// panics, nothing is said, and nobody is signed in but by a key.
func FuzzConnections(f *testing.F) {
	var rigs []*rig
	for _, method := range bothEditions() {
		r := newRig(f, optionsOf(f, method, 500), "ann")
		r.host.DialTo = func(context.Context, flow.Flow) (net.Conn, error) { return nil, flow.ErrUnreachable }
		rigs = append(rigs, r)
	}
	f.Add(true, random(100), []byte{})
	f.Add(false, random(40), destBytes("192.0.2.1:80"))
	f.Add(true, []byte{}, append(destBytes("192.0.2.1:80"), 0, 1, 0))
	f.Fuzz(func(t *testing.T, modern bool, raw, plain []byte) {
		r := rigs[1]
		if modern {
			r = rigs[0]
		}
		c := r.client("ann")
		salt, _, hello := c.hello("192.0.2.1:80", forge{})
		up := &counter{AEAD: c.aead(salt)}
		sealed := append([]byte{}, hello[:len(salt)]...)
		plain = plain[:min(len(plain), 0x3fff)]
		if modern {
			first := binary.BigEndian.AppendUint64([]byte{0}, uint64(time.Now().Unix()))
			first = binary.BigEndian.AppendUint16(first, uint16(len(plain)))
			sealed = append(sealed, hello[len(salt):len(salt)+16]...)
			sealed = append(append(sealed, up.seal(first)...), up.seal(plain)...)
		} else {
			sealed = append(sealed, up.chunk(plain)...)
		}
		for i, b := range [][]byte{raw, sealed} {
			before := len(r.host.Sessions())
			conn, err := net.Dial("tcp", r.addr.String())
			if err != nil {
				t.Fatal(err)
			}
			if err := conn.(*net.TCPConn).SetLinger(0); err != nil { // fuzzing would run out of ports
				t.Fatal(err)
			}
			_, werr := conn.Write(b)
			_ = conn.(*net.TCPConn).CloseWrite()
			if err := conn.SetReadDeadline(time.Now().Add(soon)); err != nil {
				t.Fatal(err)
			}
			if n, err := conn.Read(make([]byte, 1)); n != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("message %d: %d bytes came back, %v, %v", i, n, err, werr)
			}
			conn.Close()
			if i == 0 && len(r.host.Sessions()) != before {
				t.Error("somebody was signed in without a key")
			}
		}
	})
}
