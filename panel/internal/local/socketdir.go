package local

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// maxSocketPath is the room in sockaddr_un without its final zero byte.
const maxSocketPath = 107

// socketDir returns the directory for a server's socket called name: "run" inside dir or, where that path is
// too long for the kernel, a short one with the same name on every start, made from a hash of dir.
func socketDir(dir, name string, a *account) (sockets, error) {
	s := socketPlace(dir, name)
	if s.inside {
		return s, a.own(s.path)
	}
	if err := claim(s.path, a); err != nil {
		return sockets{}, fmt.Errorf("socket directory: %w", err)
	}
	return s, nil
}

// socketPlace says where the directory is, without making it.
func socketPlace(dir, name string) sockets {
	path := filepath.Join(dir, "run")
	if len(path)+1+len(name) <= maxSocketPath {
		return sockets{path: path, inside: true}
	}
	sum := sha256.Sum256([]byte(dir))
	base := "/run"
	if os.Geteuid() != 0 {
		base = os.Getenv("XDG_RUNTIME_DIR")
	}
	if info, err := os.Stat(base); base == "" || err != nil || !info.IsDir() || len(base) > 40 {
		base = "/tmp"
	}
	return sockets{path: filepath.Join(base, "culvert-"+hex.EncodeToString(sum[:8]))}
}

// sockets is a directory for a server's socket.
type sockets struct {
	path   string
	inside bool // it is "run" in the server's own directory
}

// told is how a server is told of it that works in its own directory or, with up = "../", in one below.
func (s sockets) told(up string) string {
	if s.inside {
		return up + "run"
	}
	return s.path
}

// remove leaves nothing in a shared directory. It fails while a next server has its socket there already.
func (s sockets) remove() {
	if !s.inside {
		_ = os.Remove(s.path)
	}
}

// claim makes the directory, or takes one that is already ours. Anything else under that name in a shared
// directory such as /tmp is somebody else's trap.
func claim(path string, a *account) error {
	err := os.Mkdir(path, 0o700)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	mine := ok && (int(st.Uid) == os.Geteuid() || a != nil && st.Uid == a.uid)
	if !info.IsDir() || !mine {
		return fmt.Errorf("%s exists and is not ours; remove it", path)
	}
	return a.own(path)
}
