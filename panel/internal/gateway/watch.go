package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"culvert/panel/internal/pg"
	"culvert/shared/logging"
	"culvert/shared/nodeapi"
)

const (
	maxFrame    = 16 << 10
	maxWatchers = 2 // of one node: the newest displace older ones
	frameLimit  = 10 * time.Second
	silentBeats = 3

	framesASecond = 20
	lookupLimit   = 10 * time.Second
	renewalEvery  = 10 * time.Minute
)

// watcher is one held stream.
type watcher struct {
	node   string
	wanted int64 // under the hub's lock
	wake   chan struct{}
	gone   chan struct{} // closed when a newer stream displaced it, or the gateway closes
}

// hub tells held streams of new revisions.
type hub struct {
	mu    sync.Mutex
	nodes map[string][]*watcher // oldest first
}

func newHub() *hub { return &hub{nodes: map[string][]*watcher{}} }

func (h *hub) join(node string) *watcher {
	w := &watcher{node: node, wake: make(chan struct{}, 1), gone: make(chan struct{})}
	h.mu.Lock()
	defer h.mu.Unlock()
	list := append(h.nodes[node], w)
	if len(list) > maxWatchers {
		close(list[0].gone)
		list = list[1:]
	}
	h.nodes[node] = list
	return w
}

func (h *hub) leave(w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := h.nodes[w.node]
	for i, o := range list {
		if o == w {
			list = append(list[:i:i], list[i+1:]...)
			break
		}
	}
	if h.nodes[w.node] = list; len(list) == 0 {
		delete(h.nodes, w.node)
	}
}

// want notes a revision and wakes the streams for which it is news.
func (h *hub) want(node string, revision int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range h.nodes[node] {
		if revision > w.wanted {
			w.wanted = revision
			select {
			case w.wake <- struct{}{}:
			default:
			}
		}
	}
}

func (h *hub) wanted(w *watcher) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return w.wanted
}

func (h *hub) watched() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]string, 0, len(h.nodes))
	for n := range h.nodes {
		out = append(out, n)
	}
	return out
}

func (h *hub) closeAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, list := range h.nodes {
		for _, w := range list {
			close(w.gone)
		}
	}
	h.nodes = map[string][]*watcher{}
}

// listen hears of revisions and of nodes that changed. After a gap it looks for itself.
func (g *Gateway) listen() {
	g.c.DB.Listen(g.life, []string{pg.ChannelRevision, pg.ChannelNode}, func() {
		g.check("")
		for _, node := range g.hub.watched() {
			ctx, cancel := context.WithTimeout(g.life, lookupLimit)
			rev, err := g.c.States.Wanted(ctx, node)
			cancel()
			if err == nil {
				g.hub.want(node, rev)
			}
		}
	}, func(channel, payload string) {
		if channel == pg.ChannelNode {
			g.check(payload)
			g.acl.Poke()
			return
		}
		node, rev, _ := strings.Cut(payload, " ")
		if n, err := strconv.ParseInt(rev, 10, 64); err == nil {
			g.hub.want(node, n)
		}
	})
}

// check has a node's connections looked at, at once; if there is no room for the wish, the next sweep does it.
func (g *Gateway) check(node string) {
	select {
	case g.checks <- node:
	default:
	}
}

// sweep keeps the live connections true to the list: at once when a node changed, once a second in any case.
func (g *Gateway) sweep() {
	tick, renew := time.NewTicker(sweepEvery), time.NewTicker(renewalEvery)
	defer tick.Stop()
	defer renew.Stop()
	for {
		select {
		case <-g.life.Done():
			return
		case <-tick.C:
			g.recheck("")
		case node := <-g.checks:
			g.recheck(node)
		case <-renew.C:
			if err := g.renewCertificate(g.life); err != nil {
				g.log.Warn("gateway certificate is not renewed yet", logging.KeyErr, err)
			}
		}
	}
}

func (g *Gateway) recheck(node string) {
	live := g.links.pick(node)
	serials := map[string]bool{}
	for _, l := range live {
		serials[l.serial] = true
	}
	if len(serials) == 0 {
		return
	}
	list := make([]string, 0, len(serials))
	for s := range serials {
		list = append(list, s)
	}
	ctx, cancel := context.WithTimeout(g.life, lookupLimit)
	defer cancel()
	found, err := g.c.Fleet.Admit(ctx, list...)
	if err != nil {
		return // without a database nobody is let in anew, and nobody is thrown out
	}
	now := time.Now()
	for _, l := range live {
		if ad, known := found[l.serial]; !known || ad.Refusal != "" || now.After(l.notAfter) {
			g.log.Info("connection of a node that may not connect any more ended", logging.KeyNode, l.node, logging.KeyAddr, l.source)
			l.end()
		}
	}
}

// watch holds the stream: heartbeats both ways, the wanted revision down as soon as it is known.
func (g *Gateway) watch(w http.ResponseWriter, r *http.Request, l *link) error {
	self := g.hub.join(l.node)
	defer g.hub.leave(self)
	rev, err := g.c.States.Wanted(r.Context(), l.node)
	if err != nil {
		return err
	}
	g.hub.want(l.node, rev)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	ctrl := http.NewResponseController(w)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer cancel()
		g.readFrames(ctx, ctrl, r, l.node)
	})
	defer reading.Wait()
	defer func() { _ = ctrl.SetReadDeadline(time.Unix(1, 0)) }()
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.WriteHeader(http.StatusOK)
	beat := time.NewTicker(g.c.Heartbeat)
	defer beat.Stop()
	enc := json.NewEncoder(w)
	for {
		_ = ctrl.SetWriteDeadline(time.Now().Add(frameLimit))
		if enc.Encode(nodeapi.PanelFrame{Wanted: g.hub.wanted(self), Clock: time.Now().UnixMilli()}) != nil || ctrl.Flush() != nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-l.ctx.Done():
			return nil
		case <-self.gone:
			return nil
		case <-self.wake:
		case <-beat.C:
		}
	}
}

// readFrames takes heartbeats until the node falls silent.
func (g *Gateway) readFrames(ctx context.Context, ctrl *http.ResponseController, r *http.Request, node string) {
	patience := silentBeats * g.c.Heartbeat
	lines := bufio.NewScanner(r.Body)
	lines.Buffer(make([]byte, 0, 1024), maxFrame)
	var last time.Time
	pace := rate.NewLimiter(framesASecond, framesASecond)
	for ctx.Err() == nil {
		_ = ctrl.SetReadDeadline(time.Now().Add(patience))
		if !lines.Scan() || pace.Wait(ctx) != nil {
			return
		}
		var f nodeapi.AgentFrame
		if json.Unmarshal(lines.Bytes(), &f) != nil {
			return
		}
		if time.Since(last) >= g.c.Heartbeat/4 { // a node that beats faster says nothing new
			last = time.Now()
			g.c.Presence.Beat(node, f)
		}
	}
}
