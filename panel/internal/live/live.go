// Package live tells watchers what changes, while it changes. A topic is a listing that can be read at any time; a watcher
// gets the listing once, and from then on what is new, what is different and what is gone. Nothing is pushed from where
// things happen: a listing is read every Every for all who watch the same, so that a busy installation costs no more than
// that, no writer needs to know who watches, and a missed change cannot stay missed.
package live

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/errs"
)

// Every is the time between two looks at a topic.
const Every = 2 * time.Second

// Bounds of streams: of one credential (a browser needs one, a person has few browsers), of one tenant's people and keys, so
// that no reseller takes everybody's, and of a panel, each of whose streams holds a connection and a goroutine.
const (
	perCaller = 16
	perTenant = 256
	perPanel  = 2048
)

// Item is one object of a listing.
type Item struct {
	Key  string          // unique in the listing
	Body json.RawMessage // as the API shows it
}

// Filter narrows a topic: the parameters of the request that the topic knows.
type Filter map[string]string

// Topic is a listing that can be watched.
type Topic struct {
	Name    string
	Need    actor.Permission
	Filters []string
	// Read returns the listing as who may see it; more tells that there is more than it holds.
	Read func(ctx context.Context, who actor.Actor, f Filter) (items []Item, more bool, err error)
}

// Event is a change of a topic.
type Event struct {
	Topic string            `json:"-"`
	Whole bool              `json:"whole" doc:"forget what came before: set is all there is"`
	Set   []json.RawMessage `json:"set" doc:"new and changed objects"`
	Gone  []string          `json:"gone" doc:"keys of objects that are not in the listing any more; with more, some may only have made room"`
	More  bool              `json:"more" doc:"there are more than are shown: narrow the topic"`
}

// Hub serves the watchers of a panel. It is a run.Service: Close ends every stream.
type Hub struct {
	topics map[string]Topic
	ctx    context.Context //nolint:containedctx // the hub's life, which streams outlive no more than requests do
	stop   context.CancelFunc

	mu      sync.Mutex
	looks   map[string]*look
	streams map[string]int // by credential, by tenant, and under "" all
}

// look is one reading of a topic, shared by all who would see the same.
type look struct {
	done  chan struct{}
	at    time.Time
	items []Item
	more  bool
	err   error
}

// New makes a hub of topics. It lives until Close, whatever becomes of ctx: who started the panel may have gone on.
func New(ctx context.Context, topics ...Topic) *Hub {
	h := &Hub{topics: map[string]Topic{}, looks: map[string]*look{}, streams: map[string]int{}}
	for _, t := range topics {
		h.topics[t.Name] = t
	}
	h.ctx, h.stop = context.WithCancel(context.WithoutCancel(ctx))
	return h
}

// Start implements run.Service.
func (h *Hub) Start(context.Context) error { return nil }

// Close implements run.Service.
func (h *Hub) Close(context.Context) error {
	h.stop()
	return nil
}

// Names lists the topics.
func (h *Hub) Names() []string { return slices.Sorted(maps.Keys(h.topics)) }

// Filters lists the filters that any topic knows.
func (h *Hub) Filters() []string {
	var out []string
	for _, t := range h.topics {
		out = append(out, t.Filters...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Watch describes one stream.
type Watch struct {
	Credential string // whose streams are counted together
	Topics     []string
	Filter     Filter
	// Who returns who is watching now, or why nobody does any more: what a person may see can end while they look.
	Who func(context.Context) (actor.Actor, error)
	// Send hands out changes; an error ends the stream. It is called with none, too, so that a dead client is noticed.
	Send func([]Event) error
}

// Admit checks a watch before its stream begins, and counts it; release gives its place back.
func (h *Hub) Admit(who actor.Actor, w *Watch) (release func(), err error) {
	if len(w.Topics) == 0 {
		return nil, errs.Bad("topics", "must name at least one of %v", h.Names())
	}
	for _, name := range w.Topics {
		t, ok := h.topics[name]
		if !ok {
			return nil, errs.Bad("topics", "must be of %v", h.Names())
		}
		if err := who.Require(t.Need); err != nil {
			return nil, err
		}
	}
	slices.Sort(w.Topics)
	w.Topics = slices.Compact(w.Topics)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ctx.Err() != nil {
		return nil, stopping()
	}
	counts := []struct {
		key  string
		most int
		what string
	}{{"credential " + w.Credential, perCaller, "of one credential"}, {"tenant " + who.Home, perTenant, "of one tenant"}, {"", perPanel, "of this panel"}}
	for _, c := range counts {
		if h.streams[c.key] >= c.most {
			return nil, errs.New(errs.Throttled, "at most %d streams %s at once", c.most, c.what)
		}
	}
	for _, c := range counts {
		h.streams[c.key]++
	}
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, c := range counts {
			if h.streams[c.key]--; h.streams[c.key] <= 0 {
				delete(h.streams, c.key)
			}
		}
	}, nil
}

// Serve runs an admitted watch until its client is gone, its caller may watch no more, or the hub closes; the error says
// which, for a last word.
func (h *Hub) Serve(w *Watch) error {
	known := map[string]map[string]string{}
	tick := time.NewTicker(Every)
	defer tick.Stop()
	for {
		if err := h.serveTurn(w, known); err != nil {
			if h.ctx.Err() != nil { // whatever it broke off
				return stopping()
			}
			return err
		}
		select {
		case <-h.ctx.Done():
			return stopping()
		case <-tick.C:
		}
	}
}

func stopping() error { return errs.New(errs.Unavailable, "the panel is stopping") }

func (h *Hub) serveTurn(w *Watch, known map[string]map[string]string) error {
	who, err := w.Who(h.ctx)
	if err != nil {
		return err
	}
	events, err := h.turn(who, w, known)
	if err != nil {
		return err
	}
	return w.Send(events)
}

// turn looks at every topic once. A topic that cannot be read now is left as it was: the next turn comes soon.
func (h *Hub) turn(who actor.Actor, w *Watch, known map[string]map[string]string) ([]Event, error) {
	var out []Event
	for _, name := range w.Topics {
		t := h.topics[name]
		if err := who.Require(t.Need); err != nil {
			return nil, err
		}
		l := h.read(who, t, w.Filter)
		if l.err != nil {
			if errs.Is(l.err, errs.Unavailable) || errors.Is(l.err, context.Canceled) {
				continue
			}
			return nil, l.err
		}
		was, seen := known[name]
		now := make(map[string]string, len(l.items))
		e := Event{Topic: name, Whole: !seen, Set: []json.RawMessage{}, Gone: []string{}, More: l.more}
		for _, x := range l.items {
			now[x.Key] = string(x.Body)
			if old, ok := was[x.Key]; !ok || old != string(x.Body) {
				e.Set = append(e.Set, x.Body)
			}
		}
		for key := range was {
			if _, ok := now[key]; !ok {
				e.Gone = append(e.Gone, key)
			}
		}
		slices.Sort(e.Gone)
		known[name] = now
		if e.Whole || len(e.Set) > 0 || len(e.Gone) > 0 {
			out = append(out, e)
		}
	}
	return out, nil
}

// read returns a look at t that is not older than half a turn. Whoever sees the same, by tenant and ownership, shares it.
func (h *Hub) read(who actor.Actor, t Topic, f Filter) *look {
	key := t.Name + "\x00" + who.Tenant + "\x00" + who.Home + "\x00" + who.Owner
	if who.Operator {
		key += "\x00operator"
	}
	for _, name := range t.Filters {
		key += "\x00" + f[name]
	}
	h.mu.Lock()
	l := h.looks[key]
	if l != nil && time.Since(l.at) < Every/2 {
		h.mu.Unlock()
		<-l.done
		return l
	}
	l = &look{done: make(chan struct{}), at: time.Now()}
	h.looks[key] = l
	h.forgetLocked(l.at)
	h.mu.Unlock()
	defer close(l.done)
	ctx, cancel := context.WithTimeout(h.ctx, 10*time.Second)
	defer cancel()
	l.items, l.more, l.err = t.Read(ctx, who, f)
	return l
}

// forgetLocked drops looks that nobody will share any more; the caller holds h.mu.
func (h *Hub) forgetLocked(now time.Time) {
	for key, l := range h.looks {
		if now.Sub(l.at) > 2*Every {
			delete(h.looks, key)
		}
	}
}

// ItemsOf turns a page of objects into items.
func ItemsOf[T any](page []T, key func(*T) string) ([]Item, error) {
	out := make([]Item, len(page))
	for i := range page {
		body, err := json.Marshal(&page[i])
		if err != nil {
			return nil, err
		}
		out[i] = Item{Key: key(&page[i]), Body: body}
	}
	return out, nil
}
