// Package wireguard holds the options of a WireGuard ingress (https://www.wireguard.com/protocol/) and what both halves
// compute from them: keys, and the inner addresses of a device.
package wireguard

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"strings"

	"culvert/shared/nodeapi"
	"culvert/shared/protocol/option"
)

// Name is the kind's name in documents.
const Name = "wireguard"

// Options of a WireGuard ingress.
type Options struct {
	PrivateKey   string         `json:"private_key" secret:"true"` // of the server; Curve25519 in base64. The panel makes one when it is left out
	Pool4        netip.Prefix   `json:"pool4"`                     // inner IPv4 addresses; default 10.64.0.0/12
	Pool6        netip.Prefix   `json:"pool6"`                     // inner IPv6 addresses; default fd64:6376::/64
	EndpointHost string         `json:"endpoint_host,omitempty"`   // what clients connect to; default: the node's address
	EndpointPort uint16         `json:"endpoint_port,omitempty"`   // where it differs from the listening port
	DNS          []netip.Addr   `json:"dns,omitempty"`             // what clients ask; default: the node, which answers inside the tunnel
	Upstream     netip.AddrPort `json:"upstream"`                  // resolver that the node asks, through the subscriber's route; default 1.1.1.1:53
	MTU          int64          `json:"mtu"`                       // default 1420
	KeepaliveS   int64          `json:"keepalive_s"`               // seconds, written into clients' files; 0 = none; default 25
}

// Parse reads options strictly and fills the defaults.
func Parse(raw json.RawMessage) (Options, error) {
	o := Options{
		Pool4: netip.MustParsePrefix("10.64.0.0/12"), Pool6: netip.MustParsePrefix("fd64:6376::/64"),
		Upstream: netip.MustParseAddrPort("1.1.1.1:53"), MTU: 1420, KeepaliveS: 25,
	}
	if err := option.Decode(raw, &o); err != nil {
		return Options{}, err
	}
	if _, err := ParseKey(o.PrivateKey); err != nil {
		return Options{}, nodeapi.Fault("private_key", "%v", err)
	}
	if err := o.checkAddresses(); err != nil {
		return Options{}, err
	}
	if h := o.EndpointHost; h != "" && !validHost(h) {
		return Options{}, nodeapi.Fault("endpoint_host", "must be a domain name or an address, without a port")
	}
	if err := option.Between("mtu", o.MTU, 1280, 9000); err != nil {
		return Options{}, err
	}
	return o, option.Between("keepalive_s", o.KeepaliveS, 0, 65535)
}

func (o *Options) checkAddresses() error {
	o.Pool4, o.Pool6 = o.Pool4.Masked(), o.Pool6.Masked()
	if !o.Pool4.Addr().Is4() || o.Pool4.Bits() > 29 || o.Pool4.Bits() < 8 {
		return nodeapi.Fault("pool4", "must be an IPv4 prefix between /8 and /29, such as 10.64.0.0/12")
	}
	if !o.Pool6.Addr().Is6() || o.Pool6.Addr().Is4In6() || o.Pool6.Bits() > 112 || o.Pool6.Bits() < 16 {
		return nodeapi.Fault("pool6", "must be an IPv6 prefix between /16 and /112, such as fd64:6376::/64")
	}
	for i, a := range o.DNS {
		if !a.IsValid() || a.Zone() != "" || a.IsUnspecified() || a.IsMulticast() {
			return nodeapi.Fault(fmt.Sprintf("dns[%d]", i), "must be an IPv4 or IPv6 address")
		}
	}
	if a := o.Upstream; !a.IsValid() || a.Port() == 0 || a.Addr().Zone() != "" || a.Addr().IsUnspecified() {
		return nodeapi.Fault("upstream", "must be address:port, such as 1.1.1.1:53")
	}
	return nil
}

func validHost(h string) bool {
	if a, err := netip.ParseAddr(h); err == nil {
		return a.Zone() == "" && !a.IsUnspecified()
	}
	if len(h) > 253 || strings.HasPrefix(h, "-") || strings.HasPrefix(h, ".") {
		return false
	}
	for _, c := range []byte(h) {
		if c != '.' && c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

// Normalize is Parse, written back.
func Normalize(raw json.RawMessage) (json.RawMessage, error) {
	o, err := Parse(raw)
	if err != nil {
		return nil, err
	}
	return option.Encode(o)
}

// NeedsCertificate is never: WireGuard has keys of its own.
func NeedsCertificate(json.RawMessage) bool { return false }

// Complete gives options without a private key a fresh one; others stay as they are.
func Complete(raw json.RawMessage) (json.RawMessage, error) {
	fields := map[string]json.RawMessage{}
	if len(raw) > 0 && string(raw) != "null" {
		if err := json.Unmarshal(raw, &fields); err != nil {
			return raw, nil //nolint:nilerr // Normalize says what is wrong with it
		}
	}
	if _, has := fields["private_key"]; has {
		return raw, nil
	}
	key, err := NewKey()
	if err != nil {
		return nil, err
	}
	if fields["private_key"], err = json.Marshal(key.String()); err != nil {
		return nil, err
	}
	return json.Marshal(fields)
}

// Key is a Curve25519 key or a preshared key: 32 bytes.
type Key [32]byte

// String is the key as WireGuard's tools write it.
func (k Key) String() string { return base64.StdEncoding.EncodeToString(k[:]) }

// ParseKey reads a key as WireGuard's tools write it.
func ParseKey(s string) (Key, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != 32 || len(s) != base64.StdEncoding.EncodedLen(32) { // the decoder skips line breaks
		return Key{}, errors.New("must be 32 bytes in base64, as wg genkey prints them")
	}
	return Key(b), nil
}

// NewKey makes a private key.
func NewKey() (Key, error) {
	k, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return Key{}, fmt.Errorf("generate key: %w", err)
	}
	return clamp(Key(k.Bytes())), nil
}

// NewPresharedKey makes a preshared key.
func NewPresharedKey() Key {
	var k Key
	_, _ = rand.Read(k[:])
	return k
}

// clamp sets the bits that every Curve25519 private key has (RFC 7748, 5), as wg genkey does.
func clamp(k Key) Key {
	k[0] &= 248
	k[31] = k[31]&127 | 64
	return k
}

// Public returns the public key of a private key.
func (k Key) Public() (Key, error) {
	p, err := ecdh.X25519().NewPrivateKey(k[:])
	if err != nil {
		return Key{}, fmt.Errorf("public key: %w", err)
	}
	return Key(p.PublicKey().Bytes()), nil
}

// serverNumber is the node's own place in a pool; devices count from 2.
const serverNumber = 1

// Gateway returns the node's inner addresses, which answer DNS.
func (o *Options) Gateway() []netip.Addr {
	a, _ := o.Inner(serverNumber)
	return a
}

// Inner returns the inner addresses of the device with that number, IPv4 first; false when a pool is too small for it.
func (o *Options) Inner(number int64) ([]netip.Addr, bool) {
	last4 := int64(1)<<(32-o.Pool4.Bits()) - 2 // the last one is the broadcast address
	if number < 1 || number > last4 {
		return nil, false
	}
	base := o.Pool4.Addr().As4()
	var four [4]byte
	binary.BigEndian.PutUint32(four[:], binary.BigEndian.Uint32(base[:])+uint32(number))
	six := o.Pool6.Addr().As16()
	sum := new(big.Int).Add(new(big.Int).SetBytes(six[:]), big.NewInt(number))
	sum.FillBytes(six[:])
	a6 := netip.AddrFrom16(six)
	return []netip.Addr{netip.AddrFrom4(four), a6}, o.Pool6.Contains(a6)
}

// Number is the inverse of Inner for an IPv4 address: the device number that has it here.
func (o *Options) Number(a netip.Addr) (int64, bool) {
	if !a.Is4() || !o.Pool4.Contains(a) {
		return 0, false
	}
	base, at := o.Pool4.Addr().As4(), a.As4()
	n := int64(binary.BigEndian.Uint32(at[:])) - int64(binary.BigEndian.Uint32(base[:]))
	return n, n > serverNumber && n < int64(1)<<(32-o.Pool4.Bits())-1
}

// Resolvers is what clients are told to ask.
func (o *Options) Resolvers() []netip.Addr {
	if len(o.DNS) > 0 {
		return o.DNS
	}
	return o.Gateway()
}

// Endpoint is where clients connect: host is the node's address, for options that name no other, listen the ingress's.
func (o *Options) Endpoint(host string, listen netip.AddrPort) string {
	if o.EndpointHost != "" {
		host = o.EndpointHost
	}
	port := o.EndpointPort
	if port == 0 {
		port = listen.Port()
	}
	return net.JoinHostPort(host, fmt.Sprint(port))
}
