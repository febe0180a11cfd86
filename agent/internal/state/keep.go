package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"culvert/shared/id"
)

// maxKept bounds one kept value: keys and ids, not data.
const maxKept = 4 << 10

// Keep returns the value stored for an ingress under name, or makes it with fresh and stores it. A stored value that
// cannot be read is replaced: it is worth a reconnection, not a service.
func (s *Store) Keep(ingress, name string, fresh func() ([]byte, error)) ([]byte, error) {
	if err := id.Check(id.Ingress, ingress); err != nil {
		return nil, fmt.Errorf("keep value: ingress id %w", err)
	}
	if !plainName(name) {
		return nil, fmt.Errorf("keep value: name %.40q must be 1 to 40 lower-case letters, digits or '-'", name)
	}
	place := "keep " + ingress + " " + name
	path := filepath.Join(s.dir, keepDir, ingress+"."+name)
	s.mu.Lock()
	defer s.mu.Unlock()
	sealed, err := os.ReadFile(path)
	if err == nil {
		if v, oerr := s.open(sealed, place); oerr == nil {
			return v, nil
		}
		s.log.Warn("a kept value could not be read and is made anew", "ingress", ingress, "name", name)
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("keep value: %w", err)
	}
	v, err := fresh()
	if err != nil {
		return nil, err
	}
	if len(v) > maxKept {
		return nil, fmt.Errorf("keep value: %s must not be larger than %d bytes", name, maxKept)
	}
	if err := writeFile(path, s.seal(v, place)); err != nil {
		return nil, fmt.Errorf("keep value: %w", err)
	}
	return v, nil
}

func plainName(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return s != "" && len(s) <= 40
}
