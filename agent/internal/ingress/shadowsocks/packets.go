package shadowsocks

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of UDP.
const (
	readBuffer     = 4 << 20  // of the port's socket: its clients share it
	strangersQueue = 128      // datagrams that wait for a search (AEAD)
	queueLength    = 64       // datagrams of one session that wait to be sent on
	queuedMost     = 64 << 20 // bytes of all sessions that do
	ghosts         = 4        // sessions known for each that may run: the ended ones guard against replays
	sweepEvery     = 10 * time.Second
	remembered     = 2*window + time.Second // a session's numbers, after its last datagram
	retryAfter     = time.Second            // between two attempts to sign in a client that was refused
)

// udpSocket is what the port's socket does.
type udpSocket interface {
	ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error)
	Close() error
}

// packets serves the datagrams of a port. One goroutine reads the socket and opens what clients send, and never waits for
// anybody: each session has a queue and a goroutine that sends on, and one that brings answers. Datagrams of AEAD clients
// that are not known go to a goroutine that searches for their keys.
//
// A session is full-cone: one association, each datagram's destination judged by itself.
type packets struct {
	s     *Server
	conn  udpSocket
	block cipher.Block // of the server's key; 2022 only
	used  *salts       // AEAD only: 2022 numbers its datagrams
	find  *search      // AEAD only
	guess chan *packet
	ctx   context.Context
	stop  context.CancelFunc
	wg    sync.WaitGroup
	pool  sync.Pool    // of *packet
	bytes atomic.Int64 // that wait
	roomy atomic.Int64 // sessions that borrow room for their first answer

	mu       sync.Mutex
	sessions map[sessionKey]*session
	running  int
	each     map[string]map[*session]struct{} // by subscriber, those that run
}

// sessionKey tells sessions apart: 2022 by their id and whose it is, AEAD by the client's address.
type sessionKey struct {
	from netip.AddrPort
	id   [8]byte
	name identity
}

func (s *Server) listenPackets(ctx context.Context) (*packets, error) {
	pc, err := s.spec.Sockets.ListenPacket("udp", s.spec.Listen)
	if err != nil {
		return nil, err
	}
	conn, ok := pc.(udpSocket)
	if !ok {
		return nil, errors.Join(errors.New("socket does not know addresses"), pc.Close())
	}
	if b, ok := pc.(interface{ SetReadBuffer(int) error }); ok {
		_ = b.SetReadBuffer(readBuffer) // as far as the system allows
	}
	p := &packets{s: s, conn: conn, sessions: map[sessionKey]*session{}, each: map[string]map[*session]struct{}{}}
	open := p.openModern
	if s.suite.Modern {
		if p.block, err = aes.NewCipher(s.key); err != nil {
			return nil, errors.Join(err, pc.Close())
		}
	} else {
		open = p.openAEAD
		p.used, p.find, p.guess = newSalts(saltsPacket, 0), newSearch(s.users), make(chan *packet, strangersQueue)
	}
	p.ctx, p.stop = context.WithCancel(ctx)
	p.wg.Go(func() { p.read(open) })
	p.wg.Go(p.sweep)
	if p.guess != nil {
		p.wg.Go(p.search)
	}
	return p, nil
}

func (p *packets) close() {
	p.stop()
	_ = p.conn.Close() // the only failure is a second Close
	p.wg.Wait()
}

// read hands every datagram to open, which must not keep it.
func (p *packets) read(open func(b []byte, from netip.AddrPort)) {
	var buf large
	for {
		n, from, err := p.conn.ReadFromUDPAddrPort(buf[:])
		if err != nil {
			if errors.Is(err, net.ErrClosed) || !rest(p.ctx, pause) {
				return
			}
			continue
		}
		open(buf[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()))
	}
}

// sweep forgets sessions that ended long enough ago.
func (p *packets) sweep() {
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	for {
		select {
		case now := <-t.C:
			p.forget(now)
		case <-p.ctx.Done():
			return
		}
	}
}

func (p *packets) forget(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := now.Add(-remembered).UnixNano()
	for k, ss := range p.sessions {
		if !ss.running && ss.last.Load() < before {
			delete(p.sessions, k)
		}
	}
}

// session returns a known session.
func (p *packets) session(k sessionKey) *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sessions[k]
}

// add makes a session known; it fails when there are too many. AEAD: whoever had the client's address before, has left.
func (p *packets) add(ss *session) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.sessions[ss.key]
	if old == nil && len(p.sessions) >= ghosts*int(p.s.opts.UDPSessions) {
		return false
	}
	if old != nil && old.running {
		old.end()
	}
	ss.last.Store(time.Now().UnixNano())
	p.sessions[ss.key] = ss
	return true
}

// queue gives a datagram to a session and starts the session if it does not run; false: the datagram is lost.
func (p *packets) queue(ss *session, k *packet, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.startLocked(ss, now) {
		return false
	}
	select {
	case ss.queue <- k:
		return true
	default:
		return false
	}
}

// startLocked runs a session that does not run yet. When there are too many, its subscriber's quietest one ends for it, or
// it has to wait.
func (p *packets) startLocked(ss *session, now time.Time) bool {
	if ss.running {
		return true
	}
	if p.ctx.Err() != nil || now.Before(ss.retry) {
		return false
	}
	own := p.each[ss.user.id]
	full := p.running >= int(p.s.opts.UDPSessions)
	if len(own) > 0 && (full || len(own) >= int(p.s.opts.UDPSessionsEach)) {
		var quiet *session
		for o := range own {
			if quiet == nil || o.last.Load() < quiet.last.Load() {
				quiet = o
			}
		}
		p.leaveLocked(quiet)
		quiet.end()
	} else if full {
		return false
	}
	if own = p.each[ss.user.id]; own == nil {
		own = map[*session]struct{}{}
		p.each[ss.user.id] = own
	}
	own[ss] = struct{}{}
	ss.running, ss.over = true, make(chan struct{})
	p.running++
	p.wg.Go(func() { ss.run(p.ctx, ss.over) })
	return true
}

// leaveLocked takes a session out of what runs.
func (p *packets) leaveLocked(ss *session) {
	own := p.each[ss.user.id]
	if _, in := own[ss]; !in {
		return
	}
	delete(own, ss)
	if len(own) == 0 {
		delete(p.each, ss.user.id)
	}
	p.running--
}

// left ends a session's run, with what waits in its queue. wait: it failed, and tries again only after a moment.
func (p *packets) left(ss *session, wait bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leaveLocked(ss)
	ss.running = false
	if wait {
		ss.retry = time.Now().Add(retryAfter)
	}
	for {
		select {
		case k := <-ss.queue:
			p.free(k)
		default:
			return
		}
	}
}

// packet is a datagram that waits.
type packet struct {
	to    address
	data  []byte // in small or big
	small small
	big   *large
}

// packet lends one with room for n bytes; nil when too much waits already.
func (p *packets) packet(n int) *packet {
	k, ok := p.pool.Get().(*packet)
	if !ok {
		k = new(packet)
	}
	k.data = k.small[:0]
	if n > len(k.small) {
		k.big = p.s.pool.large()
		k.data = k.big[:0]
	}
	if p.bytes.Add(k.size()) > queuedMost {
		p.free(k)
		return nil
	}
	return k
}

func (k *packet) size() int64 {
	if k.big != nil {
		return smallBuffer + largeBuffer
	}
	return smallBuffer
}

func (p *packets) free(k *packet) {
	p.bytes.Add(-k.size())
	if k.big != nil {
		p.s.pool.larges.Put(k.big)
	}
	k.big, k.data, k.to = nil, nil, address{}
	p.pool.Put(k)
}
