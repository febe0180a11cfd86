package wireguard

import (
	"bytes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/subtle"
	"fmt"
	"hash"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/crypto/blake2s"
	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/time/rate"

	wg "culvert/shared/protocol/wireguard"
)

// The handshake initiation (WireGuard white paper, 5.4.2): type and reserved 4, sender 4, ephemeral 32, static 32+16,
// timestamp 12+16, mac1 16, mac2 16.
const (
	initiationType = 1
	initiationLen  = 148
	ephemeralAt    = 8
	staticAt       = ephemeralAt + 32
	timestampAt    = staticAt + 48
	mac1At         = timestampAt + 28
)

// opener learns who sent an initiation, as the device will once more: only then the device has to know the peer.
type opener struct {
	private    *ecdh.PrivateKey
	chain      [32]byte // after the construction's name
	transcript [32]byte // after the responder's public key
	mac1       [32]byte // key
}

func newOpener(private, public wg.Key) (*opener, error) {
	k, err := ecdh.X25519().NewPrivateKey(private[:])
	if err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	o := &opener{private: k, chain: blake2s.Sum256([]byte("Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s"))}
	h := hash2(o.chain[:], []byte("WireGuard v1 zx2c4 Jason@zx2c4.com"))
	o.transcript = hash2(h[:], public[:])
	o.mac1 = hash2([]byte("mac1----"), public[:])
	return o, nil
}

// addressed reports whether b is an initiation to us: cheap to tell, and impossible to make without our public key.
func (o *opener) addressed(b []byte) bool {
	if len(b) != initiationLen || !bytes.Equal(b[:4], []byte{initiationType, 0, 0, 0}) {
		return false
	}
	h, err := blake2s.New128(o.mac1[:])
	if err != nil {
		return false
	}
	h.Write(b[:mac1At])
	return subtle.ConstantTimeCompare(h.Sum(nil), b[mac1At:mac1At+16]) == 1
}

// static returns the sender's public key; false when the message is not what it seems.
func (o *opener) static(b []byte) (wg.Key, bool) {
	ephemeral := b[ephemeralAt:staticAt]
	theirs, err := ecdh.X25519().NewPublicKey(ephemeral)
	if err != nil {
		return wg.Key{}, false
	}
	transcript := hash2(o.transcript[:], ephemeral)
	chain := kdf1(o.chain[:], ephemeral)
	shared, err := o.private.ECDH(theirs)
	if err != nil {
		return wg.Key{}, false
	}
	_, key := kdf2(chain[:], shared)
	var aead cipher.AEAD
	if aead, err = chacha20poly1305.New(key[:]); err != nil {
		return wg.Key{}, false
	}
	static, err := aead.Open(nil, make([]byte, chacha20poly1305.NonceSize), b[staticAt:timestampAt], transcript[:])
	if err != nil {
		return wg.Key{}, false
	}
	return wg.Key(static), true
}

func hash2(a, b []byte) [32]byte { return blake2s.Sum256(append(bytes.Clone(a), b...)) }

func mac(key []byte, parts ...[]byte) (out [32]byte) {
	h := hmac.New(func() hash.Hash { h, _ := blake2s.New256(nil); return h }, key) // without a key it cannot fail
	for _, p := range parts {
		h.Write(p)
	}
	h.Sum(out[:0])
	return out
}

func kdf1(key, input []byte) [32]byte {
	secret := mac(key, input)
	return mac(secret[:], []byte{1})
}

func kdf2(key, input []byte) (a, b [32]byte) {
	secret := mac(key, input)
	a = mac(secret[:], []byte{1})
	return a, mac(secret[:], a[:], []byte{2})
}

// Bounds on the work that strangers can cause: each opened initiation costs a multiplication on the curve.
const (
	openRate      = 2000 // a second, over all
	openPerSource = 20   // a second, for one IPv4 address or IPv6 /64
	openBurst     = 40
	sourcesMost   = 4096
)

// limiter bounds how many initiations are opened.
type limiter struct {
	mu      sync.Mutex
	all     *rate.Limiter
	sources map[netip.Addr]*rate.Limiter
}

func (l *limiter) allow(from netip.Addr, now time.Time) bool {
	from = from.Unmap()
	if from.Is6() {
		if p, err := from.Prefix(64); err == nil {
			from = p.Addr()
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = rate.NewLimiter(openRate, openRate)
	}
	s := l.sources[from]
	if s == nil {
		if l.sources == nil || len(l.sources) >= sourcesMost {
			l.sources = map[netip.Addr]*rate.Limiter{} // forgetting everyone is cheap, and fair to all
		}
		s = rate.NewLimiter(openPerSource, openBurst)
		l.sources[from] = s
	}
	return s.AllowN(now, 1) && l.all.AllowN(now, 1)
}

// initiation looks at a handshake before the device does, and makes sure that it knows the peer. It reports whether the
// device shall see the message.
func (in *Ingress) initiation(b []byte, from netip.AddrPort) bool {
	if !in.opener.addressed(b) || !in.limit.allow(from.Addr(), time.Now()) {
		return false
	}
	key, ok := in.opener.static(b)
	if !ok {
		return false
	}
	in.mu.RLock()
	p := in.byKey[key]
	in.mu.RUnlock()
	if p == nil {
		return false
	}
	p.used.Store(time.Now().Unix())
	p.endpoint.Store(&from)
	if err := in.warmUp(p); err != nil {
		in.spec.Log.Warn("wireguard: peer not added", "device", p.device, "error", err)
		return false
	}
	return true
}
