package installer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"culvert/panel/internal/identity"
)

// serve gives the program at a path out on loopback and returns the address.
func serve(t *testing.T, path string, rate identity.Rate) (*Installer, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + l.Addr().String()
	i := New(url+"/", path)
	if err := i.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	Mount(app, Config{Installer: i, Rate: rate, Log: slog.New(slog.DiscardHandler), ClientAddr: func(*fiber.Ctx) netip.Addr { return netip.MustParseAddr("192.0.2.1") }})
	go func() { _ = app.Listener(l) }() // ends with the shutdown
	t.Cleanup(func() {
		_ = app.Shutdown()
		if err := i.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return i, url
}

func get(t *testing.T, url string) (int, []byte) {
	t.Helper()
	r, err := http.Get(url) //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, b
}

// TestWhatIsGivenOut: the command names the digest of the script, the script that of the program, and the program is whole
// and the one that was there at the start.
func TestWhatIsGivenOut(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "culvert-agent")
	if err := os.WriteFile(path, want, 0o600); err != nil {
		t.Fatal(err)
	}
	i, url := serve(t, path, identity.Rate{})
	if err := os.Remove(path); err != nil { // as an update does
		t.Fatal(err)
	}
	command, err := i.Command("panel.example:8443", "pin", "token")
	if err != nil {
		t.Fatal(err)
	}
	status, script := get(t, url+ScriptPath)
	sum := sha256.Sum256(script)
	if status != 200 || !strings.Contains(command, hex.EncodeToString(sum[:])) || !strings.HasSuffix(command, " panel.example:8443 pin token") {
		t.Errorf("%d: %s", status, command)
	}
	status, program := get(t, url+ProgramPath)
	sum = sha256.Sum256(program)
	if status != 200 || !bytes.Equal(program, want) || !bytes.Contains(script, []byte(hex.EncodeToString(sum[:]))) {
		t.Errorf("%d: %d bytes of %d", status, len(program), len(want))
	}
	if bytes.Contains(script, []byte("{{")) || bytes.Contains(script, []byte("//install")) {
		t.Error("the script has holes")
	}
	sh := exec.Command("sh", "-n")
	sh.Stdin = bytes.NewReader(script)
	if out, err := sh.CombinedOutput(); err != nil {
		t.Errorf("sh: %v\n%s", err, out)
	}
}

func TestWhatIsNotThere(t *testing.T) {
	t.Parallel()
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("no program"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"no file": filepath.Join(t.TempDir(), "none"), "a folder": t.TempDir(), "a text": text} {
		i, url := serve(t, path, identity.Rate{})
		if command, err := i.Command("g", "p", "t"); err == nil {
			t.Errorf("%s: %s", name, command)
		}
		for _, p := range []string{ScriptPath, ProgramPath} {
			if status, body := get(t, url+p); status != 404 || !bytes.Contains(body, []byte("no agent is given out here")) {
				t.Errorf("%s: %d %s", name, status, body)
			}
		}
	}
}

func TestOneNetworkAsksSoOften(t *testing.T) {
	t.Parallel()
	_, url := serve(t, filepath.Join(t.TempDir(), "none"), identity.Rate{PerSecond: 0.001, Burst: 2})
	for n, want := range []int{404, 404, 429} {
		if status, _ := get(t, url+ScriptPath); status != want {
			t.Errorf("request %d: %d, want %d", n, status, want)
		}
	}
}
