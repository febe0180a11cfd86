package shadowsocks

import "sync"

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

// pool lends buffers. The zero pool is ready to use.
type pool struct{ smalls, larges, wides sync.Pool }

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

func (p *pool) wide() *wide {
	if b, ok := p.wides.Get().(*wide); ok {
		return b
	}
	return new(wide)
}
