package shadowsocks

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"math"
	"net/netip"
	"time"

	"culvert/agent/internal/flow"
)

// address is where a datagram goes: its destination, or for one that nobody has opened yet, whom it came from.
type address struct {
	dest flow.Dest
	from netip.AddrPort
}

// Sizes of datagrams.
const (
	idSize      = 8
	requestHead = 1 + 8 + 2          // type, time, length of padding
	answerHead  = 1 + 8 + idSize + 2 // type, time, the client's session, length of padding
	headroom    = maxKey + answerHead + maxAddress
)

// openModern takes a datagram of the 2022 edition:
//
//	AES(server key, session id + number)  AES(server key, identity xor (session id + number))  sealed header and payload
func (p *packets) openModern(b []byte, from netip.AddrPort) {
	if len(b) < 2*blockSize+requestHead+tagSize {
		return
	}
	var head [blockSize]byte
	var k sessionKey
	p.block.Decrypt(head[:], b[:blockSize])
	p.block.Decrypt(k.name[:], b[blockSize:])
	subtle.XORBytes(k.name[:], k.name[:], head[:])
	copy(k.id[:], head[:idSize])
	ss := p.session(k)
	known := ss != nil
	if !known {
		if ss = p.newModern(k); ss == nil {
			return
		}
	}
	sealed := b[2*blockSize:]
	pk := p.packet(len(sealed))
	if pk == nil {
		return
	}
	plain, err := ss.opener.Open(pk.data, head[blockSize-nonceSize:], sealed, nil)
	now := time.Now()
	if err == nil {
		pk.to.dest, pk.data, err = parseDatagram(plain, now)
	}
	// Everything before is checked first: only a datagram that was good in itself may use up its number.
	if err != nil || !ss.window.ValidateCounter(binary.BigEndian.Uint64(head[idSize:]), math.MaxUint64) || (!known && !p.add(ss)) {
		p.free(pk)
		return
	}
	p.pass(ss, pk, from, now)
}

// newModern makes the session of a client's first datagram; nil when nobody has that identity.
func (p *packets) newModern(k sessionKey) *session {
	u := p.s.users.find(k.name)
	if u == nil {
		return nil
	}
	a, err := p.s.suite.stream(u.key, k.id[:])
	if err != nil {
		return nil
	}
	return &session{p: p, key: k, user: u, opener: a, queue: make(chan *packet, queueLength)}
}

// parseDatagram reads what was sealed in a request of the 2022 edition.
func parseDatagram(b []byte, now time.Time) (flow.Dest, []byte, error) {
	if len(b) < requestHead {
		return flow.Dest{}, nil, errOverflow
	}
	if b[0] != typeRequest {
		return flow.Dest{}, nil, errType
	}
	if !timely(binary.BigEndian.Uint64(b[1:]), now) {
		return flow.Dest{}, nil, errClock
	}
	padding, rest := int(binary.BigEndian.Uint16(b[9:])), b[requestHead:]
	if padding > len(rest) {
		return flow.Dest{}, nil, errOverflow
	}
	dest, payload, err := parseAddress(rest[padding:])
	return dest, payload, err
}

// openAEAD takes a datagram of the AEAD edition: salt, sealed address and payload. Its client is known by its address, or
// has to be searched for.
func (p *packets) openAEAD(b []byte, from netip.AddrPort) {
	if len(b) < p.s.suite.KeySize+tagSize+1 {
		return
	}
	if ss := p.session(sessionKey{from: from}); ss != nil && p.tryAEAD(ss, b, from) {
		return
	}
	pk := p.packet(len(b))
	if pk == nil {
		return
	}
	pk.data, pk.to.from = append(pk.data, b...), from
	select {
	case p.guess <- pk:
	default:
		p.free(pk)
	}
}

// tryAEAD reports whether a datagram is of a session's user.
func (p *packets) tryAEAD(ss *session, b []byte, from netip.AddrPort) bool {
	t := newTrial(p.s.suite, b[:p.s.suite.KeySize])
	pk := p.packet(len(b))
	if pk == nil {
		return true // lost
	}
	if !t.opensDatagram(ss.user, b[p.s.suite.KeySize:], &pk.data) {
		p.free(pk)
		return false
	}
	p.passAEAD(ss, b, pk, from)
	return true
}

func (p *packets) passAEAD(ss *session, b []byte, pk *packet, from netip.AddrPort) {
	var err error
	if pk.to.dest, pk.data, err = parseAddress(pk.data); err != nil || !p.used.fresh(b[:p.s.suite.KeySize], time.Now()) {
		p.free(pk)
		return
	}
	p.pass(ss, pk, from, time.Now())
}

// search finds out whose datagrams those of unknown clients are.
func (p *packets) search() {
	for {
		select {
		case <-p.ctx.Done():
			return
		case pk := <-p.guess:
			p.guessed(pk.data, pk.to.from)
			p.free(pk)
		}
	}
}

func (p *packets) guessed(b []byte, from netip.AddrPort) {
	k := sessionKey{from: from}
	if ss := p.session(k); ss != nil && p.tryAEAD(ss, b, from) {
		return // the one before it in the queue was the client's first
	}
	pk := p.packet(len(b))
	if pk == nil {
		return
	}
	t := newTrial(p.s.suite, b[:p.s.suite.KeySize])
	u := p.find.find(from.Addr(), func(u *user) bool { return t.opensDatagram(u, b[p.s.suite.KeySize:], &pk.data) })
	ss := &session{p: p, key: k, user: u, queue: make(chan *packet, queueLength)}
	if u == nil || !p.add(ss) {
		p.free(pk)
		return
	}
	p.passAEAD(ss, b, pk, from)
}

// pass gives an authentic datagram to its session, whose client is where it came from.
func (p *packets) pass(ss *session, pk *packet, from netip.AddrPort, now time.Time) {
	if c := ss.client.Load(); c == nil || *c != from {
		moved := from // a copy: only a client that moved pays for the heap
		ss.client.Store(&moved)
	}
	ss.last.Store(now.UnixNano())
	if !p.queue(ss, pk, now) {
		p.free(pk)
	}
}

// answers seals what goes back to a client.
type answers struct {
	ss     *session
	aead   cipher.AEAD // 2022 only
	block  cipher.Block
	id     [idSize]byte
	number uint64
}

func (ss *session) newAnswers() (*answers, error) {
	w := &answers{ss: ss}
	m := ss.p.s.suite
	if !m.Modern {
		return w, nil
	}
	for w.id = ss.key.id; w.id == ss.key.id; { // which is not allowed (SIP022, 3.2.2)
		_, _ = rand.Read(w.id[:]) // never fails
	}
	var err error
	if w.aead, err = m.stream(ss.user.key, w.id[:]); err != nil {
		return nil, err
	}
	w.block, err = aes.NewCipher(ss.user.key)
	return w, err
}

// seal makes a datagram of a payload that lies at buf[headroom:headroom+n], with room for a tag behind it, and returns
// where it lies.
func (w *answers) seal(buf []byte, n int, from flow.Dest) ([]byte, error) {
	var h [answerHead + maxAddress]byte
	head := h[:0]
	if w.aead != nil {
		head = append(head, typeAnswer)
		head = binary.BigEndian.AppendUint64(head, uint64(time.Now().Unix())) //nolint:gosec // after 1970
		head = append(head, w.ss.key.id[:]...)
		head = append(head, 0, 0) // no padding
	}
	head = appendAddress(head, from)
	at := headroom - len(head)
	copy(buf[at:], head)
	plain := buf[at : headroom+n]
	if w.aead != nil {
		if w.number == math.MaxUint64 {
			return nil, errWorn
		}
		front := buf[at-blockSize : at]
		copy(front, w.id[:])
		binary.BigEndian.PutUint64(front[idSize:], w.number)
		w.number++
		w.aead.Seal(plain[:0], front[blockSize-nonceSize:], plain, nil)
		w.block.Encrypt(front, front)
		return buf[at-blockSize : headroom+n+tagSize], nil
	}
	m := w.ss.p.s.suite
	salt := buf[at-m.KeySize : at]
	_, _ = rand.Read(salt) // never fails
	a, err := m.stream(w.ss.user.key, salt)
	if err != nil {
		return nil, err
	}
	w.ss.p.used.fresh(salt, time.Now()) // our own answer, sent back to us, is no request
	var zero [nonceSize]byte
	a.Seal(plain[:0], zero[:], plain, nil)
	return buf[at-m.KeySize : headroom+n+tagSize], nil
}
