package shadowsocks

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1" //nolint:gosec // SIP004 derives its session keys by HKDF-SHA1
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"golang.org/x/crypto/chacha20"
	"golang.org/x/crypto/chacha20poly1305"
	"lukechampine.com/blake3/guts"

	options "culvert/shared/protocol/shadowsocks"
)

// Sizes of the wire format.
const (
	tagSize    = 16
	nonceSize  = 12
	lengthSize = 2 + tagSize // a sealed length
	maxKey     = 32
	blockSize  = aes.BlockSize
)

// suite is a method as this package computes with it. Salts are as long as keys.
type suite struct {
	options.Method
	most     int // bytes of one chunk
	session  contextKey
	identity contextKey
}

func newSuite(m options.Method) *suite {
	s := &suite{Method: m, most: 0x3fff}
	if m.Modern {
		s.most = 0xffff
		s.session, s.identity = newContextKey("shadowsocks 2022 session subkey"), newContextKey("shadowsocks 2022 identity subkey")
	}
	return s
}

// aead makes the cipher of a key; its size is right by construction.
func (s *suite) aead(key []byte) (cipher.AEAD, error) {
	if s.ChaCha {
		return chacha20poly1305.New(key)
	}
	b, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(b)
}

// stream makes the cipher of one direction of a connection, or of one datagram or session.
func (s *suite) stream(key, salt []byte) (cipher.AEAD, error) {
	var sub [maxKey]byte
	if s.Modern {
		s.session.derive(sub[:s.KeySize], key, salt)
	} else {
		x := newExtractor(salt)
		x.derive(sub[:s.KeySize], key)
	}
	a, err := s.aead(sub[:s.KeySize])
	if err != nil {
		return nil, fmt.Errorf("session key: %w", err)
	}
	return a, nil
}

// nonce counts the chunks of one direction: 12 bytes, little-endian.
type nonce struct {
	b    [nonceSize]byte
	next uint64
}

var errWorn = errors.New("stream has used up its nonces")

// step returns the nonce of the next chunk. It never returns one twice.
func (n *nonce) step() ([]byte, error) {
	if n.next == math.MaxUint64 {
		return nil, errWorn
	}
	binary.LittleEndian.PutUint64(n.b[:], n.next)
	n.next++
	return n.b[:], nil
}

// contextKey is BLAKE3's state for one context of derive_key; computing it once makes each key one compression.
type contextKey [8]uint32

func newContextKey(context string) contextKey {
	n := guts.CompressChunk([]byte(context), &guts.IV, 0, guts.FlagDeriveKeyContext) // contexts are shorter than a chunk
	n.Flags |= guts.FlagRoot
	out := guts.CompressNode(n)
	return contextKey(out[:8])
}

// derive writes derive_key(context, key + salt), 32 bytes at most; key and salt together have no more than 64.
func (c *contextKey) derive(to, key, salt []byte) {
	var block [guts.BlockSize]byte
	n := copy(block[:], key)
	n += copy(block[n:], salt)
	out := guts.WordsToBytes(guts.CompressNode(guts.Node{
		CV: *c, Block: guts.BytesToWords(block), BlockLen: uint32(n),
		Flags: guts.FlagDeriveKeyMaterial | guts.FlagChunkStart | guts.FlagChunkEnd | guts.FlagRoot,
	}))
	copy(to, out[:])
}

// extractor derives session keys of many keys for one salt (RFC 5869 with SHA-1, info "ss-subkey"). It allocates nothing:
// trial decryption makes thousands of keys.
type extractor struct {
	inner [sha1.BlockSize + maxKey]byte // the salt's pads, with room for what follows
	outer [sha1.BlockSize + sha1.Size]byte
}

const info = "ss-subkey"

func newExtractor(salt []byte) extractor {
	var x extractor
	pad(x.inner[:], x.outer[:], salt)
	return x
}

// pad writes the first blocks of an HMAC; key is no longer than a block.
func pad(inner, outer, key []byte) {
	for i := range sha1.BlockSize {
		var b byte
		if i < len(key) {
			b = key[i]
		}
		inner[i], outer[i] = b^0x36, b^0x5c
	}
}

// derive writes the session key of key.
func (x *extractor) derive(to, key []byte) {
	n := copy(x.inner[sha1.BlockSize:], key)
	sum := sha1.Sum(x.inner[:sha1.BlockSize+n]) //nolint:gosec // see the import
	copy(x.outer[sha1.BlockSize:], sum[:])
	secret := sha1.Sum(x.outer[:]) //nolint:gosec // see the import

	var inner [sha1.BlockSize + sha1.Size + len(info) + 1]byte
	var outer [sha1.BlockSize + sha1.Size]byte
	pad(inner[:], outer[:], secret[:])
	var last []byte
	for round := byte(1); len(to) > 0; round++ {
		n := sha1.BlockSize
		n += copy(inner[n:], last)
		n += copy(inner[n:], info)
		inner[n] = round
		sum = sha1.Sum(inner[:n+1]) //nolint:gosec // see the import
		copy(outer[sha1.BlockSize:], sum[:])
		sum = sha1.Sum(outer[:]) //nolint:gosec // see the import
		last = sum[:]
		to = to[copy(to, last):]
	}
}

// peek decrypts the first bytes of what key sealed with the first nonce, up to a block of them, without checking anything:
// most wrong keys show by that already, at a fraction of the price.
func (s *suite) peek(to *[blockSize]byte, key, sealed []byte) {
	if s.ChaCha {
		var zero [nonceSize]byte
		c, err := chacha20.NewUnauthenticatedCipher(key, zero[:])
		if err != nil {
			return
		}
		c.SetCounter(1) // block 0 makes the key of Poly1305 (RFC 8439, 2.8)
		c.XORKeyStream(to[:len(sealed)], sealed)
		return
	}
	c, err := aes.NewCipher(key)
	if err != nil {
		return
	}
	*to = [blockSize]byte{blockSize - 1: 2} // counter 1 makes the mask of the tag (NIST SP 800-38D, 7.1)
	c.Encrypt(to[:], to[:])
	subtle.XORBytes(to[:], to[:], sealed)
}
