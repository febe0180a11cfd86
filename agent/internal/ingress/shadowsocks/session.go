package shadowsocks

import (
	"context"
	"crypto/cipher"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.zx2c4.com/wireguard/replay"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress"
)

// session is a client's UDP session: in the 2022 edition what the client numbers as one, in AEAD what comes from one
// address and port.
//
//	ended --datagram--> running: signs in, associates, relays --silence, or the engine ends it--> ended --> forgotten
//
// An ended session is remembered, with the numbers that were used, for as long as its datagrams could be sent again.
type session struct {
	p      *packets
	key    sessionKey
	user   *user
	opener cipher.AEAD   // 2022 only
	window replay.Filter // 2022 only; used by the goroutine that reads the socket
	queue  chan *packet
	client atomic.Pointer[netip.AddrPort]
	last   atomic.Int64 // Unix nanoseconds of the newest datagram of either side

	// Guarded by packets.mu.
	running bool
	over    chan struct{} // of this run: closed by end
	retry   time.Time
}

// end stops a run; the caller holds packets.mu.
func (ss *session) end() {
	select {
	case <-ss.over:
	default:
		close(ss.over)
	}
}

// errSilent tells that a session ended because nothing moved.
var errSilent = errors.New("nothing moved")

// run carries the session until it ends.
func (ss *session) run(ctx context.Context, over <-chan struct{}) {
	err := ss.carry(ctx, over)
	ss.p.left(ss, !errors.Is(err, errSilent))
	ss.p.s.log.Debug("UDP session ended", "subscriber", ss.user.id, "error", err)
}

func (ss *session) carry(ctx context.Context, over <-chan struct{}) error {
	s := ss.p.s
	u := s.users.current(ss.user)
	if u == nil {
		return errNobody
	}
	from := *ss.client.Load()
	sess, err := s.host.Authenticate(ctx, s.credential(u), from)
	if err != nil {
		return err
	}
	defer sess.End()
	out, err := s.host.Associate(ctx, flow.Flow{Principal: sess.Principal(), Ingress: s.spec.ID, Source: from, Network: flow.UDP})
	if err != nil {
		return err
	}
	shut := sync.OnceFunc(func() { _ = out.Close() }) // what it says of a socket that goes anyway helps nobody
	defer context.AfterFunc(ctx, shut)()
	down := make(chan error, 1)
	go func() { down <- ss.download(out) }()
	err, came := ss.upload(out, sess, over, down)
	shut()
	if !came {
		<-down
	}
	return err
}

// upload sends the client's datagrams on, until something ends the session. came: it was the download that did.
func (ss *session) upload(out ingress.PacketConn, sess ingress.Session, over <-chan struct{}, down <-chan error) (err error, came bool) {
	idle := ss.p.s.opts.UDPIdleTimeout()
	quiet := time.NewTimer(idle)
	defer quiet.Stop()
	for {
		select {
		case pk := <-ss.queue:
			_, err := out.WriteTo(pk.data, pk.to.dest)
			ss.p.free(pk)
			if err != nil && !errors.Is(err, flow.ErrBlocked) && !errors.Is(err, flow.ErrUnreachable) {
				return err, false
			}
		case err := <-down:
			return err, true
		case <-sess.Done():
			return flow.ErrCut, false
		case <-over:
			return errSilent, false
		case <-ss.p.ctx.Done():
			return net.ErrClosed, false
		case <-quiet.C:
			silent := time.Since(time.Unix(0, ss.last.Load()))
			if silent >= idle {
				return errSilent, false
			}
			quiet.Reset(idle - silent)
		}
	}
}

// Buffers of answers. The first answer finds room for any datagram; most sessions never see a larger one than that, and go
// on with what it needed. A later one that fills a small buffer may have been cut short and is dropped; the next finds room
// again. When too many sessions wait for their first answer, the others begin small.
const (
	firstAnswer = 8 << 10
	lastAnswer  = headroom + 0xffff + tagSize
	roomyMost   = 256 // sessions that wait for their first answer with room for any
)

// answerBuffer is where a session's answers are read to. One goroutine uses it.
type answerBuffer struct {
	p    *packets
	lent *large // nil: the buffer is the session's own
	b    []byte
}

func (p *packets) answerBuffer() *answerBuffer {
	a := &answerBuffer{p: p}
	if p.roomy.Add(1) <= roomyMost {
		a.lent = p.s.pool.large()
		a.b = a.lent[:lastAnswer]
		return a
	}
	p.roomy.Add(-1)
	a.b = make([]byte, firstAnswer)
	return a
}

// settle gives lent room back after an answer of n bytes, or takes room for any when n fills the buffer.
func (a *answerBuffer) settle(n int) {
	need := firstAnswer
	if n >= firstAnswer-headroom-tagSize {
		need = lastAnswer
	}
	if a.lent != nil || need > len(a.b) {
		a.release()
		a.b = make([]byte, need)
	}
}

func (a *answerBuffer) release() {
	if a.lent != nil {
		a.p.s.pool.larges.Put(a.lent)
		a.p.roomy.Add(-1)
		a.lent = nil
	}
}

// download brings answers to the client.
func (ss *session) download(out ingress.PacketConn) error {
	w, err := ss.newAnswers()
	if err != nil {
		return err
	}
	a := ss.p.answerBuffer()
	defer a.release()
	for {
		room := a.b[headroom : len(a.b)-tagSize]
		n, from, err := out.ReadFrom(room)
		if err != nil {
			return err
		}
		ss.last.Store(time.Now().UnixNano())
		if n == len(room) && len(a.b) < lastAnswer {
			a.settle(n)
			continue
		}
		sealed, err := w.seal(a.b, n, from)
		if err != nil {
			return err
		}
		if _, err := ss.p.conn.WriteToUDPAddrPort(sealed, *ss.client.Load()); errors.Is(err, net.ErrClosed) {
			return err // other failures concern this datagram only
		}
		a.settle(n)
	}
}
