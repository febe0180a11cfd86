package shadowsocks

import (
	"sync"
	"sync/atomic"
)

// Buffers. A connection has none while it waits, a UDP session only the one that it reads its answers into.
const (
	smallBuffer = 2 << 10                                  // a handshake, or an ordinary datagram
	largeBuffer = lengthSize + 0xffff + tagSize + greeting // any datagram
	wideBuffer  = 2*(lengthSize+0xffff+tagSize) + greeting // the longest chunk twice: half as many system calls as with one
	greeting    = maxKey + 1 + 8 + maxKey                  // what goes before the first length of an answer
)

type (
	small [smallBuffer]byte
	large [largeBuffer]byte
	wide  [wideBuffer]byte
)

// mostWide bounds the wide buffers that are lent at once, to 16 MiB. Whoever stops reading, or sends half a chunk, pins one;
// beyond the bound streams get what the longest chunk needs.
const mostWide = 128

// pool lends buffers. The zero pool is ready to use.
type pool struct {
	smalls, larges, wides sync.Pool
	lent                  atomic.Int64 // wide ones
}

func (p *pool) small() *small {
	if b, ok := p.smalls.Get().(*small); ok {
		return b
	}
	return new(small)
}

func (p *pool) large() *large {
	if b, ok := p.larges.Get().(*large); ok {
		return b
	}
	return new(large)
}

// span lends a stream's buffer: a wide one, or a large one when too many are out.
func (p *pool) span() []byte {
	if p.lent.Add(1) > mostWide {
		p.lent.Add(-1)
		return p.large()[:]
	}
	if b, ok := p.wides.Get().(*wide); ok {
		return b[:]
	}
	return new(wide)[:]
}

// back takes a span back.
func (p *pool) back(b []byte) {
	if len(b) != wideBuffer {
		p.larges.Put((*large)(b))
		return
	}
	p.wides.Put((*wide)(b))
	p.lent.Add(-1)
}
