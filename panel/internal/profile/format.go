package profile

import (
	"slices"
	"strings"
)

// Format is one way to write a document.
type Format struct {
	Name        string
	ContentType string
	File        string // ending of a file's name
	Render      func(*Document) string
	Counts      bool // it tells how much was used
}

// Formats lists all, one line each.
func Formats() []Format {
	const text, json = "text/plain; charset=utf-8", "application/json; charset=utf-8"
	return []Format{
		{"base64", text, "txt", encoded, false},
		{"plain", text, "txt", links, false},
		{"singbox", json, "json", singbox, false},
		{"clash", "text/yaml; charset=utf-8", "yaml", clash, false},
		{"xray", json, "json", xray, false},
		{"sip008", json, "json", sip008, true},
		{"outline", json, "json", outline, false},
		{"wireguard", text, "conf", bundle, false},
		{"html", "text/html; charset=utf-8", "html", html, true},
	}
}

// LookupFormat finds a format by name.
func LookupFormat(name string) (Format, bool) {
	i := slices.IndexFunc(Formats(), func(f Format) bool { return f.Name == name })
	if i < 0 {
		return Format{}, false
	}
	return Formats()[i], true
}

// agents tell formats by what apps call themselves. The first that is contained in the lower-case User-Agent wins, so what
// is more special comes first: apps name the cores and the systems they are built on.
func agents() []struct{ part, format string } {
	return []struct{ part, format string }{
		{"outline", "outline"},
		{"shadowrocket", "base64"},
		{"hiddify", "singbox"},
		{"sing-box", "singbox"},
		{"singbox", "singbox"},
		{"karing", "singbox"},
		{"sfa/", "singbox"},
		{"sfi/", "singbox"},
		{"sfm/", "singbox"},
		{"sft/", "singbox"},
		{"mihomo", "clash"},
		{"clash", "clash"},
		{"stash", "clash"},
		{"verge", "clash"},
		{"flclash", "clash"},
		{"v2rayng", "base64"},
		{"v2rayn", "base64"},
		{"v2raytun", "base64"},
		{"nekobox", "base64"},
		{"happ", "base64"},
		{"streisand", "base64"},
		{"foxray", "base64"},
		{"v2box", "base64"},
		{"xray", "xray"},
		{"wireguard", "wireguard"},
		{"mozilla/", "html"},
	}
}

// FormatFor chooses what an app reads. Unknown ones get the list of links in base64, which most do.
func FormatFor(userAgent string) Format {
	ua := strings.ToLower(userAgent)
	for _, a := range agents() {
		if strings.Contains(ua, a.part) {
			f, _ := LookupFormat(a.format)
			return f
		}
	}
	f, _ := LookupFormat("base64")
	return f
}
