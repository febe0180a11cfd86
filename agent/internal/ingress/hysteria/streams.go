package hysteria

import (
	"sync"
	"time"

	"github.com/apernet/hysteria/core/v2/server"
	"github.com/apernet/quic-go"
)

// streams ends writes that the library forgets. When one direction of a flow ends, the library closes the stream while
// the other direction may be blocked in a write to it. QUIC then lets that write wait for the client's window, and for
// ever once the connection has gone: a goroutine and its buffer lost for every slow reader. A write deadline is the one
// handle on it that the library gives away.
type streams struct {
	mu     sync.Mutex
	owners map[server.HyStream]*client
}

// writeGrace is how long a closed stream may still deliver what was being written.
const writeGrace = 10 * time.Second

func (s *streams) open(stream server.HyStream, c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owners == nil {
		s.owners = map[server.HyStream]*client{}
	}
	s.owners[stream] = c
	if c != nil {
		c.hold(stream)
	}
}

// closed is told after the library closed the stream.
func (s *streams) closed(stream server.HyStream) {
	s.mu.Lock()
	c := s.owners[stream]
	delete(s.owners, stream)
	s.mu.Unlock()
	if c == nil {
		endWrite(stream)
		return
	}
	c.linger(stream, time.Now())
}

// lingering is a closed stream that may still be written to.
type lingering struct {
	stream server.HyStream
	until  time.Time
}

// resettable is what a stream of the library can do beyond server.HyStream.
type resettable interface {
	CancelWrite(code quic.StreamErrorCode)
}

// streamCut is what the streams of a cut client are reset with: HTTP/3's H3_REQUEST_CANCELLED (RFC 9114, 8.1).
const streamCut quic.StreamErrorCode = 0x10c

// hold lists an open stream of the client.
func (c *client) hold(stream server.HyStream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = map[server.HyStream]struct{}{}
	}
	c.open[stream] = struct{}{}
}

// reset ends every open stream of a cut client so that it can't be taken for one that the target has closed. The library
// closes a stream in good order before it closes the connection, and the first may reach the client alone.
func (c *client) reset() {
	c.once.Do(func() {
		c.mu.Lock()
		open := c.open
		c.open = nil
		c.mu.Unlock()
		for stream := range open {
			if s, ok := stream.(resettable); ok {
				s.CancelWrite(streamCut)
			}
		}
	})
}

// linger gives a closed stream its grace, or none when the connection has gone.
func (c *client) linger(stream server.HyStream, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, stream)
	select {
	case <-c.gone:
		endWrite(stream)
		return
	default:
	}
	past := 0
	for past < len(c.lingering) && !c.lingering[past].until.After(now) {
		past++
	}
	c.lingering = append(c.lingering[past:], lingering{stream, now.Add(writeGrace)})
	_ = stream.SetWriteDeadline(now.Add(writeGrace))
}

// endLingeringLocked ends every write that waits for nobody.
func (c *client) endLingeringLocked() {
	for _, l := range c.lingering {
		endWrite(l.stream)
	}
	c.lingering = nil
}

func endWrite(stream server.HyStream) { _ = stream.SetWriteDeadline(time.Unix(1, 0)) }
