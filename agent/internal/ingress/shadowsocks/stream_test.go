package shadowsocks

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha1"
	"errors"
	"io"
	"net"
	"os"
	"testing"

	"lukechampine.com/blake3"

	options "culvert/shared/protocol/shadowsocks"
)

// wire is a connection in memory: reads come from in, in pieces of any size, and writes go to out.
type wire struct {
	net.Conn
	in    []byte
	piece int // at most so many bytes at once; 0: no bound
	end   error
	out   []byte
	keep  bool
}

func (w *wire) Read(b []byte) (int, error) {
	if len(w.in) == 0 {
		return 0, w.end
	}
	if w.piece > 0 && len(b) > w.piece {
		b = b[:w.piece]
	}
	n := copy(b, w.in)
	w.in = w.in[n:]
	return n, nil
}

func (w *wire) Write(b []byte) (int, error) {
	if w.keep {
		w.out = append(w.out, b...)
	}
	return len(b), nil
}

// pair is a server's stream with what its client seals and opens.
func pair(t testing.TB, method string) (*stream, *wire, *counter) {
	t.Helper()
	m, ok := options.Lookup(method)
	if !ok {
		t.Fatal(method)
	}
	s := newSuite(m)
	u := &user{id: "ann", key: m.UserKey("ann")}
	salt := random(m.KeySize)
	w := &wire{end: io.EOF}
	c := &stream{Conn: w, suite: s, pool: &pool{}, user: u, used: func([]byte) {}}
	copy(c.salt[:], salt)
	c.opener = must(s.stream(u.key, salt))
	return c, w, &counter{AEAD: (&tester{method: m, key: u.key}).aead(salt)}
}

// TestStreamReads: any chunks, in any pieces, into any buffer; and no buffer is held between them.
func TestStreamReads(t *testing.T) {
	t.Parallel()
	for _, method := range allMethods() {
		for _, piece := range []int{0, 1, 17, 1000} {
			for _, room := range []int{1, 1000, 70_000} {
				c, w, up := pair(t, method)
				w.piece = piece
				var want []byte
				for _, size := range []int{1, 0, 5, 0, 0, 999, 1000, 1001, 16_383, c.suite.most, 2} {
					data := random(size)
					want = append(want, data...)
					w.in = append(w.in, up.chunk(data)...)
				}
				var got []byte
				b := make([]byte, room)
				var err error
				for err == nil {
					var n int
					n, err = c.Read(b)
					got = append(got, b[:n]...)
				}
				if !errors.Is(err, io.EOF) || !bytes.Equal(got, want) || c.buf != nil {
					t.Fatalf("%s, pieces of %d into %d: %d bytes of %d, %v; a buffer is held: %t", method, piece, room, len(got), len(want), err, c.buf != nil)
				}
			}
		}
	}
}

// TestStreamAfterDeadline: a read that times out loses nothing, and keeps a buffer only for what it has.
func TestStreamAfterDeadline(t *testing.T) {
	t.Parallel()
	c, w, up := pair(t, "aes-256-gcm")
	b := make([]byte, 100)
	all := up.chunk([]byte("hello"))
	w.end = os.ErrDeadlineExceeded
	for i := range all {
		if n, err := c.Read(b); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("byte %d: %d, %v", i, n, err)
		}
		if held := c.buf != nil; held != (i%lengthSize != 0) && i < lengthSize {
			t.Errorf("after %d bytes a buffer is held: %t", i, held)
		}
		w.in = all[i : i+1]
	}
	if n, err := c.Read(b); err != nil || string(b[:n]) != "hello" {
		t.Errorf("%q, %v", b[:n], err)
	}
	if c.buf != nil {
		t.Error("an idle stream holds a buffer")
	}
}

// TestStreamEnds: an end within a chunk is no end.
func TestStreamEnds(t *testing.T) {
	t.Parallel()
	for _, method := range allMethods() {
		_, _, sample := pair(t, method)
		whole := len(sample.chunk([]byte("hello")))
		for cut := range whole {
			c, w, up := pair(t, method)
			w.in = up.chunk([]byte("hello"))[:cut]
			want := io.ErrUnexpectedEOF
			if cut == 0 {
				want = io.EOF
			}
			if n, err := c.Read(make([]byte, 10)); n != 0 || !errors.Is(err, want) {
				t.Errorf("%s, %d bytes of %d: %d, %v", method, cut, whole, n, err)
			}
			if c.buf != nil {
				t.Error("a failed stream holds a buffer")
			}
		}
	}
	c, w, up := pair(t, "aes-128-gcm")
	w.in = up.seal([]byte{0x40, 0})
	if _, err := c.Read(make([]byte, 10)); !errors.Is(err, errLength) {
		t.Errorf("a chunk of 0x4000 bytes: %v", err)
	}
}

// TestStreamWrites: what is written is read by a client, whatever the sizes.
func TestStreamWrites(t *testing.T) {
	t.Parallel()
	for _, method := range allMethods() {
		c, w, _ := pair(t, method)
		w.keep = true
		var want []byte
		for _, size := range []int{1, 20_000, 32 << 10, 65_535, 65_536, 200_000, 3} {
			data := random(size)
			want = append(want, data...)
			if n, err := c.Write(data); n != size || err != nil {
				t.Fatalf("%s: %d of %d, %v", method, n, size, err)
			}
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			if a, err := l.Accept(); err == nil {
				_, _ = a.Write(w.out)
				_ = a.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, a)
				a.Close()
			}
			l.Close()
		}()
		o := optionsOf(t, method, 1000)
		client := newTester(o, l.Addr().(*net.TCPAddr).AddrPort(), "ann")
		raw, err := client.Dial(t.Context(), "192.0.2.1:1")
		if err != nil {
			t.Fatal(err)
		}
		raw.(*testConn).salt = c.salt[:c.suite.KeySize]
		if got, err := io.ReadAll(raw); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes of %d came out, %v", method, len(got), len(want), err)
		}
		raw.Close()
	}
}

// stuck takes so many bytes and no more.
type stuck struct {
	net.Conn
	left int
}

func (s *stuck) Write(b []byte) (int, error) {
	n := min(len(b), s.left)
	s.left -= n
	if n < len(b) {
		return n, io.ErrClosedPipe
	}
	return n, nil
}

// TestShortWrite: a chunk of which the client got a part does not count: it cannot be opened.
func TestShortWrite(t *testing.T) {
	t.Parallel()
	for _, method := range bothEditions() {
		c, _, _ := pair(t, method)
		most := c.suite.most
		first := c.suite.KeySize + lengthSize + 1000 + tagSize
		if c.suite.Modern {
			first = c.suite.KeySize + 1 + 8 + c.suite.KeySize + 2 + tagSize + 1000 + tagSize
		}
		for _, x := range []struct{ room, want int }{{first - 1, 0}, {first, 1000}} {
			c, _, _ := pair(t, method)
			c.Conn = &stuck{left: x.room}
			n, err := c.Write(make([]byte, 1000))
			if n != x.want || (err == nil) != (n == 1000) {
				t.Errorf("%s: %d of 1000 into %d, %v", method, n, x.room, err)
			}
		}
		c.Conn = &stuck{left: 1 << 30}
		if _, err := c.Write([]byte("begin")); err != nil {
			t.Fatal(err)
		}
		piece := min(most, 16_000)
		c.Conn = &stuck{left: 2*(lengthSize+piece+tagSize) - 1}
		if n, err := c.Write(make([]byte, 3*piece)); err == nil || (!c.suite.Modern && n != piece) || (c.suite.Modern && n != 0) {
			t.Errorf("%s: %d of three chunks in the room of almost two, %v", method, n, err)
		}
	}
}

// TestChunksAllocateNothing: not for a chunk read, not for one written.
func TestChunksAllocateNothing(t *testing.T) { // not parallel: it counts allocations
	for _, method := range allMethods() {
		c, w, up := pair(t, method)
		data := random(16_000)
		for range 300 {
			w.in = append(w.in, up.chunk(data)...)
		}
		b := make([]byte, 32<<10)
		read := testing.AllocsPerRun(100, func() {
			if _, err := c.Read(b); err != nil {
				t.Fatal(err)
			}
		})
		if _, err := c.Write(data); err != nil {
			t.Fatal(err)
		}
		written := testing.AllocsPerRun(100, func() {
			if _, err := c.Write(b); err != nil {
				t.Fatal(err)
			}
		})
		if read != 0 || written != 0 {
			t.Errorf("%s: %v allocations a read, %v a write", method, read, written)
		}
	}
}

// TestDerivations: our shortcuts compute what the libraries do.
func TestDerivations(t *testing.T) {
	t.Parallel()
	for _, size := range []int{16, 32} {
		for range 50 {
			key, salt := random(size), random(size)
			got, want := make([]byte, size), must(hkdf.Key(sha1.New, key, salt, "ss-subkey", size))
			x := newExtractor(salt)
			for range 2 { // one extractor serves many keys
				if x.derive(got, key); !bytes.Equal(got, want) {
					t.Fatalf("HKDF: %x, want %x", got, want)
				}
			}
			for _, context := range []string{"shadowsocks 2022 session subkey", "shadowsocks 2022 identity subkey"} {
				c := newContextKey(context)
				for _, s := range [][]byte{salt, salt[:8], nil} {
					blake3.DeriveKey(want, context, append(append([]byte{}, key...), s...))
					if c.derive(got, key, s); !bytes.Equal(got, want) {
						t.Fatalf("derive_key: %x, want %x", got, want)
					}
				}
			}
		}
	}
	for _, method := range []string{"aes-128-gcm", "aes-256-gcm", "chacha20-ietf-poly1305"} {
		m, _ := options.Lookup(method)
		s := newSuite(m)
		key, plain := random(m.KeySize), random(40)
		sealed := must(s.aead(key)).Seal(nil, make([]byte, 12), plain, nil)
		var first [blockSize]byte
		if s.peek(&first, key, sealed[:7]); !bytes.Equal(first[:7], plain[:7]) {
			t.Errorf("%s: peek gives %x of %x", method, first, plain)
		}
	}
}

// TestIdleConnectionsHoldNoBuffer: on the real engine's terms, a stream that waits has none; see the pump's waiter.
func TestIdleConnectionsHoldNoBuffer(t *testing.T) {
	t.Parallel()
	c, w, up := pair(t, "2022-blake3-aes-128-gcm")
	w.in = up.chunk([]byte("request"))
	w.end = os.ErrDeadlineExceeded
	b := make([]byte, 100)
	if n, err := c.Read(b); err != nil || n != 7 {
		t.Fatal(n, err)
	}
	if _, err := c.Read(b); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("answer")); err != nil {
		t.Fatal(err)
	}
	if c.buf != nil || c.NetConn() != net.Conn(w) {
		t.Error("an idle stream holds a buffer, or hides its socket")
	}
}

// TestStreamsWithoutWideBuffers: when too many are pinned, streams go on with smaller ones, and give back what they have.
func TestStreamsWithoutWideBuffers(t *testing.T) {
	t.Parallel()
	for _, method := range allMethods() {
		c, w, up := pair(t, method)
		var pinned [][]byte
		for range mostWide {
			pinned = append(pinned, c.pool.span())
		}
		want := random(3 * c.suite.most)
		for rest := want; len(rest) > 0; {
			n := min(len(rest), c.suite.most)
			w.in = append(w.in, up.chunk(rest[:n])...)
			rest = rest[n:]
		}
		w.piece = 50_000
		got := make([]byte, len(want))
		if n, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%s: %d bytes of %d, %v", method, n, len(want), err)
		}
		for range 2 {
			if n, err := c.Write(got); n != len(got) || err != nil {
				t.Fatalf("%s: %d of %d, %v", method, n, len(got), err)
			}
		}
		if n := c.pool.lent.Load(); n != mostWide || c.buf != nil {
			t.Errorf("%s: %d wide buffers are out", method, n)
		}
		for _, b := range pinned {
			c.pool.back(b)
		}
		if n := c.pool.lent.Load(); n != 0 || len(c.pool.span()) != wideBuffer {
			t.Errorf("%s: %d wide buffers are out at the end", method, n)
		}
	}
}
