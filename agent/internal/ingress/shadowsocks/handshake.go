package shadowsocks

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"culvert/agent/internal/flow"
)

// Types of messages in the 2022 edition, streams and datagrams alike.
const (
	typeRequest = 0
	typeAnswer  = 1
)

// headerSize is a request's header of fixed length: type, time, length of the other header.
const headerSize = 1 + 8 + 2

// Why a request is refused: for the log at debug, never for the client.
var (
	errShort    = errors.New("first message is not whole")
	errNobody   = errors.New("nobody's key opens the message")
	errReplay   = errors.New("salt was used before")
	errClock    = errors.New("clocks differ by more than 30 s")
	errType     = errors.New("message of another type")
	errPadding  = errors.New("padding is not as required")
	errOverflow = errors.New("header is longer than its chunk")
)

// request reads what a client wants, and who it is.
func (s *Server) request(v *visitor) (*stream, flow.Dest, error) {
	b := s.pool.small()
	defer s.pool.smalls.Put(b)
	if s.suite.Modern {
		return s.modernRequest(v, b)
	}
	return s.aeadRequest(v, b)
}

// aeadRequest: salt, then a stream that begins with the address.
func (s *Server) aeadRequest(v *visitor, b *small) (*stream, flow.Dest, error) {
	k := s.suite.KeySize
	n, err := io.ReadAtLeast(v, b[:], k+lengthSize)
	if err != nil {
		return nil, flow.Dest{}, err
	}
	c := s.newStream(v)
	t := newTrial(s.suite, b[:k])
	c.user = s.search.find(v.from.Addr(), func(u *user) bool {
		c.opener = t.opensLength(u, b[k:k+lengthSize])
		return c.opener != nil
	})
	if c.user == nil {
		return nil, flow.Dest{}, errNobody
	}
	if !s.used.fresh(b[:k], time.Now()) {
		return nil, flow.Dest{}, errReplay
	}
	c.begin(b[k:n])
	dest, err := readAddress(c)
	if err != nil {
		c.drop()
		return nil, flow.Dest{}, err
	}
	return c, dest, nil
}

// modernRequest: salt, identity and header of fixed length, in one read as SIP022, 3.1.3, wants it; then the other header.
func (s *Server) modernRequest(v *visitor, b *small) (*stream, flow.Dest, error) {
	k := s.suite.KeySize
	n, err := v.Read(b[:])
	if err != nil {
		return nil, flow.Dest{}, err
	}
	if n < k+blockSize+headerSize+tagSize {
		return nil, flow.Dest{}, errShort
	}
	name, err := s.identify(b[:k], b[k:k+blockSize])
	if err != nil {
		return nil, flow.Dest{}, err
	}
	c := s.newStream(v)
	if c.user = s.users.find(name); c.user == nil {
		return nil, flow.Dest{}, errNobody
	}
	copy(c.salt[:], b[:k])
	if c.opener, err = s.suite.stream(c.user.key, b[:k]); err != nil {
		return nil, flow.Dest{}, err
	}
	c.begin(b[k+blockSize : n])
	dest, err := c.headers(s.used)
	if err != nil {
		c.drop()
		return nil, flow.Dest{}, err
	}
	return c, dest, nil
}

func (s *Server) newStream(v *visitor) *stream {
	return &stream{Conn: v.Conn, suite: s.suite, pool: s.pool, used: func(salt []byte) {
		s.used.fresh(salt, time.Now()) // our own answer, sent back to us, is no request
	}}
}

// identify opens an identity header (SIP023).
func (s *Server) identify(salt, header []byte) (name identity, err error) {
	var sub [maxKey]byte
	s.suite.identity.derive(sub[:s.suite.KeySize], s.key, salt)
	block, err := aes.NewCipher(sub[:s.suite.KeySize])
	if err != nil {
		return name, fmt.Errorf("identity key: %w", err)
	}
	block.Decrypt(name[:], header)
	return name, nil
}

// headers opens both headers of a request and leaves its first payload to be read.
func (c *stream) headers(used *salts) (flow.Dest, error) {
	h, err := c.open(c.buf[c.r:c.r], headerSize+tagSize)
	if err != nil {
		return flow.Dest{}, err
	}
	now := time.Now()
	switch {
	case h[0] != typeRequest:
		return flow.Dest{}, errType
	case !timely(binary.BigEndian.Uint64(h[1:]), now):
		return flow.Dest{}, errClock
	case !used.fresh(c.salt[:c.suite.KeySize], now):
		return flow.Dest{}, errReplay
	}
	size := int(binary.BigEndian.Uint16(h[9:])) + tagSize
	for c.w-c.r < size {
		if err := c.fill(); err != nil {
			return flow.Dest{}, err
		}
	}
	if h, err = c.open(c.buf[c.r:c.r], size); err != nil {
		return flow.Dest{}, err
	}
	dest, payload, err := parseRequest(h)
	c.plain = payload
	return dest, err
}

// parseRequest reads the header of variable length: address, padding, first payload. One of the latter two must be there.
func parseRequest(b []byte) (flow.Dest, []byte, error) {
	dest, rest, err := parseAddress(b)
	if err != nil {
		return dest, nil, err
	}
	if len(rest) < 2 {
		return dest, nil, errOverflow
	}
	padding, rest := int(binary.BigEndian.Uint16(rest)), rest[2:]
	switch {
	case padding > len(rest):
		return dest, nil, errOverflow
	case len(rest) == 0:
		return dest, nil, errPadding
	}
	return dest, rest[padding:], nil
}

// trial tries keys on one message. What the ciphers' interfaces would move to the heap for each key, it has once.
type trial struct {
	suite *suite
	x     extractor
	key   [maxKey]byte
	first [blockSize]byte
	short [lengthSize]byte
	zero  [nonceSize]byte
}

func newTrial(s *suite, salt []byte) *trial { return &trial{suite: s, x: newExtractor(salt)} }

// opensLength returns the cipher of u's stream if the sealed length is u's.
func (t *trial) opensLength(u *user, sealed []byte) cipher.AEAD {
	if t.begin(u, sealed) > byte(t.suite.most>>8) {
		return nil // most wrong keys end here
	}
	a, _ := t.finish(t.short[:0], sealed)
	return a
}

// opensDatagram reports whether a sealed datagram is u's; to takes what was in it.
func (t *trial) opensDatagram(u *user, sealed []byte, to *[]byte) bool {
	switch t.begin(u, sealed) {
	case addrIPv4, addrDomain, addrIPv6:
	default:
		return false
	}
	a, plain := t.finish(*to, sealed)
	if a == nil {
		return false
	}
	*to = plain
	return true
}

// begin makes the key and returns what would be the first byte.
func (t *trial) begin(u *user, sealed []byte) byte {
	key := t.key[:t.suite.KeySize]
	t.x.derive(key, u.key)
	t.suite.peek(&t.first, key, sealed[0:1])
	return t.first[0]
}

// finish checks the whole of what was sealed.
func (t *trial) finish(to, sealed []byte) (cipher.AEAD, []byte) {
	a, err := t.suite.aead(t.key[:t.suite.KeySize])
	if err != nil {
		return nil, nil
	}
	plain, err := a.Open(to, t.zero[:], sealed, nil)
	if err != nil {
		return nil, nil
	}
	return a, plain
}
