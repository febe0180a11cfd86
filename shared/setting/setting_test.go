package setting_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"culvert/shared/setting"
)

func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEnvironmentOverFile(t *testing.T) {
	t.Parallel()
	path := write(t, "a: from file\nb: from file\nports: 7\nnets: [10.0.0.0/8, 192.0.2.1]\nempty:\n")
	r := setting.Read([]string{"X_CONFIG=" + path, "X_A=from env", "X_B=", "HOME=/", "X_TEST_Y=1"}, "X_", "X_TEST_")
	got := []string{r.String("A", ""), r.String("B", "default"), r.String("PORTS", ""), r.String("EMPTY", "default"), r.String("C", "default")}
	if diff := cmp.Diff([]string{"from env", "default", "7", "default", "default"}, got); diff != "" {
		t.Error(diff)
	}
	want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.1/32")}
	if got := r.Prefixes("NETS"); len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("nets = %v", got)
	}
	if err := r.Err(); err != nil {
		t.Error(err)
	}
}

// Every mistake is named, at once, with the variable, and without the value of what may hold a password.
func TestAllMistakesAtOnce(t *testing.T) {
	t.Parallel()
	path := write(t, "stray: 1\nUPPER: 1\nnested: {a: 1}\nwait: soon\n")
	r := setting.Read([]string{
		"X_CONFIG=" + path, "X_LISTEN=8083", "X_DIAL=:0", "X_URL=ftp://user:hunter2@h", "X_NETS=10.0.0.0/8,ten", "X_LEVEL=loud", "X_TYPO=1",
	}, "X_")
	r.Listen("LISTEN", ":1")
	r.HostPort("DIAL", "")
	r.URL("URL", "", "https")
	r.Prefixes("NETS")
	r.Choice("LEVEL", "info", "info", "debug")
	if d := r.Duration("WAIT", time.Second, time.Second, time.Minute); d != time.Second {
		t.Errorf("wait = %v", d)
	}
	err := r.Err()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"X_LISTEN: ", "X_DIAL: ", "X_URL: must be a URL that starts with https://", `X_NETS: must be CIDRs`, `"ten"`, "X_LEVEL: ",
		"X_WAIT (in " + path + ")", "X_TYPO: there is no such setting", "X_STRAY: there is no such setting (in ", `"UPPER"`, `"nested"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Error("the error tells the password")
	}
}

func TestFileMistakes(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"missing": "/nonexistent/c.yaml", "not yaml": write(t, "a: [1"), "not a map": write(t, "- 1\n")} {
		if err := setting.Read([]string{"X_CONFIG=" + path}, "X_").Err(); err == nil || !strings.Contains(err.Error(), "X_CONFIG: names a") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
