package subscriber

import (
	"context"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/shared/id"
)

// Filter narrows a listing. Zero fields do not narrow.
type Filter struct {
	Query         string     `json:"q,omitempty"` // part of name, e-mail, full name or external id
	Status        string     `json:"status,omitempty"`
	PlanID        string     `json:"plan,omitempty"`
	ExternalID    string     `json:"external_id,omitempty"`
	ExpiresBefore *time.Time `json:"expires_before,omitempty"`
	Online        *bool      `json:"online,omitempty"`
	Tenant        string     `json:"tenant,omitempty"` // one of the subtree, in the place of the actor's own
	Tree          bool       `json:"tree,omitempty"`   // the whole subtree, not the actor's tenant alone
}

// orders of a listing; a hyphen before one turns it round. Who never expires comes after those who do.
func orders() []string { return []string{"created_at", "name", "expires_at", "used"} }

// Page is one page of a listing.
type Page struct {
	Items []Subscriber
	Next  string // cursor of the next page; empty at the end
}

const maxPage = 500

func (f *Filter) check() error {
	var x errs.Faults
	x.Check(f.PlanID == "" || id.Valid(id.Plan, f.PlanID), "plan", "must be the id of a plan")
	x.Check(len(f.Query) <= 128, "q", "must have at most 128 characters")
	x.Check(f.Status == "" || slices.Contains([]string{OnHold, Active, Limited, Expired, Suspended, Closed}, f.Status), "status",
		"must be on_hold, active, limited, expired, suspended or closed")
	return x.Err()
}

// args are the first parameters of subscriber_find and subscriber_count.
func (f *Filter) args(a actor.Actor) []any {
	only, pattern := a.Tenant, ""
	switch {
	case a.Owner != "": // confined to one, whatever is asked
		only = a.Home
	case f.Tenant != "":
		only = f.Tenant
	case f.Tree:
		only = ""
	}
	if f.Query != "" {
		pattern = "%" + escapeLike(f.Query) + "%"
	}
	return []any{pattern, only, f.Status, f.PlanID, f.ExternalID, f.ExpiresBefore, a.Owner, f.Online}
}

// cursor is where a page begins: behind a row, in an order.
type cursor struct{ order, key, id string }

// text is the cursor on the wire. In the order of creation an id says it all.
func (c cursor) text() string {
	if c.order == "" {
		return base64.RawURLEncoding.EncodeToString([]byte(c.id))
	}
	return base64.RawURLEncoding.EncodeToString([]byte(c.order + "\n" + c.key + "\n" + c.id))
}

// readCursor reads a cursor of a listing in an order.
func readCursor(text, order string) (cursor, error) {
	c := cursor{order: order}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	ok := err == nil && len(raw) <= 200 && utf8.Valid(raw) && !strings.ContainsRune(string(raw), 0)
	if ok && text != "" {
		parts := strings.Split(string(raw), "\n")
		switch {
		case order == "" && len(parts) == 1:
			c.id = parts[0]
		case order != "" && len(parts) == 3 && parts[0] == order && parts[2] != "":
			c.key, c.id = parts[1], parts[2]
		default:
			ok = false
		}
	}
	if ok && c.id != "" {
		switch strings.TrimPrefix(order, "-") {
		case "used":
			_, err = strconv.ParseInt(c.key, 10, 64)
		case "expires_at":
			if _, err = time.Parse(time.RFC3339Nano, c.key); c.key == forever {
				err = nil
			}
		}
	}
	if !ok || err != nil {
		return c, errs.Bad("cursor", "is not a cursor of this listing")
	}
	return c, nil
}

const forever = "infinity"

func cursorOf(s *Subscriber, order string) cursor {
	c := cursor{order: order, id: s.ID}
	switch strings.TrimPrefix(order, "-") {
	case "name":
		c.key = s.Name
	case "used":
		c.key = strconv.FormatInt(int64(s.Usage.sorted), 10)
	case "expires_at":
		c.key = forever
		if s.ExpiresAt != nil {
			c.key = s.ExpiresAt.UTC().Format(time.RFC3339Nano)
		}
	}
	return c
}

// List returns one page in the order of creation; text is a former Page.Next.
func (s *Service) List(ctx context.Context, a actor.Actor, f Filter, text string, limit int) (*Page, error) {
	return s.ListBy(ctx, a, f, "", text, limit)
}

// ListBy returns one page in an order of orders; text is a former Page.Next of the same order.
func (s *Service) ListBy(ctx context.Context, a actor.Actor, f Filter, order, text string, limit int) (*Page, error) {
	if err := a.Require(actor.May(actor.Subscribers, actor.Read)); err != nil {
		return nil, err
	}
	if limit < 1 || limit > maxPage {
		return nil, errs.Bad("limit", "must be between 1 and %d", maxPage)
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	if order != "" && !slices.Contains(orders(), strings.TrimPrefix(order, "-")) {
		return nil, errs.Bad("sort", "must be %s, or one of them after a hyphen", strings.Join(orders(), ", "))
	}
	if order == "created_at" {
		order = ""
	}
	from, err := readCursor(text, order)
	if err != nil {
		return nil, err
	}
	page := &Page{Items: []Subscriber{}}
	err = s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		ids, err := find(ctx, tx, a, f, from, limit+1)
		if err != nil {
			return err
		}
		if page.Items, err = pick(ctx, tx, ids); err != nil || !f.Tree {
			return err
		}
		return nameTenants(ctx, tx, page.Items)
	})
	if err != nil {
		return nil, err
	}
	if len(page.Items) > limit {
		page.Items = page.Items[:limit]
		page.Next = cursorOf(&page.Items[limit-1], order).text()
	}
	return page, nil
}

// find returns the ids of a page.
func find(ctx context.Context, tx *pg.Tx, a actor.Actor, f Filter, c cursor, limit int) ([]string, error) {
	order, backwards := strings.CutPrefix(c.order, "-")
	var ids []string
	err := tx.Query(ctx, "SELECT subscriber_find($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
		append(f.args(a), order, backwards, c.key, c.id, limit), func(r pg.Row) error {
			var sid string
			err := r.Scan(&sid)
			ids = append(ids, sid)
			return err
		})
	return ids, err
}

func nameTenants(ctx context.Context, tx *pg.Tx, page []Subscriber) error {
	ids := make([]string, len(page))
	for i := range page {
		ids[i] = page[i].TenantID
	}
	names := map[string]string{}
	err := tx.Query(ctx, "SELECT tenant_id, name FROM tenant WHERE tenant_id = ANY($1)", []any{ids}, func(r pg.Row) error {
		var tid, name string
		err := r.Scan(&tid, &name)
		names[tid] = name
		return err
	})
	for i := range page {
		page[i].TenantName = names[page[i].TenantID]
	}
	return err
}

// maxCount is where counting stops.
const maxCount = 100_000

// Count returns how many subscribers a filter matches; exact is false when there are more than that.
func Count(ctx context.Context, db *pg.DB, a actor.Actor, f Filter) (n int64, exact bool, err error) {
	if err := a.Require(actor.May(actor.Subscribers, actor.Read)); err != nil {
		return 0, false, err
	}
	if err := f.check(); err != nil {
		return 0, false, err
	}
	err = db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		_, err := tx.One(ctx, "SELECT subscriber_count($1, $2, $3, $4, $5, $6, $7, $8, $9)", append(f.args(a), maxCount+1), &n)
		return err
	})
	return min(n, maxCount), n <= maxCount, err
}

// IDs returns the ids that a filter matches in the order of creation, at most most, in the caller's transaction.
func IDs(ctx context.Context, tx *pg.Tx, a actor.Actor, f Filter, most int) ([]string, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	return find(ctx, tx, a, f, cursor{}, most)
}

// Pick returns subscribers by id as far as a may see them, in the order of ids, in the caller's transaction.
func Pick(ctx context.Context, tx *pg.Tx, a actor.Actor, ids []string) ([]Subscriber, error) {
	out, err := pick(ctx, tx, ids)
	if a.Owner != "" {
		out = slices.DeleteFunc(out, func(s Subscriber) bool { return s.TenantID != a.Home || s.Name != a.Owner })
	}
	return out, err
}
