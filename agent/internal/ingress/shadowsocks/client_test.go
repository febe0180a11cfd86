package shadowsocks

import (
	"bufio"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
	"lukechampine.com/blake3"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress/ingresstest"
	options "culvert/shared/protocol/shadowsocks"
)

// tester is a client of our own, written apart from the server: it shares no code with it but the parser of addresses.
type tester struct {
	server netip.AddrPort
	method options.Method
	psk    []byte // of the server
	key    []byte // of the user
}

func newTester(o options.Options, server netip.AddrPort, secret string) *tester {
	return &tester{server: server, method: o.Cipher(), psk: o.ServerKey(), key: o.Cipher().UserKey(secret)}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// number is an integer from lo to hi.
func number(lo, hi int64) int {
	return int(lo + must(rand.Int(rand.Reader, big.NewInt(hi-lo+1))).Int64())
}

func (c *tester) aead(salt []byte) cipher.AEAD {
	sub := make([]byte, c.method.KeySize)
	if c.method.Modern {
		blake3.DeriveKey(sub, "shadowsocks 2022 session subkey", append(append([]byte{}, c.key...), salt...))
	} else {
		sub = must(hkdf.Key(sha1.New, c.key, salt, "ss-subkey", c.method.KeySize))
	}
	if c.method.ChaCha {
		return must(chacha20poly1305.New(sub))
	}
	return must(cipher.NewGCM(must(aes.NewCipher(sub))))
}

func (c *tester) hash() []byte {
	sum := blake3.Sum256(c.key)
	return sum[:16]
}

// dest writes an address.
func destBytes(dest string) []byte {
	d := must(flow.ParseDest(dest))
	var b []byte
	switch {
	case d.Domain != "":
		b = append([]byte{3, byte(len(d.Domain))}, d.Domain...)
	case d.Addr.Is4():
		b = append([]byte{1}, d.Addr.AsSlice()...)
	default:
		b = append([]byte{4}, d.Addr.AsSlice()...)
	}
	return binary.BigEndian.AppendUint16(b, d.Port)
}

// counter is a cipher with its nonces.
type counter struct {
	cipher.AEAD
	n uint64
}

func (k *counter) nonce() []byte {
	b := binary.LittleEndian.AppendUint64(nil, k.n)
	k.n++
	return append(b, 0, 0, 0, 0)
}

func (k *counter) seal(b []byte) []byte { return k.Seal(nil, k.nonce(), b, nil) }

func (k *counter) chunk(b []byte) []byte {
	return append(k.seal(binary.BigEndian.AppendUint16(nil, uint16(len(b)))), k.seal(b)...)
}

// forge is how a request may differ from an honest one.
type forge struct {
	salt     []byte
	at       time.Time
	kind     byte
	noFiller bool
	payload  []byte
	padding  int // told, where it is not what there is
}

// hello is the first message of a connection.
func (c *tester) hello(dest string, f forge) (salt []byte, up *counter, b []byte) {
	if salt = f.salt; salt == nil {
		salt = random(c.method.KeySize)
	}
	up = &counter{AEAD: c.aead(salt)}
	b = append([]byte{}, salt...)
	if !c.method.Modern {
		return salt, up, append(b, up.chunk(append(destBytes(dest), f.payload...))...)
	}
	sub := make([]byte, c.method.KeySize)
	blake3.DeriveKey(sub, "shadowsocks 2022 identity subkey", append(append([]byte{}, c.psk...), salt...))
	eih := make([]byte, 16)
	must(aes.NewCipher(sub)).Encrypt(eih, c.hash())
	b = append(b, eih...)

	if f.at.IsZero() {
		f.at = time.Now()
	}
	second := destBytes(dest)
	var filler []byte
	if !f.noFiller {
		filler = random(number(1, 900))
	}
	told := len(filler)
	if f.padding > 0 {
		told = f.padding
	}
	second = binary.BigEndian.AppendUint16(second, uint16(told))
	second = append(append(second, filler...), f.payload...)
	first := binary.BigEndian.AppendUint64([]byte{f.kind}, uint64(f.at.Unix()))
	first = binary.BigEndian.AppendUint16(first, uint16(len(second)))
	b = append(b, up.seal(first)...)
	return salt, up, append(b, up.seal(second)...)
}

// Dial implements ingresstest.Client. The answer that the server never sends to a request is not waited for.
func (c *tester) Dial(ctx context.Context, dest string) (net.Conn, error) {
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", c.server.String())
	if err != nil {
		return nil, err
	}
	salt, up, b := c.hello(dest, forge{})
	if _, err := raw.Write(b); err != nil {
		raw.Close()
		return nil, err
	}
	return &testConn{Conn: raw, c: c, salt: salt, up: up, in: bufio.NewReaderSize(raw, 70_000)}, nil
}

// testConn is the client's end of a stream.
type testConn struct {
	net.Conn // not *net.TCPConn: its WriteTo would hand out what is sealed
	c        *tester
	salt     []byte
	up       *counter
	down     *counter
	in       *bufio.Reader
	rest     []byte
	plain    []byte // for all chunks
	out      []byte
}

func (k *testConn) CloseWrite() error { return k.Conn.(*net.TCPConn).CloseWrite() }

func (k *testConn) most() int {
	if k.c.method.Modern {
		return 0xffff
	}
	return 0x3fff
}

func (k *testConn) Write(b []byte) (int, error) {
	for done := 0; done < len(b); {
		begin := done
		out := k.out[:0]
		for len(out) < 64<<10 && done < len(b) {
			n := min(len(b)-done, k.most())
			out = k.up.Seal(out, k.up.nonce(), binary.BigEndian.AppendUint16(nil, uint16(n)), nil)
			out = k.up.Seal(out, k.up.nonce(), b[done:done+n], nil)
			done += n
		}
		k.out = out
		if _, err := k.Conn.Write(out); err != nil {
			return begin, err
		}
	}
	return len(b), nil
}

// sealed reads n plain bytes with their tag. Nothing is lost by a deadline: it peeks.
func (k *testConn) sealed(n int) ([]byte, error) {
	b, err := k.in.Peek(n + 16)
	if err != nil {
		if errors.Is(err, io.EOF) && len(b) > 0 {
			return nil, io.ErrUnexpectedEOF
		}
		return nil, err
	}
	plain, err := k.down.Open(k.plain[:0], k.down.nonce(), b, nil)
	if cap(plain) > cap(k.plain) {
		k.plain = plain // what was opened before has been read
	}
	_, _ = k.in.Discard(n + 16)
	return plain, err
}

// answer reads what comes before the first chunk, and its length.
func (k *testConn) answer() (length int, err error) {
	n := k.c.method.KeySize
	head := n
	if k.c.method.Modern {
		head += 1 + 8 + n + 2 + 16
	}
	b, err := k.in.Peek(head)
	if err != nil {
		return 0, err
	}
	k.down = &counter{AEAD: k.c.aead(b[:n])}
	_, _ = k.in.Discard(n)
	if !k.c.method.Modern {
		return -1, nil
	}
	h, err := k.sealed(1 + 8 + n + 2)
	if err != nil {
		return 0, err
	}
	if age := time.Since(time.Unix(int64(binary.BigEndian.Uint64(h[1:])), 0)); h[0] != 1 || age.Abs() > 30*time.Second || string(h[9:9+n]) != string(k.salt) {
		return 0, fmt.Errorf("answer begins with %x", h)
	}
	return int(binary.BigEndian.Uint16(h[9+n:])), nil
}

func (k *testConn) Read(b []byte) (int, error) {
	for len(k.rest) == 0 {
		length := -1
		if k.down == nil {
			var err error
			if length, err = k.answer(); err != nil {
				return 0, err
			}
		}
		if length < 0 {
			h, err := k.sealed(2)
			if err != nil {
				return 0, err
			}
			length = int(binary.BigEndian.Uint16(h))
		}
		var err error
		if k.rest, err = k.wait(length); err != nil {
			return 0, err
		}
	}
	n := copy(b, k.rest)
	k.rest = k.rest[n:]
	return n, nil
}

// wait reads a chunk whose length is known; its tests do not set deadlines that fall in the middle of one.
func (k *testConn) wait(length int) ([]byte, error) {
	b, err := k.sealed(length)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}

// Close implements ingresstest.Client.
func (c *tester) Close() error { return nil }

// Associate implements ingresstest.Client.
func (c *tester) Associate(context.Context) (ingresstest.Packets, error) {
	u, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(c.server))
	if err != nil {
		return nil, err
	}
	p := &testPackets{UDPConn: u, c: c}
	copy(p.id[:], random(8))
	return p, nil
}

// testPackets is the client's end of a UDP session.
type testPackets struct {
	*net.UDPConn
	c    *tester
	id   [8]byte
	next atomic.Uint64

	mu   sync.Mutex
	seen map[string]bool // of the server's sessions and numbers
}

// sealed makes a datagram.
func (p *testPackets) sealed(b []byte, to string, f forge) []byte {
	if !p.c.method.Modern {
		salt := f.salt
		if salt == nil {
			salt = random(p.c.method.KeySize)
		}
		return p.c.aead(salt).Seal(append([]byte{}, salt...), make([]byte, 12), append(destBytes(to), b...), nil)
	}
	if f.at.IsZero() {
		f.at = time.Now()
	}
	head := binary.BigEndian.AppendUint64(append([]byte{}, p.id[:]...), p.next.Add(1)-1)
	filler := random(number(0, 200))
	told := len(filler)
	if f.padding > 0 {
		told = f.padding
	}
	plain := binary.BigEndian.AppendUint64([]byte{f.kind}, uint64(f.at.Unix()))
	plain = binary.BigEndian.AppendUint16(plain, uint16(told))
	plain = append(append(append(plain, filler...), destBytes(to)...), b...)
	eih := p.c.hash()
	for i := range eih {
		eih[i] ^= head[i]
	}
	block := must(aes.NewCipher(p.c.psk))
	out := make([]byte, 32)
	block.Encrypt(out[:16], head)
	block.Encrypt(out[16:], eih)
	return p.c.aead(p.id[:]).Seal(out, head[4:16], plain, nil)
}

// Send implements ingresstest.Packets.
func (p *testPackets) Send(b []byte, to flow.Dest) error {
	_, err := p.Write(p.sealed(b, to.String(), forge{}))
	return err
}

// Receive implements ingresstest.Packets.
func (p *testPackets) Receive(b []byte) (int, flow.Dest, error) {
	buf := make([]byte, 65_536)
	n, err := p.Read(buf)
	if err != nil {
		return 0, flow.Dest{}, err
	}
	plain, err := p.open(buf[:n])
	if err != nil {
		return 0, flow.Dest{}, err
	}
	from, payload, err := parseAddress(plain)
	return copy(b, payload), from, err
}

// open returns address and payload.
func (p *testPackets) open(b []byte) ([]byte, error) {
	if !p.c.method.Modern {
		k := p.c.method.KeySize
		return p.c.aead(b[:k]).Open(nil, make([]byte, 12), b[k:], nil)
	}
	head := make([]byte, 16)
	must(aes.NewCipher(p.c.key)).Decrypt(head, b[:16])
	plain, err := p.c.aead(head[:8]).Open(nil, head[4:16], b[16:], nil)
	if err != nil {
		return nil, err
	}
	if age := time.Since(time.Unix(int64(binary.BigEndian.Uint64(plain[1:])), 0)); plain[0] != 1 || age.Abs() > 30*time.Second || string(plain[9:17]) != string(p.id[:]) {
		return nil, fmt.Errorf("header %x", plain[:17])
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen == nil {
		p.seen = map[string]bool{}
	}
	if p.seen[string(head)] || string(head[:8]) == string(p.id[:]) {
		return nil, fmt.Errorf("separate header %x was used before", head)
	}
	p.seen[string(head)] = true
	return plain[19+int(binary.BigEndian.Uint16(plain[17:])):], nil
}
