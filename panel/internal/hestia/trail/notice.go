package trail

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/html"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
)

// Bounds of notices.
const (
	maxNotices  = 100 // of one user
	maxNotice   = 4000
	noticeTrail = 10_000 // records of one user that count: older ones are forgotten
)

// AllNotices stands for every notice of a user.
const AllNotices = "all"

// What can be done to a notice.
const (
	actAdd      = "notification.add"
	Acknowledge = "notification.acknowledge"
	Remove      = "notification.delete"
)

// Notice is a note to a user. Text is HTML that does nothing.
type Notice struct {
	NID      int64  `json:"nid"`
	Topic    string `json:"topic"`
	Text     string `json:"notice"`
	Type     string `json:"type"`
	Priority string `json:"priority"`

	At  time.Time `json:"-"`
	Ack bool      `json:"-"`
}

func noticesOf(about string) string { return "notices/" + about }

// read returns what notices the records amount to, and the highest number given so far.
func read(ctx context.Context, tx *pg.Tx, a actor.Actor, about string) (living []Notice, last int64, err error) {
	records, err := entries(ctx, tx, a, noticesOf(about), noticeTrail)
	if err != nil {
		return nil, 0, err
	}
	for i := range records {
		var n struct {
			Notice
			Which string `json:"which"`
		}
		if err := json.Unmarshal(records[i].diff, &n); err != nil {
			return nil, 0, err
		}
		hit := func(x Notice) bool { return n.Which == AllNotices || n.Which == strconv.FormatInt(x.NID, 10) }
		switch records[i].action {
		case actAdd:
			n.At = records[i].at
			living, last = append(living, n.Notice), max(last, n.NID)
		case Acknowledge:
			for j := range living {
				living[j].Ack = living[j].Ack || hit(living[j])
			}
		case Remove:
			living = slices.DeleteFunc(living, hit)
		}
	}
	return living, last, nil
}

// AddNotice leaves a notice about an object; its number is the next one.
func (t Trail) AddNotice(ctx context.Context, a actor.Actor, about string, n Notice) error {
	n.Text = harmless(n.Text)
	if n.Text == "" || len(n.Text) > maxNotice {
		return errs.Bad("NOTICE", "must have 1 to %d characters", maxNotice)
	}
	return t.record(ctx, a, noticesOf(about), actAdd, func(tx *pg.Tx) (audit.Diff, error) {
		living, last, err := read(ctx, tx, a, about)
		if err == nil && len(living) >= maxNotices {
			err = errs.New(errs.Limited, "a user has at most %d notices", maxNotices)
		}
		return audit.Diff{"nid": last + 1, "topic": n.Topic, "notice": n.Text, "type": n.Type, "priority": n.Priority}, err
	})
}

// Notices lists the living notices about an object, oldest first.
func (t Trail) Notices(ctx context.Context, a actor.Actor, about string) ([]Notice, error) {
	var out []Notice
	err := t.look(ctx, a, func(tx *pg.Tx) (err error) {
		out, _, err = read(ctx, tx, a, about)
		return err
	})
	return out, err
}

// MarkNotice acknowledges or removes the notice numbered which, or all.
func (t Trail) MarkNotice(ctx context.Context, a actor.Actor, about, action, which string) error {
	return t.record(ctx, a, noticesOf(about), action, func(tx *pg.Tx) (audit.Diff, error) {
		living, _, err := read(ctx, tx, a, about)
		if err == nil && which != AllNotices && !slices.ContainsFunc(living, func(n Notice) bool { return strconv.FormatInt(n.NID, 10) == which }) {
			err = errs.NotFound("notification", which)
		}
		return audit.Diff{"which": which}, err
	})
}

// harmless keeps the markup of HTML that does nothing, without attributes, and escapes the rest: the text is shown in
// other people's browsers. What scripts and styles hold is left out.
func harmless(s string) string {
	mild := []string{"b", "i", "em", "strong", "p", "br", "ul", "ol", "li", "code", "pre"}
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
			if slices.Contains(mild, t.Data) {
				out.WriteString("<" + t.Data + ">")
			}
		case html.EndTagToken:
			if silent {
				skip = max(0, skip-1)
			}
			if slices.Contains(mild, t.Data) {
				out.WriteString("</" + t.Data + ">")
			}
		case html.ErrorToken, html.CommentToken, html.DoctypeToken:
		}
	}
}
