package keyring

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/netip"
	"strings"

	"culvert/agent/internal/flow"
	"culvert/shared/nodeapi"
)

// PasswordIDIterations is the cost of Subscriber.PasswordID.
const PasswordIDIterations = 4096

// maxCredential bounds what a client may present; nothing longer is hashed.
const maxCredential = 512

// Query is what a client presented.
type Query struct {
	Login    string // name or name@realm
	Password string
	Secret   string // one string instead: a generated secret, name:password, or a password alone
	Family   string // secret family of the ingress's kind; empty where secrets do not open it
	From     netip.Addr
}

// Verify returns the subscriber that q names, enabled or not, or flow.ErrCredential. It takes as long for an unknown name
// as for a wrong password. Too many wrong passwords from one address are answered without being checked.
func (r *Ring) Verify(ctx context.Context, q Query) (*nodeapi.Subscriber, error) {
	if len(q.Login) > maxCredential || len(q.Password) > maxCredential || len(q.Secret) > maxCredential {
		return nil, flow.ErrCredential
	}
	if q.Secret != "" {
		if q.Family == "" {
			return nil, flow.ErrCredential
		}
		sum := sha256.Sum256([]byte(q.Secret))
		if s := r.lookup(spaceSecret+q.Family, string(sum[:])); s != nil {
			return s, nil
		}
	} else if q.Login == "" || q.Password == "" {
		return nil, flow.ErrCredential
	}
	tag := r.slow.tag(q)
	if id, generation, ok := r.slow.recall(tag); ok {
		if s := r.Find(id); s != nil && s.Generation == generation {
			return s, nil
		}
	}
	release, err := r.slow.enter(ctx, q.From)
	if err != nil {
		return nil, err
	}
	s := r.check(q)
	release(s != nil)
	if s == nil {
		return nil, flow.ErrCredential
	}
	r.slow.remember(tag, s.ID, s.Generation)
	return s, nil
}

// check does the slow comparison. Its work depends on the form of what was presented, never on whether it is known.
func (r *Ring) check(q Query) *nodeapi.Subscriber {
	if q.Secret == "" {
		return r.checkPassword(q.Login, q.Password)
	}
	r.mu.RLock()
	salt := r.salt
	r.mu.RUnlock()
	found := r.lookup(spacePassword, string(derive(q.Secret, salt, PasswordIDIterations)))
	if login, password, ok := strings.Cut(q.Secret, ":"); ok {
		if s := r.checkPassword(login, password); s != nil {
			return s
		}
	}
	return found
}

func (r *Ring) checkPassword(login, password string) *nodeapi.Subscriber {
	s := r.lookup(spaceLogin, fold(login))
	v := r.slow.dummy()
	if s != nil && s.Password != nil {
		v = s.Password
	}
	same := subtle.ConstantTimeCompare(derive(password, v.Salt, v.Iterations), v.Hash) == 1
	if !same || s == nil || s.Password == nil {
		return nil
	}
	return s
}

func derive(password string, salt []byte, iterations int) []byte {
	b, err := pbkdf2.Key(sha256.New, password, salt, iterations, 32)
	if err != nil {
		panic(fmt.Sprintf("keyring: PBKDF2 with %d iterations: %v", iterations, err)) // only a FIPS build can refuse
	}
	return b
}
