package hysteria

import "sync"

// gate counts what is inside and can be shut.
type gate struct {
	mu     sync.Mutex
	inside int
	shut   bool
	empty  chan struct{} // made by close; closed when shut and nothing is inside
}

// enter reports whether the gate was open; each true is followed by one leave.
func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		return false
	}
	g.inside++
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	g.settle()
}

// close shuts the gate. The channel is closed when everything has left.
func (g *gate) close() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.shut {
		g.shut = true
		g.empty = make(chan struct{})
		g.settle()
	}
	return g.empty
}

func (g *gate) settle() {
	if !g.shut || g.inside > 0 {
		return
	}
	select {
	case <-g.empty:
	default:
		close(g.empty)
	}
}
