package profile

import (
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/url"
	"strings"
)

// pageStyle is the style of all pages. Its hash is in their Content-Security-Policy.
const pageStyle = `
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{max-width:44rem;margin:0 auto;padding:1.5rem 1rem}
h1{font-size:1.4rem;margin:0 0 .5rem}
h2{font-size:1.1rem;margin:0}
section{border:1px solid #8884;border-radius:.75rem;padding:1rem;margin:1rem 0}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem;margin:0}
dt{opacity:.7}
dd{margin:0}
code,textarea{font:.8rem/1.4 ui-monospace,monospace;overflow-wrap:anywhere;user-select:all}
textarea{width:100%;min-height:14rem;box-sizing:border-box}
svg{width:14rem;max-width:100%;border-radius:.5rem;display:block;margin:.75rem 0}
button{font:inherit;padding:.5rem 1rem;border-radius:.5rem;border:1px solid #8888;cursor:pointer}
ul{padding-left:1.2rem}
`

// PagePolicy is the Content-Security-Policy of pages: their own style, pictures in line, forms to this site, nothing else.
func PagePolicy() string {
	sum := sha256.Sum256([]byte(pageStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
}

const pageHead = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow"><title>{{.Title}}</title><style>{{.Style}}</style></head><body>
<h1>{{.Title}}</h1>
`

var (
	overviewPage = template.Must(template.New("overview").Parse(pageHead + `<section><dl>
<dt>User</dt><dd>{{.User}}</dd>
<dt>Used</dt><dd>{{.Used}}</dd>
<dt>Expires</dt><dd>{{.Expires}}</dd>
</dl><p>{{if .Portal}}<a href="{{.Portal}}">Your account</a>{{end}}{{if .Support}} <a href="{{.Support}}">Support</a>{{end}}</p></section>
{{if .URL}}<section><h2>Subscription</h2><p>Add this address in your app; it keeps itself up to date.</p>{{.QR}}<p><code>{{.URL}}</code></p>
<ul>{{range .Apps}}<li><a href="{{.Link}}">{{.Name}}</a></li>{{end}}</ul></section>{{end}}
{{range .Entries}}<section><h2>{{.Label}}</h2>{{.QR}}{{if .Link}}<p><code>{{.Link}}</code></p>{{end}}{{if .Conf}}<p><textarea readonly spellcheck="false">{{.Conf}}</textarea></p>{{end}}</section>
{{else}}<p>There is nothing to connect to.</p>{{end}}
</body></html>
`))  //nolint:gochecknoglobals // a parsed constant
	askPage = template.Must(template.New("ask").Parse(pageHead + `<section><p>A configuration waits here. It is shown once: have your device at hand.</p>
<form method="post"><button type="submit">Show it now</button></form></section>
</body></html>
`))  //nolint:gochecknoglobals // a parsed constant
	onePage = template.Must(template.New("one").Parse(pageHead + `<section><p>Scan this with the WireGuard app, or save the text as a file that ends in <code>.conf</code>. This page does not come again.</p>
{{.QR}}<p><textarea readonly spellcheck="false">{{.Conf}}</textarea></p></section>
</body></html>
`))  //nolint:gochecknoglobals // a parsed constant
)

// page is what the pages are filled with.
type page struct {
	Title, User, Used, Expires, URL, Conf string
	Style                                 template.CSS
	Support                               template.URL // checked where it is set
	Portal                                string       // signs in there, by the part of the address that is not sent
	QR                                    template.HTML
	Apps                                  []app
	Entries                               []entry
}

type app struct {
	Name string
	Link template.URL
}

type entry struct {
	Label, Link, Conf string
	QR                template.HTML
}

// picture is the QR code of a text, or nothing when it is too long.
func picture(text string) template.HTML {
	svg, err := QRSVG(text)
	if err != nil {
		return ""
	}
	return template.HTML(svg) //nolint:gosec // numbers only
}

func write(t *template.Template, p page) string {
	p.Style = template.CSS(pageStyle) //nolint:gosec // a constant
	var b strings.Builder
	if err := t.Execute(&b, p); err != nil {
		panic("profile: pages are made of texts: " + err.Error())
	}
	return b.String()
}

// PortalLink signs a subscriber in to the portal by their subscription address. The token is in the fragment, which browsers
// send nowhere.
func PortalLink(subscription string) string {
	public, token, ok := strings.Cut(subscription, "/sub/")
	if !ok {
		return ""
	}
	return public + "/portal#token=" + token
}

// html is a page for people: what they have, and QR codes of everything.
func html(d *Document) string {
	p := page{Title: d.Title, User: d.User, Used: d.Quota.text(), Expires: d.Quota.expiry(), URL: d.URL, Support: template.URL(d.Support)} //nolint:gosec // checked where it is set
	if d.URL != "" {
		p.QR, p.Apps = picture(d.URL), apps(d)
		p.Portal = PortalLink(d.URL)
	}
	for i := range d.Endpoints {
		e := &d.Endpoints[i]
		switch {
		case e.Notice:
			p.Entries = append(p.Entries, entry{Label: e.Label})
		case e.Tunnel != nil:
			p.Entries = append(p.Entries, entry{Label: e.Label, Conf: e.Conf(), QR: picture(e.Conf())})
		default:
			p.Entries = append(p.Entries, entry{Label: e.Label, Link: e.Link(), QR: picture(e.Link())})
		}
	}
	return write(overviewPage, p)
}

// App is an app with the link that opens the subscription in it.
type App struct{ Name, Link string }

// Apps are links that open a document's subscription in apps.
func (d *Document) Apps() []App {
	whole, title := url.QueryEscape(d.URL), url.PathEscape(d.Title)
	return []App{
		{"sing-box", "sing-box://import-remote-profile?url=" + whole + "#" + title},
		{"Hiddify", "hiddify://import/" + d.URL + "#" + title},
		{"Clash, mihomo, Stash", "clash://install-config?url=" + whole},
		{"v2rayNG", "v2rayng://install-config?url=" + whole},
		{"Shadowrocket", "sub://" + base64.RawURLEncoding.EncodeToString([]byte(d.URL)) + "#" + title},
	}
}

func apps(d *Document) []app {
	var out []app
	for _, x := range d.Apps() {
		out = append(out, app{x.Name, template.URL(x.Link)}) //nolint:gosec // of the panel's own address, escaped
	}
	return out
}

// AskPage is what a one-time link shows before it is redeemed: no secret.
func AskPage() string { return write(askPage, page{Title: "Your configuration"}) }

// ConfigPage shows a configuration with its QR code.
func ConfigPage(c *Config) string {
	return write(onePage, page{Title: c.Device, Conf: c.Text, QR: picture(c.Text)})
}
