package profile

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"culvert/panel/internal/subscriber"
	"culvert/shared/protocol/shadowsocks"
	"culvert/shared/unit"
)

// placeholders of a remark's template.
func placeholders() []string {
	return []string{"{node}", "{region}", "{protocol}", "{device}", "{user}", "{usage}", "{expire}"}
}

// checkRemark says what is wrong with a template, or returns "".
func checkRemark(t string) string {
	n := utf8.RuneCountInString(t)
	if !utf8.ValidString(t) || n < 1 || n > 128 || strings.ContainsFunc(t, unicode.IsControl) {
		return "must have 1 to 128 printable characters"
	}
	rest := t
	for _, p := range placeholders() {
		rest = strings.ReplaceAll(rest, p, "")
	}
	if strings.ContainsAny(rest, "{}") {
		return "knows " + strings.Join(placeholders(), ", ") + " only"
	}
	return ""
}

// label fills a template.
func label(template, user string, q *Quota, e *Endpoint) string {
	kind := kindTitles()[e.Kind]
	if e.Kind == "http" && e.TLS != nil {
		kind = "HTTPS"
	}
	out := strings.NewReplacer("{node}", e.Node, "{region}", e.Region, "{protocol}", kind, "{device}", e.Device, "{user}", user,
		"{usage}", q.text(), "{expire}", q.expiry()).Replace(template)
	if e.Device != "" && !strings.Contains(template, "{device}") {
		out += " " + e.Device
	}
	if out = strings.TrimSpace(out); out == "" {
		return kind
	}
	return out
}

// unique gives equal labels numbers: apps tell entries apart by them, and from their own groups.
func unique(list []Endpoint) {
	seen := []string{tagSelect, tagAuto, tagDirect, clashGroup, clashAuto, "DIRECT", "REJECT", "tun", "GLOBAL", "COMPATIBLE", "PASS", "REJECT-DROP"}
	for i := range list {
		base := list[i].Label
		for n := 2; slices.Contains(seen, list[i].Label); n++ {
			list[i].Label = fmt.Sprintf("%s %d", base, n)
		}
		seen = append(seen, list[i].Label)
	}
}

func (q *Quota) text() string {
	if q.Total > 0 {
		return size(q.used()) + " / " + size(q.Total)
	}
	return size(q.used())
}

func (q *Quota) expiry() string {
	if q.Expires == nil {
		return "never"
	}
	return q.Expires.UTC().Format(time.DateOnly)
}

// size is a number of bytes for people, in powers of 1024 as apps count.
func size(b unit.Bytes) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	v, i := float64(b), 0
	for v >= 1024 && i < len(units)-1 {
		v, i = v/1024, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d B", int64(b))
	}
	return fmt.Sprintf("%.1f %s", v, units[i])
}

// notice is the one entry of a subscriber who may not connect. It is an entry of Shadowsocks, which every format has.
func notice(text string) Endpoint {
	return Endpoint{
		Kind: shadowsocks.Name, Label: text, Host: "127.0.0.1", Port: 1, Method: "chacha20-ietf-poly1305", Password: "none", UDP: true, Notice: true,
	}
}

// whyNot says why a subscriber may not connect.
func whyNot(reason string, s *subscriber.Subscriber, q *Quota) string {
	switch reason {
	case subscriber.Suspended:
		if s.Reason != "" && s.Reason != "manual" {
			return "Suspended: " + s.Reason
		}
		return "Suspended"
	case subscriber.Limited:
		return "Traffic used up: " + q.text()
	case subscriber.Expired:
		if q.Expires != nil {
			return "Expired on " + q.expiry()
		}
		return "Expired"
	}
	return "Not active"
}
