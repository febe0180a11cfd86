package hysteria

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	hyclient "github.com/apernet/hysteria/core/v2/client"
	"github.com/apernet/quic-go"
	"github.com/apernet/quic-go/http3"
	"github.com/apernet/quic-go/quicvarint"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress"
	"culvert/agent/internal/ingress/ingresstest"
)

// fuzzHost keeps fuzzed destinations inside the process: every TCP flow ends at an echo, datagrams go nowhere. It notes
// what must not be: a session of somebody else, a flow of nobody or to nowhere.
type fuzzHost struct {
	*ingresstest.FakeHost
	users []string

	mu    sync.Mutex
	wrong []string
}

func (h *fuzzHost) admit(c ingress.Credential) (string, error) {
	name, err := byPrefix(c)
	if err == nil && !slices.Contains(h.users, name) {
		h.note("session of %q", name)
	}
	return name, err
}

func (h *fuzzHost) note(format string, v ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wrong = append(h.wrong, fmt.Sprintf(format, v...))
}

func (h *fuzzHost) check(f flow.Flow) {
	nowhere := f.Network == flow.TCP && (f.Dest.Port == 0 || f.Dest.Host() == "")
	if !slices.Contains(h.users, f.Principal.ID) || f.Principal.Session == "" || f.Ingress != "ing_test" || nowhere {
		h.note("flow %+v", f)
	}
}

func (h *fuzzHost) Dial(ctx context.Context, f flow.Flow) (ingress.Conn, error) {
	h.check(f)
	return h.FakeHost.Dial(ctx, f)
}

type nowhere struct{ ingress.PacketConn }

func (nowhere) WriteTo(b []byte, _ flow.Dest) (int, error) { return len(b), nil }

func (h *fuzzHost) Associate(ctx context.Context, f flow.Flow) (ingress.PacketConn, error) {
	h.check(f)
	p, err := h.FakeHost.Associate(ctx, f)
	if err != nil {
		return nil, err
	}
	return nowhere{p}, nil
}

// fuzzRig is an ingress with a good client who must always be served.
type fuzzRig struct {
	*rig
	watch *fuzzHost
	good  hyclient.Client
	asked int // flows of the good client
}

func newFuzzRig(f *testing.F, users ...string) *fuzzRig {
	f.Helper()
	host := &ingresstest.FakeHost{}
	watch := &fuzzHost{FakeHost: host, users: append(users, "user-good")}
	host.Admit = watch.admit
	host.DialTo = func(context.Context, flow.Flow) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			_, _ = io.Copy(theirs, theirs)
		}()
		return ours, nil
	}
	r := newRigOn(f, `{"udp_idle_timeout_ms":2000}`, host, watch)
	return &fuzzRig{rig: r, watch: watch, good: r.connect(f, "user-good")}
}

// serves checks that the good client is served on the connection that it has, and now and then on a new one.
func (r *fuzzRig) serves(t *testing.T) {
	t.Helper()
	c := r.good
	if r.asked%16 == 0 {
		var err error
		if c, err = r.tryConnect("user-good"); err != nil {
			t.Fatalf("a good client cannot sign in: %v", err)
		}
		defer c.Close()
	}
	r.asked++
	conn, err := c.TCP("good.test:443")
	if err != nil {
		t.Fatalf("a good client is not served: %v", err)
	}
	defer conn.Close()
	ping(t, conn)
}

// identified reports what fuzzHost has noted.
func (r *fuzzRig) identified(t *testing.T) {
	t.Helper()
	r.watch.mu.Lock()
	defer r.watch.mu.Unlock()
	for _, w := range r.watch.wrong {
		t.Error(w)
	}
	r.watch.wrong = nil
}

// How FuzzDatagrams uses its bytes.
const (
	asDatagram = iota // as they are
	asMutation        // turned into the first packet of a real client, from an offset
	asFrames          // as the content of a first packet that is encrypted in good order
	modes
)

// FuzzDatagrams sends to the socket what no client would: the good ones must not notice, and nothing comes of it.
func FuzzDatagrams(f *testing.F) {
	r := newFuzzRig(f)
	first := firstPacket(f, r.rig)
	for _, seed := range []string{
		"", "\x00", "\xc0\x00\x00\x00\x01", "\x40\x01\x02\x03\x04rest of a short header", "GET / HTTP/1.1\r\n\r\n",
		"\xc3\x00\x00\x00\x00\x04abcd\x00\x00\x00\x00\x01", "\xcf\xba\xba\xba\xba\x08abcdefgh\x00",
		"\x06\x00\x40\x08\x01\x00\x00\x04\x03\x03\x00\x00", "\x01\x02\x00\x00\x00\x00", "\x1c\x00\x00\x00", "\x06\xff\xff\xff\xff\xff\xff\xff\xff\x01",
	} {
		for mode := range byte(modes) {
			f.Add(mode, uint16(0), []byte(seed))
			f.Add(mode, uint16(25), []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, mode byte, at uint16, data []byte) {
		packet := data
		switch mode % modes {
		case asMutation:
			packet = bytes.Clone(first)
			for i, b := range data {
				packet[(int(at)+i)%len(packet)] ^= b
			}
			packet = packet[:len(packet)-int(at>>8)]
		case asFrames:
			packet = sealInitial(t, at, data)
		}
		c, err := net.Dial("udp", r.addr.String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for range 2 { // a repetition is a case of its own
			_, _ = c.Write(packet[:min(len(packet), 65_000)])
		}
		r.serves(t)
		r.identified(t)
	})
}

// firstPacket is what a real client sends first.
func firstPacket(f *testing.F, r *rig) []byte {
	f.Helper()
	sink, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		f.Fatal(err)
	}
	defer sink.Close()
	ctx, cancel := context.WithCancel(f.Context())
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = quic.DialAddr(ctx, sink.LocalAddr().String(), &tls.Config{ServerName: ingresstest.FakeName, RootCAs: r.roots, NextProtos: []string{"h3"}}, nil)
	}()
	b := make([]byte, 2048)
	if err := sink.SetReadDeadline(time.Now().Add(soon)); err != nil {
		f.Fatal(err)
	}
	n, _, err := sink.ReadFrom(b)
	cancel()
	<-gone
	if err != nil {
		f.Fatal(err)
	}
	return b[:n]
}

// sealInitial makes a client's Initial packet of frames (RFC 9001 §5, appendix A), so that they reach the frame parser
// and the TLS behind it. The number makes connections differ.
func sealInitial(t testing.TB, number uint16, frames []byte) []byte {
	t.Helper()
	const headerLen, tagLen, size = 22, 16, 1200 // a server drops what is smaller
	dcid := binary.BigEndian.AppendUint64(nil, uint64(number)<<32|0xc0ffee)
	salt := []byte{0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a}
	secret, err := hkdf.Extract(sha256.New, dcid, salt)
	if err != nil {
		t.Fatal(err)
	}
	expand := func(secret []byte, label string, n int) []byte {
		label = "tls13 " + label
		info := append([]byte{0, byte(n), byte(len(label))}, label...)
		b, err := hkdf.Expand(sha256.New, secret, string(append(info, 0)), n)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	client := expand(secret, "client in", 32)
	iv := expand(client, "quic iv", 12)
	block, err1 := aes.NewCipher(expand(client, "quic key", 16))
	mask, err2 := aes.NewCipher(expand(client, "quic hp", 16))
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	frames = append(bytes.Clone(frames[:min(len(frames), size-headerLen-tagLen)]), make([]byte, max(0, size-headerLen-tagLen-len(frames)))...)
	h := append([]byte{0xc3, 0, 0, 0, 1, byte(len(dcid))}, dcid...)
	h = append(h, 0, 0)                                                                // no source id, no token
	h = binary.BigEndian.AppendUint16(h, 0x4000|uint16(4+len(frames)+aead.Overhead())) // length, with packet number
	h = append(h, 0, 0, 0, 0)                                                          // packet number 0
	packet := aead.Seal(bytes.Clone(h), iv, frames, h)
	var m [16]byte
	mask.Encrypt(m[:], packet[len(h):len(h)+16])
	packet[0] ^= m[0] & 0x0f
	for i := range 4 {
		packet[len(h)-4+i] ^= m[1+i]
	}
	return packet
}

// The fuzzer's first packets are understood: a broken ClientHello in one is answered, where a broken packet is not.
func TestSealedInitialIsUnderstood(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{}`)
	c, err := net.Dial("udp", r.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(sealInitial(t, 0, []byte("\x06\x00\x08\x02\x00\x00\x04oops"))); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(soon)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 2048)); err != nil {
		t.Errorf("no answer: %v", err)
	}
}

// FuzzStreams sends bytes on a stream, and as a datagram, of a client that has signed in.
func FuzzStreams(f *testing.F) {
	r := newFuzzRig(f, "user-bad")
	request := func(host string, padding int) []byte {
		b := quicvarint.Append(nil, uint64(len(host)))
		b = append(b, host...)
		b = quicvarint.Append(b, uint64(padding))
		return append(b, make([]byte, padding)...)
	}
	for _, seed := range [][]byte{
		nil,
		{0},
		{1, 0},
		request("a.test:1", 0), append(request("a.test:1", 64), "hello"...), request("a.test:0", 0), request("a.test", 1),
		request("", 0), request("[::1]:53", 9), request(string(make([]byte, 3000)), 0),
		{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		append([]byte{0, 0, 0, 1, 0, 1, 0, 1, 8}, "a.test:1payload"...), append([]byte{0, 0, 0, 1, 0, 1, 9, 0, 8}, "a.test:1payload"...),
	} {
		f.Add(true, seed)
		f.Add(false, seed)
	}
	var bad *quic.Conn
	leave := func() {}
	f.Cleanup(func() { leave() })
	f.Fuzz(func(t *testing.T, asRequest bool, data []byte) {
		if bad == nil || bad.Context().Err() != nil {
			leave()
			bad, leave = r.signIn(t, "user-bad")
		}
		s, err := bad.OpenStream()
		if err == nil {
			if err := s.SetDeadline(time.Now().Add(quiet)); err != nil {
				t.Fatal(err)
			}
			if asRequest {
				data = append(quicvarint.Append(nil, 0x401), data...) // what makes it Hysteria's
			}
			_, _ = s.Write(data)
			_ = s.Close()
			_, _ = io.Copy(io.Discard, s)
			s.CancelRead(0)
		}
		_ = bad.SendDatagram(data[:min(len(data), 1000)])
		r.serves(t)
		r.identified(t)
	})
}

// quiet is how long a fuzzed stream is listened to.
const quiet = 100 * time.Millisecond

// signIn makes a connection of which the test has the QUIC end; the library's client hides it.
func (r *fuzzRig) signIn(t *testing.T, user string) (conn *quic.Conn, leave func()) {
	t.Helper()
	tr := &http3.Transport{
		TLSClientConfig: &tls.Config{ServerName: ingresstest.FakeName, RootCAs: r.roots, NextProtos: []string{http3.NextProtoH3}},
		QUICConfig:      &quic.Config{EnableDatagrams: true},
		EnableDatagrams: true,
		Dial: func(ctx context.Context, _ string, tc *tls.Config, qc *quic.Config) (*quic.Conn, error) {
			var err error
			conn, err = quic.DialAddrEarly(ctx, r.addr.String(), tc, qc)
			return conn, err
		},
	}
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://hysteria/auth", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Hysteria-Auth", user)
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != 233 {
		t.Fatalf("sign-in is answered with %d", resp.StatusCode)
	}
	return conn, func() {
		_ = conn.CloseWithError(0, "")
		_ = tr.Close()
	}
}
