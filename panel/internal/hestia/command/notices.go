package command

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/html"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/hestia/registry"
	"culvert/panel/internal/hestia/shape"
	"culvert/panel/internal/pg"
)

// noticeCommands leave notes for a user (hestia-api.md §6.3). A notice is a record of the audit trail, and so are its
// acknowledgement and its removal: what is listed is what the records amount to.
type noticeCommands struct{ *core }

func (g noticeCommands) list() []registry.Command {
	return []registry.Command{
		{Name: "v-add-user-notification", Spec: "USER:user TOPIC:text NOTICE:value [TYPE:word] [PRIORITY:word]", Role: registry.Tenant, Traits: registry.Writes, Codes: []int{registry.ExitLimit}, Run: g.add, About: "leaves a notice for a user; NOTICE is HTML, of which plain markup stays"},
		{Name: "v-list-user-notifications", Spec: "USER:user [FORMAT:format=shell]", Role: registry.Tenant, Run: g.all, About: "lists a user's notices"},
		{Name: "v-acknowledge-user-notification", Spec: "USER:user NID:nid", Role: registry.Tenant, Traits: registry.Writes, Run: g.acknowledge, About: "marks a notice, or all, as read"},
		{Name: "v-delete-user-notification", Spec: "USER:user NID:nid", Role: registry.Tenant, Traits: registry.Writes, Run: g.remove, About: "removes a notice, or all"},
	}
}

// Bounds of notices.
const (
	maxNotices    = 100 // of one user
	maxNotice     = 4000
	noticeTrail   = 10_000 // records of one user that count: older ones are forgotten
	everyNotice   = "all"
	actNotice     = "notification."
	actNoticeAdd  = actNotice + "add"
	actNoticeAck  = actNotice + "acknowledge"
	actNoticeDrop = actNotice + "delete"
)

// notice is the diff of a record.
type notice struct {
	NID      int64  `json:"nid,omitempty"`
	Which    string `json:"which,omitempty"` // of an acknowledgement or a removal: a NID, or all
	Topic    string `json:"topic,omitempty"`
	Notice   string `json:"notice,omitempty"`
	Type     string `json:"type,omitempty"`
	Priority string `json:"priority,omitempty"`

	at  time.Time
	ack bool
}

// entry is a record of the trail.
type entry struct {
	action string
	at     time.Time
	diff   []byte
}

// trail returns the newest records about an object of the caller's tenant, oldest of them first.
func trail(ctx context.Context, tx *pg.Tx, c *registry.Call, object string, limit int) ([]entry, error) {
	var out []entry
	err := tx.Query(ctx, `SELECT action, at, coalesce(diff::text, '{}') FROM audit WHERE tenant_id = $1 AND object = $2 ORDER BY id DESC LIMIT $3`,
		[]any{c.Actor.Tenant, object, limit}, func(r pg.Row) error {
			var e entry
			var diff string
			err := r.Scan(&e.action, &e.at, &diff)
			e.diff = []byte(diff)
			out = append(out, e)
			return err
		})
	slices.Reverse(out)
	return out, err
}

// read returns what notices the records amount to, and the highest number given so far.
func (g noticeCommands) read(ctx context.Context, tx *pg.Tx, c *registry.Call, object string) (living []notice, last int64, err error) {
	records, err := trail(ctx, tx, c, object, noticeTrail)
	if err != nil {
		return nil, 0, err
	}
	for i := range records {
		var n notice
		if err := json.Unmarshal(records[i].diff, &n); err != nil {
			return nil, 0, err
		}
		hit := func(x notice) bool { return n.Which == everyNotice || n.Which == count(x.NID) }
		switch records[i].action {
		case actNoticeAdd:
			n.at = records[i].at
			living, last = append(living, n), max(last, n.NID)
		case actNoticeAck:
			for j := range living {
				living[j].ack = living[j].ack || hit(living[j])
			}
		case actNoticeDrop:
			living = slices.DeleteFunc(living, hit)
		}
	}
	return living, last, nil
}

// object names the trail of a user's notices; the tenant's owner has one too.
func (g noticeCommands) object(ctx context.Context, c *registry.Call) (string, error) {
	about, err := logCommands{g.core}.object(ctx, c)
	return "notices/" + about, err
}

// record adds a record, one writer at a time: numbers are given once.
func (g noticeCommands) record(ctx context.Context, c *registry.Call, object, action string, diff func(*pg.Tx) (audit.Diff, error)) error {
	if err := c.Actor.Require(actor.May(actor.Subscribers, actor.Write)); err != nil {
		return err
	}
	return g.DB.InTenant(ctx, c.Actor.Tenant, func(tx *pg.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtextextended($1, 7203445))", c.Actor.Tenant+"/"+object); err != nil {
			return err
		}
		d, err := diff(tx)
		if err != nil {
			return err
		}
		return audit.Record(ctx, tx, c.Actor, action, object, d)
	})
}

func (g noticeCommands) add(ctx context.Context, c *registry.Call) error {
	text := plainMarkup(c.Str("NOTICE"))
	if text == "" || len(text) > maxNotice {
		return errs.Bad("NOTICE", "must have 1 to %d characters", maxNotice)
	}
	object, err := g.object(ctx, c)
	if err != nil {
		return err
	}
	return g.record(ctx, c, object, actNoticeAdd, func(tx *pg.Tx) (audit.Diff, error) {
		living, last, err := g.read(ctx, tx, c, object)
		if err == nil && len(living) >= maxNotices {
			err = errs.New(errs.Limited, "a user has at most %d notices", maxNotices)
		}
		return audit.Diff{"nid": last + 1, "topic": c.Str("TOPIC"), "notice": text, "type": c.Str("TYPE"), "priority": c.Str("PRIORITY")}, err
	})
}

func (g noticeCommands) all(ctx context.Context, c *registry.Call) error {
	if err := c.Actor.Require(actor.May(actor.Subscribers, actor.Read)); err != nil {
		return err
	}
	object, err := g.object(ctx, c)
	if err != nil {
		return err
	}
	var living []notice
	err = g.DB.InTenant(ctx, c.Actor.Tenant, func(tx *pg.Tx) (err error) {
		living, _, err = g.read(ctx, tx, c, object)
		return err
	})
	if err != nil {
		return err
	}
	t := &shape.Table{KeyName: "NID"}
	for i := range living {
		n := &living[i]
		t.Rows = append(t.Rows, shape.Row{Key: count(n.NID), Fields: []shape.Field{
			shape.F("TOPIC", n.Topic), shape.F("NOTICE", n.Notice), shape.F("TYPE", n.Type), shape.F("ACK", yesNo(n.ack)),
			shape.F("PRIORITY", n.Priority), shape.F("TIME", n.at.UTC().Format(time.TimeOnly)), shape.F("DATE", n.at.UTC().Format(time.DateOnly)),
		}})
	}
	return c.Show(t)
}

func (g noticeCommands) acknowledge(ctx context.Context, c *registry.Call) error {
	return g.mark(ctx, c, actNoticeAck)
}

func (g noticeCommands) remove(ctx context.Context, c *registry.Call) error {
	return g.mark(ctx, c, actNoticeDrop)
}

func (g noticeCommands) mark(ctx context.Context, c *registry.Call, action string) error {
	object, err := g.object(ctx, c)
	if err != nil {
		return err
	}
	which := c.Str("NID")
	return g.record(ctx, c, object, action, func(tx *pg.Tx) (audit.Diff, error) {
		living, _, err := g.read(ctx, tx, c, object)
		if err == nil && which != everyNotice && !slices.ContainsFunc(living, func(n notice) bool { return count(n.NID) == which }) {
			err = errs.NotFound("notification", which)
		}
		return audit.Diff{"which": which}, err
	})
}

// plainMarkup keeps the markup of HTML that does nothing, without attributes, and escapes the rest: the text is shown in
// other people's browsers. What scripts and styles hold is left out.
func plainMarkup(s string) string {
	harmless := []string{"b", "i", "em", "strong", "p", "br", "ul", "ol", "li", "code", "pre"}
	var out strings.Builder
	skip := 0
	for z := html.NewTokenizer(strings.NewReader(s)); ; {
		kind := z.Next()
		if kind == html.ErrorToken {
			return strings.TrimSpace(out.String())
		}
		t := z.Token()
		silent := t.Data == "script" || t.Data == "style"
		switch kind {
		case html.TextToken:
			if skip == 0 {
				out.WriteString(html.EscapeString(t.Data))
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			if silent && kind == html.StartTagToken {
				skip++
			}
			if slices.Contains(harmless, t.Data) {
				out.WriteString("<" + t.Data + ">")
			}
		case html.EndTagToken:
			if silent {
				skip = max(0, skip-1)
			}
			if slices.Contains(harmless, t.Data) {
				out.WriteString("</" + t.Data + ">")
			}
		case html.ErrorToken, html.CommentToken, html.DoctypeToken:
		}
	}
}
