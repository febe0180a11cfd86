// Package installer gives a new node's machine what it needs, at addresses that nobody signs in to: a script, and the agent's
// program. Neither is secret. The machine cannot know the panel's certificate, so nothing here rests on it: the command that
// an operator copies from the panel names the script's digest, and the script the program's.
package installer

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	_ "embed"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"text/template"
	"time"

	"github.com/gofiber/fiber/v2"

	"culvert/panel/internal/errs"
	"culvert/panel/internal/identity"
)

//go:embed agent.sh
var scriptText string

// Paths of what is given out.
const (
	ScriptPath  = "/install/agent.sh"
	ProgramPath = "/install/culvert-agent"
)

// Bounds of giving out a program of some 40 MB to whoever asks.
const (
	atOnce   = 8
	writeFor = 30 * time.Second // how long a client may take for one piece
	piece    = 256 << 10
)

// Installer gives out one program. It is a run.Service: it starts before the surface is mounted.
type Installer struct {
	panel   string // the panel's address, without a slash at the end
	path    string
	program *os.File
	size    int64
	missing string // why there is no program; empty: there is one

	once   sync.Once
	script []byte
	sum    string // of the script
	err    error

	sending atomic.Int64
}

// New makes an installer of the program at a path.
func New(panel, path string) *Installer {
	return &Installer{panel: strings.TrimRight(panel, "/"), path: path, missing: "the panel has not started"}
}

// Start implements run.Service. A program that is not there is no error: nodes can be set up by hand. The file stays open: an
// update of it must not change what was announced.
func (i *Installer) Start(context.Context) error {
	f, err := os.Open(i.path)
	if err != nil {
		i.missing = "the agent's program is not beside the panel's"
		return nil //nolint:nilerr // said when somebody asks
	}
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() {
		_ = f.Close()
		i.missing = "what is beside the panel's program is not the agent's"
		return nil //nolint:nilerr // said when somebody asks
	}
	i.program, i.size, i.missing = f, st.Size(), ""
	return nil
}

// Close implements run.Service.
func (i *Installer) Close(context.Context) error {
	if i.program == nil {
		return nil
	}
	return i.program.Close()
}

// prepare writes the script, once: reading the program takes a moment that a start of the panel should not.
func (i *Installer) prepare() error {
	i.once.Do(func() { i.err = i.write() })
	return i.err
}

func (i *Installer) write() error {
	if i.missing != "" {
		return errs.New(errs.Missing, "%s", i.missing)
	}
	arch, err := archOf(i.program)
	if err != nil {
		return err
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(i.program, 0, i.size)); err != nil {
		return fmt.Errorf("read the agent's program: %w", err)
	}
	if strings.ContainsAny(i.panel, "'\\\n") {
		return errs.New(errs.Invalid, "the panel's address %q cannot be written into a script", i.panel)
	}
	t, err := template.New("agent.sh").Parse(scriptText)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, map[string]string{"Panel": i.panel, "Sum": hex.EncodeToString(h.Sum(nil)), "Arch": arch}); err != nil {
		return err
	}
	sum := sha256.Sum256(b.Bytes())
	i.script, i.sum = b.Bytes(), hex.EncodeToString(sum[:])
	return nil
}

func archOf(program io.ReaderAt) (string, error) {
	f, err := elf.NewFile(program)
	if err != nil {
		return "", fmt.Errorf("the agent's program: %w", err)
	}
	switch f.Machine { //nolint:exhaustive // what we build for
	case elf.EM_X86_64:
		return "amd64", nil
	case elf.EM_AARCH64:
		return "arm64", nil
	default:
		return "", fmt.Errorf("the agent's program is for %s, which no script knows", f.Machine)
	}
}

// Command returns the line that sets a node up on a fresh machine, or the reason why there is none.
func (i *Installer) Command(gateway, pin, token string) (string, error) {
	if err := i.prepare(); err != nil {
		return "", err
	}
	return fmt.Sprintf(`(curl -fsSko culvert-agent.sh %[1]s || wget -qO culvert-agent.sh --no-check-certificate %[1]s) && `+
		`echo "%[2]s  culvert-agent.sh" | sha256sum -c --quiet - && sh culvert-agent.sh %[3]s %[4]s %[5]s`,
		i.panel+ScriptPath, i.sum, gateway, pin, token), nil
}

// Config of the surface.
type Config struct {
	Installer  *Installer
	ClientAddr func(*fiber.Ctx) netip.Addr // behind trusted proxies
	Rate       identity.Rate               // of an address; zero: one a second, bursts of 20
	Log        *slog.Logger
}

type surface struct {
	Config
	limit *identity.Limiter
}

// Mount adds the surface to app.
func Mount(app *fiber.App, c Config) {
	s := &surface{c, identity.NewLimiter(c.Rate, identity.Rate{PerSecond: 1, Burst: 20})}
	app.Get(ScriptPath, s.guard, s.script)
	app.Get(ProgramPath, s.guard, s.program)
}

func (s *surface) guard(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	if wait, ok := s.limit.Take(identity.NetworkOf(s.ClientAddr(c)), time.Now()); !ok {
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(int(wait/time.Second)+1))
		return plain(c, http.StatusTooManyRequests, "too many requests from this network")
	}
	if err := s.Installer.prepare(); err != nil {
		if !errs.Is(err, errs.Missing) {
			s.Log.ErrorContext(c.UserContext(), "the agent is not given out", "error", err)
			return plain(c, http.StatusNotFound, "no agent is given out here")
		}
		return plain(c, http.StatusNotFound, "no agent is given out here: "+err.Error())
	}
	return c.Next()
}

func plain(c *fiber.Ctx, status int, text string) error {
	c.Set(fiber.HeaderContentType, fiber.MIMETextPlainCharsetUTF8)
	return c.Status(status).SendString(text + "\n")
}

func (s *surface) script(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentType, "text/x-shellscript; charset=utf-8")
	return c.Send(s.Installer.script)
}

// program streams the program, to a bounded number of machines at once. The time that the whole application allows an
// answer would be too short for a slow line, so each piece has its own.
func (s *surface) program(c *fiber.Ctx) error {
	i := s.Installer
	c.Set(fiber.HeaderContentType, fiber.MIMEOctetStream)
	if c.Method() == fiber.MethodHead {
		return nil
	}
	if i.sending.Add(1) > atOnce {
		i.sending.Add(-1)
		c.Set(fiber.HeaderRetryAfter, "30")
		return plain(c, http.StatusServiceUnavailable, "other machines are fetching the agent: try again in half a minute")
	}
	conn := c.Context().Conn()
	c.Context().SetBodyStreamWriter(func(out *bufio.Writer) {
		defer i.sending.Add(-1)
		for at := int64(0); at < i.size; at += piece {
			if conn.SetWriteDeadline(time.Now().Add(writeFor)) != nil {
				return
			}
			if _, err := io.Copy(out, io.NewSectionReader(i.program, at, min(piece, i.size-at))); err != nil {
				return // the machine is gone, and checks what it has
			}
			if out.Flush() != nil {
				return
			}
		}
	})
	return nil
}
