package command

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"culvert/panel/internal/billing"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/hestia/registry"
	"culvert/shared/id"
	"culvert/shared/unit"
)

// options are the OPTIONS of v-add-user and v-change-user-options, all checked before anything changes.
type options struct {
	edits   []func(*billing.Grants)
	expires **time.Time // nil: not given; pointer to nil: never
}

// optionsDoc is the document; numbers may be texts, as billing systems send them.
type optionsDoc struct {
	BandwidthMB json.RawMessage `json:"bandwidth_mb"`
	Devices     json.RawMessage `json:"devices"`
	SpeedDown   json.RawMessage `json:"speed_down"`
	SpeedUp     json.RawMessage `json:"speed_up"`
	NodeGroup   json.RawMessage `json:"node_group"`
	Protocols   json.RawMessage `json:"protocols"`
	Expire      json.RawMessage `json:"expire"`
	Reset       json.RawMessage `json:"reset"`
}

func (o *options) any() bool { return len(o.edits) > 0 || o.expires != nil }

func (o *options) never() bool { return o.expires != nil && *o.expires == nil }

func (o *options) expiry() *time.Time {
	if o.expires == nil {
		return nil
	}
	return *o.expires
}

func (o *options) apply(g *billing.Grants) {
	for _, edit := range o.edits {
		edit(g)
	}
}

func (o *options) set(edit func(*billing.Grants)) { o.edits = append(o.edits, edit) }

// readOptions reads OPTIONS; an unknown key is an error.
func (k *core) readOptions(ctx context.Context, c *registry.Call) (*options, error) {
	o := &options{}
	text := c.Str("OPTIONS")
	if text == "" {
		return o, nil
	}
	var doc optionsDoc
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&doc); err != nil {
		return nil, errs.Bad("options", "must be one JSON object with bandwidth_mb, devices, speed_down, speed_up, node_group, protocols, expire, reset")
	}
	var f errs.Faults
	doc.numbers(o, &f)
	doc.terms(o, &f)
	if err := f.Err(); err != nil {
		return nil, err
	}
	return o, k.lists(ctx, c, &doc, o)
}

func (d *optionsDoc) numbers(o *options, f *errs.Faults) {
	number := func(name string, raw json.RawMessage, most int64, set func(*billing.Grants, int64)) {
		text, given := scalar(raw)
		if !given {
			return
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 || n > most {
			f.Add(name, "must be a number between 0 and %d", most)
			return
		}
		o.set(func(g *billing.Grants) { set(g, n) })
	}
	if text, given := scalar(d.BandwidthMB); given {
		limit, err := megabytes(text)
		f.Check(err == nil, "bandwidth_mb", "must be unlimited or a number of MB")
		o.set(func(g *billing.Grants) { g.TrafficLimit = limit })
	}
	number("devices", d.Devices, 10_000, func(g *billing.Grants, n int64) { g.Devices = int(n) })
	number("speed_down", d.SpeedDown, maxMbit, func(g *billing.Grants, n int64) { g.SpeedDown = unit.BitRate(n) * unit.Mbit })
	number("speed_up", d.SpeedUp, maxMbit, func(g *billing.Grants, n int64) { g.SpeedUp = unit.BitRate(n) * unit.Mbit })
}

func (d *optionsDoc) terms(o *options, f *errs.Faults) {
	if text, given := scalar(d.Reset); given {
		o.set(func(g *billing.Grants) { g.Reset = text })
	}
	if text, given := scalar(d.Expire); given {
		at, err := until(text)
		f.Check(err == nil, "expire", "must be never, YYYY-MM-DD or RFC 3339")
		o.expires = &at
	}
}

func (k *core) lists(ctx context.Context, c *registry.Call, d *optionsDoc, o *options) error {
	if list, given, err := textList(d.Protocols); err != nil {
		return errs.Bad("protocols", "must be a list of protocols, or all")
	} else if given {
		o.set(func(g *billing.Grants) { g.Protocols = list })
	}
	list, given, err := textList(d.NodeGroup)
	if err != nil {
		return errs.Bad("node_group", "must be a list of node groups, or all")
	}
	if !given {
		return nil
	}
	ids, err := k.groupIDs(ctx, c, list)
	if err != nil {
		return err
	}
	o.set(func(g *billing.Grants) { g.NodeGroups = ids })
	return nil
}

const (
	maxMbit = 1_000_000
	maxMB   = 1 << 40
)

// megabytes reads unlimited or a number of MB (2^20 bytes).
func megabytes(text string) (unit.Bytes, error) {
	if text == "unlimited" {
		return unit.Unlimited, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > maxMB {
		return 0, errs.Bad("bandwidth", "must be unlimited or a number of MB")
	}
	return unit.Bytes(n) * unit.MiB, nil
}

// until reads never (nil) or a date.
func until(text string) (*time.Time, error) {
	if text == "never" {
		return nil, nil //nolint:nilnil // never is a value here
	}
	t, err := registry.ParseDate(text)
	return &t, err
}

// scalar returns a JSON text or number as text; null and absent are not given.
func scalar(raw json.RawMessage) (string, bool) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" {
		return "", false
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return registry.Trim(s), true
	}
	return string(raw), true
}

// textList reads a list of texts, or texts joined by commas. all is the empty list: everything.
func textList(raw json.RawMessage) ([]string, bool, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, false, nil
	}
	list := []string{}
	if err := json.Unmarshal(raw, &list); err != nil {
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return nil, false, err
		}
		list = words(s)
	}
	if len(list) == 1 && list[0] == "all" {
		list = []string{}
	}
	return list, true, nil
}

// generatedName is a free-looking name for a user whom the billing system did not name.
func generatedName() string {
	fresh := id.New(id.Subscriber)
	return "u" + fresh[len(fresh)-10:]
}
