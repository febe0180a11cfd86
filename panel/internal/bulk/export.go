package bulk

import (
	"bytes"
	"context"
	"encoding/csv"
	"regexp"
	"strconv"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/subscriber"
	"culvert/shared/unit"
)

// Words in files for what is no number and no instant.
const (
	unlimited = "unlimited"
	never     = "never"
)

// column is one of an exported file. Those with a setter can be imported; the others an import leaves aside, so that what was
// exported can be read elsewhere.
type column struct {
	name string
	get  func(*subscriber.Subscriber) string
	set  func(*subscriber.Create, *grants, string) (rule string)
}

// exportPage is how many rows are read at once.
const exportPage = 500

// Export is a listing on its way into a file.
type Export struct {
	subs   *subscriber.Service
	actor  actor.Actor
	filter subscriber.Filter
	page   *subscriber.Page
	head   bool
}

// Export begins a file of the subscribers that a filter matches, in the order of creation, and leaves a record.
func (s *Service) Export(ctx context.Context, a actor.Actor, f subscriber.Filter) (*Export, error) {
	first, err := s.Subs.List(ctx, a, f, "", exportPage)
	if err != nil {
		return nil, err
	}
	err = s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		return audit.Record(ctx, tx, a, "subscriber.export", "tenant/"+a.Tenant, audit.Diff{"filter": f})
	})
	return &Export{subs: s.Subs, actor: a, filter: f, page: first}, err
}

// Next returns the next part of the file, nil at its end. Memory is that of one page, whatever the number of rows.
func (e *Export) Next(ctx context.Context) ([]byte, error) {
	if e.page == nil {
		return nil, nil
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	all := columnsOf()
	row := make([]string, len(all))
	if !e.head {
		e.head = true
		for i, c := range all {
			row[i] = c.name
		}
		_ = w.Write(row) // into memory
	}
	for i := range e.page.Items {
		for j, c := range all {
			row[j] = harmless(c.get(&e.page.Items[i]))
		}
		_ = w.Write(row)
	}
	w.Flush()
	next := e.page.Next
	e.page = nil
	if next != "" {
		var err error
		if e.page, err = e.subs.List(ctx, e.actor, e.filter, next, exportPage); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// What a spreadsheet takes for a formula, maybe behind marks that say it is none.
var (
	formula = regexp.MustCompile(`^'*[=+\-@\t\r\n]`) //nolint:gochecknoglobals // a compiled constant
	marked  = regexp.MustCompile(`^'+[=+\-@\t\r\n]`) //nolint:gochecknoglobals // a compiled constant
)

// harmless marks a text that a spreadsheet would take for a formula; plain takes one mark away, so that a text comes back as
// it was.
func harmless(text string) string {
	if formula.MatchString(text) {
		return "'" + text
	}
	return text
}

func plain(text string) string {
	if marked.MatchString(text) {
		return text[1:]
	}
	return text
}

func instant(t *time.Time, otherwise string) string {
	if t == nil {
		return otherwise
	}
	return t.UTC().Format(time.RFC3339)
}

func bytesOrUnlimited(b unit.Bytes) string {
	if b == unit.Unlimited {
		return unlimited
	}
	return strconv.FormatInt(int64(b), 10)
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
