package hysteria

import (
	"crypto/subtle"
	"encoding/binary"
	"math/rand/v2"

	"golang.org/x/crypto/blake2b"
)

// salamander is Hysteria's obfuscation: every packet is preceded by 8 random bytes and XORed with the repeated
// BLAKE2b-256 of key and those bytes. It hides what the packets are; the secrecy of the content is QUIC's.
type salamander struct {
	key []byte
}

const (
	saltLen = 8
	maxKey  = 256
	// wideLen is how much of the repeated mask is laid out, so that the XOR runs over whole vectors.
	wideLen = 8 * blake2b.Size256
)

// seal writes the obfuscated packet to dst, which must have saltLen bytes more than packet, and returns its length.
func (s *salamander) seal(dst, packet []byte) int {
	binary.NativeEndian.PutUint64(dst, rand.Uint64()) //nolint:gosec // a salt, sent in clear; it must only differ
	s.mask(dst[saltLen:], packet, dst[:saltLen])
	return saltLen + len(packet)
}

// open writes the packet behind obfuscated to dst and returns its length: 0 when there is none, or when it does not fit.
func (s *salamander) open(dst, obfuscated []byte) int {
	n := len(obfuscated) - saltLen
	if n <= 0 || n > len(dst) {
		return 0
	}
	s.mask(dst, obfuscated[saltLen:], obfuscated[:saltLen])
	return n
}

func (s *salamander) mask(dst, src, salt []byte) {
	var seed [maxKey + saltLen]byte
	n := copy(seed[:], s.key)
	n += copy(seed[n:], salt)
	sum := blake2b.Sum256(seed[:n])
	var wide [wideLen]byte
	for i := 0; i < wideLen; i += len(sum) {
		copy(wide[i:], sum[:])
	}
	for len(src) > 0 {
		n := subtle.XORBytes(dst, src, wide[:])
		dst, src = dst[n:], src[n:]
	}
}
