// Package config turns the environment, and an optional file, into the panel's validated configuration.
package config

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"culvert/shared/logging"
	"culvert/shared/secret"
	"culvert/shared/setting"
)

// Mode is what the panel is started for; it decides which settings are needed.
type Mode int

// The modes: Up supervises what is not given; Serve takes both servers from outside.
const (
	Up Mode = iota
	Serve
)

// Config is the panel's configuration. Every field is valid.
type Config struct {
	DatabaseURL secret.String // empty: a private PostgreSQL under DataDir
	RedisURL    secret.String // empty: a private Redis under DataDir

	DataDir       string // absolute
	MasterKeyFile string // absolute

	Listen          string // HTTPS: web panel and every API
	PlainListen     string // plain HTTP on loopback; empty: none
	PublicURL       *url.URL
	TrustedProxies  []netip.Prefix // whose X-Forwarded-For is believed
	GatewayListen   string         // mTLS for node agents
	GatewayPublic   string         // host:port that agents dial
	ReportInterval  time.Duration  // how often nodes report usage
	BlockPrivate    bool           // nodes refuse private, loopback and metadata destinations
	DropOldest      bool           // a device over a subscriber's limit takes the oldest one's place, instead of being refused
	BlockPorts      []uint16       // nodes refuse these destination ports (TCP)
	LogLevel        slog.Level
	DataDirIsGiven  bool // false: the default was taken
	PublicURLIsMade bool // true: PublicURL was made from Listen, and names this machine only
}

// Load reads the configuration from the lines of an environment. The error names every mistake.
func Load(environ []string, mode Mode) (Config, error) {
	r := setting.Read(environ, "CULVERT_", "CULVERT_AGENT_", "CULVERT_TEST_")
	c := Config{
		DatabaseURL:    secret.New(r.URL("DATABASE_URL", "", "postgres", "postgresql")),
		RedisURL:       secret.New(r.URL("REDIS_URL", "", "redis", "rediss", "unix")),
		Listen:         r.Listen("LISTEN", ":8083"),
		PlainListen:    r.Listen("HTTP_PLAIN_LISTEN", ""),
		GatewayListen:  r.Listen("GATEWAY_LISTEN", ":8443"),
		TrustedProxies: r.Prefixes("TRUSTED_PROXIES"),
		ReportInterval: r.Duration("REPORT_INTERVAL", 5*time.Second, 200*time.Millisecond, 10*time.Minute),
	}
	c.BlockPrivate = r.Choice("BLOCK_PRIVATE", "yes", "yes", "no") == "yes"
	c.DropOldest = r.Choice("DEVICE_POLICY", "refuse_new", "refuse_new", "drop_oldest") == "drop_oldest"
	c.readBlockedPorts(r)
	c.readPlaces(r)
	c.readPublic(r)
	level, err := logging.ParseLevel(r.Choice("LOG_LEVEL", "info", "debug", "info", "warn", "error"))
	if err == nil { // else Choice has recorded it
		c.LogLevel = level
	}
	if c.PlainListen != "" && !isLoopback(c.PlainListen) {
		r.Mistake("HTTP_PLAIN_LISTEN", fmt.Sprintf("must be on loopback, such as 127.0.0.1:8080, not %q: passwords would travel in clear", c.PlainListen))
	}
	if p := port(c.Listen); p != "0" && p == port(c.GatewayListen) {
		r.Mistake("GATEWAY_LISTEN", fmt.Sprintf("must have another port than CULVERT_LISTEN (%s)", p))
	}
	if mode == Serve {
		c.needServers(r)
	}
	return c, r.Err()
}

// readBlockedPorts reads a comma list; "none" blocks nothing. Port 25 is the default: a proxy must not become a spammer.
func (c *Config) readBlockedPorts(r *setting.Reader) {
	text := r.String("BLOCK_PORTS", "25")
	if text == "none" {
		return
	}
	for _, t := range strings.Split(text, ",") {
		p, err := strconv.ParseUint(strings.TrimSpace(t), 10, 16)
		if err != nil || p == 0 {
			r.Mistake("BLOCK_PORTS", fmt.Sprintf("must be ports between 1 and 65535 with commas between, or none; %q is not", t))
			return
		}
		c.BlockPorts = append(c.BlockPorts, uint16(p))
	}
}

func (c *Config) needServers(r *setting.Reader) {
	const rule = "is needed by \"serve\"; \"up\" starts a private server instead"
	if c.DatabaseURL.Empty() {
		r.Mistake("DATABASE_URL", rule)
	}
	if c.RedisURL.Empty() {
		r.Mistake("REDIS_URL", rule)
	}
}

func (c *Config) readPlaces(r *setting.Reader) {
	dir := r.String("DATA_DIR", "")
	c.DataDirIsGiven = dir != ""
	if dir == "" {
		dir = "/var/lib/culvert"
	}
	c.DataDir = absolute(r, "DATA_DIR", dir)
	c.MasterKeyFile = absolute(r, "MASTER_KEY_FILE", r.String("MASTER_KEY_FILE", filepath.Join(c.DataDir, "master.key")))
}

func (c *Config) readPublic(r *setting.Reader) {
	c.GatewayPublic = r.HostPort("GATEWAY_PUBLIC", "")
	if c.GatewayPublic == "" {
		c.GatewayPublic = net.JoinHostPort("127.0.0.1", port(c.GatewayListen))
	}
	text := r.URL("PUBLIC_URL", "", "https", "http")
	if text == "" {
		c.PublicURLIsMade = true
		text = "https://" + net.JoinHostPort("127.0.0.1", port(c.Listen))
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		r.Mistake("PUBLIC_URL", "must be what a browser is given: https://host[:port][/path], nothing else")
		return
	}
	c.PublicURL = u
}

func absolute(r *setting.Reader, name, path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		r.Mistake(name, "must be a path: "+err.Error())
	}
	return abs
}

func isLoopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return true // not an address at all: already a mistake
	}
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

func port(listen string) string {
	_, p, err := net.SplitHostPort(listen)
	if err != nil {
		return "0" // not an address: already a mistake
	}
	return p
}
