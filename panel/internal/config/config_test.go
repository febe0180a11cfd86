package config_test

import (
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"culvert/panel/internal/config"
)

func TestDefaults(t *testing.T) {
	t.Parallel()
	c, err := config.Load([]string{"HOME=/root", "CULVERT_TEST_POSTGRES=x", "CULVERT_AGENT_TOKEN=x"}, config.Up)
	if err != nil {
		t.Fatal(err)
	}
	got := []any{
		c.DatabaseURL.Empty(), c.RedisURL.Empty(), c.DataDir, c.MasterKeyFile, c.Listen, c.PlainListen, c.GatewayListen, c.GatewayPublic,
		c.PublicURL.String(), c.LogLevel, c.ReportInterval, len(c.TrustedProxies), c.DataDirIsGiven, c.PublicURLIsMade,
	}
	want := []any{
		true, true, "/var/lib/culvert", "/var/lib/culvert/master.key", ":8083", "", ":8443", "127.0.0.1:8443",
		"https://127.0.0.1:8083", slog.LevelInfo, 5 * time.Second, 0, false, true,
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("value %d = %v, want %v", i, got[i], want[i])
		}
	}
}

func TestGiven(t *testing.T) {
	t.Parallel()
	c, err := config.Load([]string{
		"CULVERT_DATABASE_URL=postgres://u:p@h/d", "CULVERT_REDIS_URL=unix://u:p@/run/r.sock", "CULVERT_DATA_DIR=/srv/c",
		"CULVERT_LISTEN=127.0.0.1:0", "CULVERT_GATEWAY_LISTEN=127.0.0.1:0", "CULVERT_GATEWAY_PUBLIC=panel.example:443",
		"CULVERT_PUBLIC_URL=https://panel.example", "CULVERT_TRUSTED_PROXIES=10.0.0.0/8", "CULVERT_LOG_LEVEL=debug",
		"CULVERT_HTTP_PLAIN_LISTEN=[::1]:8080", "CULVERT_REPORT_INTERVAL=500ms",
	}, config.Serve)
	if err != nil {
		t.Fatal(err)
	}
	if c.DatabaseURL.Reveal() != "postgres://u:p@h/d" || c.MasterKeyFile != "/srv/c/master.key" || c.GatewayPublic != "panel.example:443" ||
		c.PublicURL.Host != "panel.example" || c.PublicURLIsMade || !c.DataDirIsGiven || c.LogLevel != slog.LevelDebug ||
		c.ReportInterval != 500*time.Millisecond || c.TrustedProxies[0] != netip.MustParsePrefix("10.0.0.0/8") {
		t.Errorf("got %+v", c)
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		environ []string
		mode    config.Mode
		want    []string
	}{
		"all at once": {
			environ: []string{"CULVERT_LISTEN=x", "CULVERT_LOG_LEVEL=loud", "CULVERT_DATABSE_URL=y", "CULVERT_REPORT_INTERVAL=1"},
			want:    []string{"CULVERT_LISTEN: ", "CULVERT_LOG_LEVEL: ", "CULVERT_DATABSE_URL: there is no such setting", "CULVERT_REPORT_INTERVAL: "},
		},
		"plain HTTP to the world": {environ: []string{"CULVERT_HTTP_PLAIN_LISTEN=:8080"}, want: []string{"CULVERT_HTTP_PLAIN_LISTEN: must be on loopback"}},
		"plain HTTP on a name":    {environ: []string{"CULVERT_HTTP_PLAIN_LISTEN=0.0.0.0:8080"}, want: []string{"loopback"}},
		"one port twice":          {environ: []string{"CULVERT_GATEWAY_LISTEN=:8083"}, want: []string{"CULVERT_GATEWAY_LISTEN: must have another port"}},
		"serve without servers":   {mode: config.Serve, want: []string{"CULVERT_DATABASE_URL: is needed", "CULVERT_REDIS_URL: is needed"}},
		"wrong schemes":           {environ: []string{"CULVERT_DATABASE_URL=mysql://h", "CULVERT_REDIS_URL=http://h"}, want: []string{"postgres://", "redis://"}},
		"public URL with a query": {environ: []string{"CULVERT_PUBLIC_URL=https://h/?a=1"}, want: []string{"CULVERT_PUBLIC_URL: "}},
		"gateway without host":    {environ: []string{"CULVERT_GATEWAY_PUBLIC=:443"}, want: []string{"CULVERT_GATEWAY_PUBLIC: "}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := config.Load(c.environ, c.mode)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error lacks %q:\n%v", want, err)
				}
			}
		})
	}
}
