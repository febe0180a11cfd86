package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is who a child runs as. A nil account means "as ourselves".
type account struct {
	name     string
	uid, gid uint32
}

// pickAccount chooses the unprivileged account. Only root can choose; everybody else runs children as itself.
func pickAccount(wanted string) (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // nil is the documented "as ourselves"
	}
	names := []string{"culvert", "nobody"}
	if wanted != "" {
		names = []string{wanted}
	}
	for _, name := range names {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(errUID, errGID); err != nil {
			return nil, fmt.Errorf("account %s: %w", name, err)
		}
		if uid == 0 {
			return nil, fmt.Errorf("account %s is root: PostgreSQL and Redis run unprivileged only", name)
		}
		return &account{name: name, uid: uint32(uid), gid: uint32(gid)}, nil
	}
	return nil, fmt.Errorf("running as root, and none of the accounts %q exists to run PostgreSQL and Redis as; "+
		"create one: useradd --system --home-dir /nonexistent --shell /usr/sbin/nologin culvert", names)
}

func (a *account) credential() *syscall.Credential {
	if a == nil {
		return nil
	}
	return &syscall.Credential{Uid: a.uid, Gid: a.gid}
}

// own makes dir with mode 0700 and gives it, and what it holds, to the account. The walk matters when the
// account changed since the last start (for example after "useradd culvert"); it is skipped when dir is right.
func (a *account) own(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return err
	}
	if a == nil {
		return nil
	}
	if a.owns(dir) {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(a.uid), int(a.gid))
	})
}

func (a *account) owns(path string) bool {
	info, err := os.Lstat(path)
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Uid == a.uid && st.Gid == a.gid
}

// writeFile replaces a file of the account's directory, mode 0600, whole or not at all.
func (a *account) writeFile(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // 0600 by definition
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // fails after the rename, as it should
	_, errWrite := f.Write(content)
	errSync := f.Sync()
	if err := errors.Join(errWrite, errSync, f.Close()); err != nil {
		return err
	}
	if a != nil {
		if err := os.Lchown(f.Name(), int(a.uid), int(a.gid)); err != nil {
			return err
		}
	}
	return os.Rename(f.Name(), path)
}
