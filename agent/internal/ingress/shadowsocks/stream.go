package shadowsocks

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"time"
)

// stream is a client's connection as the engine relays it: what it reads was decrypted, what is written gets encrypted. An
// end of stream is that of the TCP connection, in each direction by itself.
//
//	request:  salt [identity] [header header]  { length chunk } { payload chunk } ...
//	answer:   salt [header with the first length] { payload chunk }  { length chunk } { payload chunk } ...
//
// In brackets: the 2022 edition only. One goroutine reads, another writes. A buffer is held only while there is part of a
// chunk in it: an idle connection has none.
type stream struct {
	net.Conn // the client's socket
	suite    *suite
	pool     *pool
	user     *user
	salt     [maxKey]byte // of the request

	// Reading.
	opener cipher.AEAD
	opened nonce
	buf    []byte // of the pool
	r, w   int    // sealed bytes in buf
	plain  []byte // opened and not read yet; in buf, before r
	need   int    // payload of the chunk that comes next,
	told   bool   // if its length has come
	broken error  // what ended it

	// Writing.
	sealer cipher.AEAD // nil before the first byte
	sealed nonce
	used   func(salt []byte) // learns what the answer's salt is
}

var (
	errTampered = errors.New("chunk is not authentic")
	errLength   = errors.New("chunk is longer than the method allows")
)

// NetConn is the socket, for whoever waits for it or aborts it.
func (c *stream) NetConn() net.Conn { return c.Conn }

// CloseWrite ends the answer.
func (c *stream) CloseWrite() error {
	if h, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return c.Conn.Close()
}

// Read implements net.Conn. It returns all the chunks that are there and fit into b. After a deadline it goes on where it
// was; after another error it does not.
func (c *stream) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	for {
		if len(c.plain) > 0 {
			n := copy(b, c.plain)
			c.plain = c.plain[n:]
			c.rest()
			return n, nil
		}
		if n, err := c.chunks(b); n > 0 || err != nil {
			c.rest()
			return n, err
		}
		if len(c.plain) > 0 {
			continue
		}
		if err := c.fill(); err != nil {
			return 0, err
		}
	}
}

// chunks opens payloads into b, as many as are there and fit; a first one that is too large, where it lies.
func (c *stream) chunks(b []byte) (n int, err error) {
	for c.broken == nil {
		ready, err := c.ready()
		if err != nil {
			c.broken = err
			break
		}
		fits := c.need <= len(b)-n
		if !ready || !fits && n > 0 {
			return n, nil
		}
		to := b[n:n]
		if !fits {
			to = c.buf[c.r:c.r]
		}
		plain, err := c.open(to, c.need+tagSize)
		if err != nil {
			c.broken = err
			break
		}
		c.told = false
		if !fits {
			c.plain = plain
			return 0, nil
		}
		n += len(plain) // an empty chunk is not forbidden
	}
	if n > 0 {
		return n, nil // what came before is whole
	}
	return 0, c.broken
}

// ready reports whether all of the next payload is there. It opens its length.
func (c *stream) ready() (bool, error) {
	if !c.told {
		if c.w-c.r < lengthSize {
			return false, nil
		}
		length, err := c.open(c.buf[c.r:c.r], lengthSize)
		if err != nil {
			return false, err
		}
		if c.need = int(binary.BigEndian.Uint16(length)); c.need > c.suite.most {
			return false, errLength
		}
		c.told = true
	}
	return c.w-c.r >= c.need+tagSize, nil
}

// open takes n sealed bytes and appends what was in them to to, which may begin where they do.
func (c *stream) open(to []byte, n int) ([]byte, error) {
	count, err := c.opened.step()
	if err != nil {
		return nil, err
	}
	plain, err := c.opener.Open(to, count, c.buf[c.r:c.r+n], nil)
	if err != nil {
		return nil, errTampered
	}
	c.r += n
	return plain, nil
}

// fill reads once from the socket.
func (c *stream) fill() error {
	if c.buf == nil {
		c.buf = c.pool.span()
	}
	if c.r > 0 {
		c.w = copy(c.buf, c.buf[c.r:c.w])
		c.r = 0
	}
	n, err := c.Conn.Read(c.buf[c.w:])
	c.w += n
	if n > 0 {
		return nil // an error comes again
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		if errors.Is(err, io.EOF) && (c.w > c.r || c.told) {
			err = io.ErrUnexpectedEOF
		}
		c.drop()
	}
	c.rest()
	return err
}

// rest gives the buffer back when nothing is in it.
func (c *stream) rest() {
	if c.buf != nil && len(c.plain) == 0 && c.r == c.w {
		c.pool.back(c.buf)
		c.buf, c.plain, c.r, c.w = nil, nil, 0, 0
	}
}

// drop forgets what was not read.
func (c *stream) drop() {
	c.plain, c.r, c.w = nil, 0, 0
	c.rest()
}

// begin takes over what was read beyond the handshake.
func (c *stream) begin(rest []byte) {
	if len(rest) > 0 {
		c.buf = c.pool.span()
		c.r, c.w = 0, copy(c.buf, rest)
	}
}

// Write implements net.Conn. Each call is one write to the socket for as much as fits into a buffer, and a chunk counts
// when all of it is written.
func (c *stream) Write(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	out := c.pool.span()
	defer c.pool.back(out)
	done := 0
	for done < len(b) {
		n, err := c.write(out, b[done:])
		done += n
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// write sends some of b through out.
func (c *stream) write(out []byte, b []byte) (int, error) {
	size := 0
	if c.sealer == nil {
		var err error
		if size, err = c.greet(out, min(len(b), c.suite.most)); err != nil {
			return 0, err
		}
	}
	pieces := (len(b) + c.suite.most - 1) / c.suite.most
	each := (len(b) + pieces - 1) / pieces // pieces of one size, so that none is tiny
	greeted := size > 0 && c.suite.Modern
	if greeted {
		each = min(len(b), c.suite.most) // the header has told so
	}
	var ends [8]int // where each chunk ends in out
	chunks, taken := 0, 0
	for taken < len(b) && chunks < len(ends) {
		n := min(each, len(b)-taken)
		if size+lengthSize+n+tagSize > len(out) {
			break
		}
		if !greeted {
			binary.BigEndian.PutUint16(out[size:], uint16(n)) //nolint:gosec // at most suite.most
			if err := c.seal(out, size, out[size:size+2]); err != nil {
				return 0, err
			}
			size += lengthSize
		}
		greeted = false
		if err := c.seal(out, size, b[taken:taken+n]); err != nil {
			return 0, err
		}
		size += n + tagSize
		taken += n
		ends[chunks] = size
		chunks++
	}
	w, err := c.Conn.Write(out[:size])
	if err == nil {
		return taken, nil
	}
	whole := 0
	for i, end := range ends[:chunks] {
		if w >= end {
			whole = min((i+1)*each, taken)
		}
	}
	return whole, err
}

// seal writes a chunk to out[at:].
func (c *stream) seal(out []byte, at int, plain []byte) error {
	count, err := c.sealed.step()
	if err != nil {
		return err
	}
	c.sealer.Seal(out[at:at], count, plain, nil)
	return nil
}

// greet writes what begins an answer whose first chunk is first bytes long.
func (c *stream) greet(out []byte, first int) (int, error) {
	n := c.suite.KeySize
	_, _ = rand.Read(out[:n]) // never fails
	var err error
	if c.sealer, err = c.suite.stream(c.user.key, out[:n]); err != nil {
		return 0, err
	}
	if !c.suite.Modern {
		c.used(out[:n])
		return n, nil
	}
	h := out[n:n]
	h = append(h, typeAnswer)
	h = binary.BigEndian.AppendUint64(h, uint64(time.Now().Unix())) //nolint:gosec // after 1970
	h = append(h, c.salt[:n]...)
	h = binary.BigEndian.AppendUint16(h, uint16(first)) //nolint:gosec // at most suite.most
	return n + len(h) + tagSize, c.seal(out, n, h)
}
