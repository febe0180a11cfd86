package profile

import (
	"strings"
	"sync"
	"time"

	"culvert/shared/unit"
)

// cacheBytes bounds what a panel keeps of rendered profiles, each of the cache's two generations.
const cacheBytes = 8 << 20

// cache keeps what subscriptions were rendered to, by the hash of their token. It holds secrets in clear, as the answers do.
// Two generations bound it: what was asked for lately moves to the young one, and the old one goes when the young is full.
type cache struct {
	mu         sync.Mutex
	young, old map[string]*kept
	bytes      int // of the young
}

// kept is a document with its renderings, good as long as the database says the same stamp.
type kept struct {
	stamp   string
	doc     *Document
	setting *Setting
	until   *time.Time // a document says something else then; nil: never

	mu     sync.Mutex
	bodies map[string]body // by format
}

// body is a rendering. quota is what it was made with.
type body struct {
	text  string
	quota Quota
}

// get returns what is kept under key for a stamp.
func (c *cache) get(key, stamp string, now time.Time) *kept {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, young := c.young[key]
	if !young {
		k = c.old[key]
	}
	if k == nil || k.stamp != stamp || k.until != nil && !now.Before(*k.until) {
		return nil
	}
	if !young {
		c.add(key, k)
	}
	return k
}

func (c *cache) put(key string, k *kept) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(key, k)
}

// add is called with the lock held.
func (c *cache) add(key string, k *kept) {
	if c.young == nil {
		c.young = map[string]*kept{}
	}
	if c.young[key] == nil {
		c.bytes += k.doc.weight()
	}
	c.young[key] = k
	if c.bytes > cacheBytes {
		c.old, c.young, c.bytes = c.young, map[string]*kept{}, 0
	}
}

// weight is about what a document and its usual renderings hold in memory: apps ask in one format, which repeats the texts.
func (d *Document) weight() int {
	n := 4 << 10
	for i := range d.Endpoints {
		n += 2 << 10
		if t := d.Endpoints[i].TLS; t != nil {
			n += 3 * len(t.Chain)
		}
	}
	return n
}

// render writes the document in a format, with the usage of now.
func (k *kept) render(f Format, q Quota) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	b, have := k.bodies[f.Name]
	if have && (b.quota.same(q) || !f.Counts && !k.counts()) {
		return b.text
	}
	d := *k.doc
	d.Quota = q
	if k.counts() {
		d.Endpoints = append([]Endpoint(nil), d.Endpoints...)
		named(&d, k.setting.Remark)
	}
	b = body{f.Render(&d), q}
	k.bodies[f.Name] = b
	return b.text
}

// counts reports whether the entries' names tell how much was used.
func (k *kept) counts() bool { return strings.Contains(k.setting.Remark, "{usage}") }

func (q Quota) same(o Quota) bool { return q.Up == o.Up && q.Down == o.Down && q.Total == o.Total }

// asked is what the one query of a fetch finds: the token with what changes while subscribers use what they bought, and a
// stamp of everything else that a profile is made of.
type asked struct {
	Token
	stamp         string
	limit         unit.Bytes
	up, down, got unit.Bytes
	expires       *time.Time
}

func (a *asked) quota() Quota { return quota(a.limit, a.up, a.down, a.got, a.expires) }

// A row's xmin and ctid are other ones after every change of it (PostgreSQL: system columns), whoever makes it. The stamp is
// read before what it stands for, so what is kept under it may be newer than it, never older.
const askedQuery = `SELECT t.id, t.subscriber_id, t.fetched_at, t.fetched_by, t.fetched_from, s.expires_at, s.traffic_limit,
	coalesce(u.up, 0), coalesce(u.down, 0), coalesce(u.granted, 0),
	concat_ws(' ', p.stamp, s.xmin, s.ctid,
		(SELECT string_agg(concat_ws(' ', d.xmin, d.ctid), ' ' ORDER BY d.id) FROM device d WHERE d.subscriber_id = s.id), 'secrets',
		(SELECT string_agg(concat_ws(' ', c.xmin, c.ctid), ' ' ORDER BY c.family) FROM credential c WHERE c.tenant_id = s.tenant_id AND c.subscriber_id = s.id))
	FROM subscription_token t JOIN subscriber s ON s.tenant_id = t.tenant_id AND s.id = t.subscriber_id
	LEFT JOIN usage_total u ON u.subscriber_id = s.id CROSS JOIN profile_stamp p
	WHERE t.hash = $1 AND (t.expires_at IS NULL OR t.expires_at > $2)`
