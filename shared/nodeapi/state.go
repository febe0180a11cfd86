package nodeapi

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"culvert/shared/id"
	"culvert/shared/unit"
)

// Settings are the node-wide values of a desired state.
type Settings struct {
	ReportIntervalMS    int64    `json:"report_interval_ms"`    // how often a numbered report is closed
	HeartbeatIntervalMS int64    `json:"heartbeat_interval_ms"` // how often both ends of the held stream speak
	PollIntervalMS      int64    `json:"poll_interval_ms"`      // asynq task check interval
	CompareIntervalMS   int64    `json:"compare_interval_ms"`   // slow comparison of revisions that heals what both wake-ups missed
	PasswordSalt        []byte   `json:"password_salt"`         // salt of PasswordKey, one for the installation
	JobKeys             []JobKey `json:"job_keys"`              // Ed25519 keys whose signature makes a job valid
	BlockPrivate        bool     `json:"block_private"`         // refuse private, loopback, link-local and metadata destinations
	BlockPorts          []uint16 `json:"block_ports"`           // refused destination ports, TCP
	DropOldest          bool     `json:"drop_oldest,omitempty"` // a device over the limit takes the oldest one's place; otherwise it is refused
}

// Ingress is one configured service on a node. Options is a document of the kind's own package under shared/protocol.
type Ingress struct {
	ID          string          `json:"id"`
	Kind        string          `json:"kind"`                  // hysteria2, socks5, http, ...
	Name        string          `json:"name"`                  // what people call it; logs only
	Listen      string          `json:"listen"`                // address:port, address may be empty for all
	Certificate string          `json:"certificate,omitempty"` // id in Certificates; required by kinds that speak TLS
	Options     json.RawMessage `json:"options"`
}

// Certificate is a key pair in PEM. It travels only inside mutual TLS and rests sealed on the node's disk.
type Certificate struct {
	ID    string `json:"id"`
	Chain string `json:"chain"` // leaf first
	Key   string `json:"key"`
}

// Verifier lets a node check a password that it does not hold: PBKDF2-HMAC-SHA-256 (RFC 8018), 32 bytes.
type Verifier struct {
	Salt       []byte `json:"salt"`
	Iterations int    `json:"iterations"`
	Hash       []byte `json:"hash"`
}

// Secret is a generated credential of one protocol family.
type Secret struct {
	Family string `json:"family"`           // hysteria2, shadowsocks, ...
	SHA256 []byte `json:"sha256,omitempty"` // of the secret; enough where the client presents it whole
	Clear  string `json:"clear,omitempty"`  // only where the protocol needs it (Shadowsocks, CHAP)
}

// Subscriber is what one node must know of one subscriber. A row whose Enabled is false is known and refused: the reason
// is reported to logs and to "why can't I connect", never to the client.
type Subscriber struct {
	ID        string       `json:"id"`
	Name      string       `json:"name"`            // login, unique within Realm
	Realm     string       `json:"realm,omitempty"` // tenant's realm; empty for the operator's own
	Enabled   bool         `json:"enabled"`
	Reason    string       `json:"reason,omitempty"`     // suspended, expired, limited, ... when not enabled
	Expires   int64        `json:"expires,omitempty"`    // Unix seconds; refused from this instant on; 0 = never
	Protocols []string     `json:"protocols"`            // ingress kinds this subscriber may use
	Metered   bool         `json:"metered,omitempty"`    // needs an allowance (see Allowance) to move bytes
	Period    int64        `json:"period,omitempty"`     // quota period; allowances of another period are void
	SpeedUp   unit.BitRate `json:"speed_up,omitempty"`   // bits per second, subscriber to internet; 0 = no limit
	SpeedDown unit.BitRate `json:"speed_down,omitempty"` // bits per second, internet to subscriber; 0 = no limit
	Devices   int          `json:"devices,omitempty"`    // distinct devices at once over all nodes; 0 = no limit
	// Generation changes with every credential change: sessions opened under another generation are cut.
	Generation int64     `json:"generation"`
	Password   *Verifier `json:"password,omitempty"`    // for protocols with a user name
	PasswordID []byte    `json:"password_id,omitempty"` // PBKDF2(password, Settings.PasswordSalt); set only when the password alone may open Hysteria
	Secrets    []Secret  `json:"secrets,omitempty"`
	Peers      []Peer    `json:"peers,omitempty"` // only for nodes that serve a kind with peers, only devices that may connect
}

// Peer is a device of a subscriber that proves itself by a key (WireGuard). Its inner addresses follow from Number: the
// address of that number in each of an ingress's pools, so that a device has one place everywhere and no two share one.
type Peer struct {
	Device       string `json:"device"`                  // id
	PublicKey    []byte `json:"public_key"`              // Curve25519, 32 bytes
	PresharedKey []byte `json:"preshared_key,omitempty"` // 32 bytes, or none
	Number       int64  `json:"number"`                  // from 2; unique in the installation
	Ingress      string `json:"ingress,omitempty"`       // the only ingress it may use; empty: any
}

// Login is the network access identifier that the subscriber types: name@realm (RFC 7542), or the bare name.
func (s *Subscriber) Login() string {
	if s.Realm == "" {
		return s.Name
	}
	return s.Name + "@" + s.Realm
}

// Digest is the SHA-256 of the row's JSON. Rows are written by one encoder, so equal rows have equal digests.
func (s *Subscriber) Digest() [32]byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic("nodeapi: a subscriber row always marshals: " + err.Error())
	}
	return sha256.Sum256(b)
}

// Update brings an agent from revision Base to Revision. Base 0 is a full document. A nil section is unchanged since Base.
type Update struct {
	Node         string         `json:"node"`
	Base         int64          `json:"base"`
	Revision     int64          `json:"revision"`
	Hash         string         `json:"hash"` // of the state after this update, see HashState
	Capability   int            `json:"capability"`
	Settings     *Settings      `json:"settings,omitempty"`
	Ingresses    *[]Ingress     `json:"ingresses,omitempty"`
	Certificates *[]Certificate `json:"certificates,omitempty"`
	Subscribers  []Subscriber   `json:"subscribers,omitempty"` // changed since Base; all when Base is 0
	Removed      []string       `json:"removed,omitempty"`     // tombstones since Base
}

// Sections are the parts of a state that are always sent whole.
type Sections struct {
	Settings     Settings      `json:"settings"`
	Ingresses    []Ingress     `json:"ingresses"`
	Certificates []Certificate `json:"certificates"`
}

// Mix folds a row digest into an order-free digest of a set of rows; folding the same digest again takes it out.
func Mix(set *[32]byte, row [32]byte) {
	for i := range set {
		set[i] ^= row[i]
	}
}

// HashState is the hash both halves compare: of the sections, the number of subscriber rows and their mixed digests. It
// guards against mistakes, not against an attacker: the document comes over mutual TLS.
func HashState(s Sections, rows int, mixed [32]byte) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic("nodeapi: sections always marshal: " + err.Error())
	}
	h := sha256.New()
	h.Write(b)
	h.Write(fmt.Appendf(nil, "|%d|", rows))
	h.Write(mixed[:])
	return hex.EncodeToString(h.Sum(nil))
}

// Validate checks everything that can be checked without knowing protocols: ids, references, duplicates, ranges.
func (u *Update) Validate() error {
	if err := id.Check(id.Node, u.Node); err != nil {
		return Fault("node", "%v", err)
	}
	if u.Base < 0 || u.Revision <= u.Base {
		return Fault("revision", "must be greater than base %d, is %d", u.Base, u.Revision)
	}
	if u.Capability < 1 {
		return Fault("capability", "must be at least 1")
	}
	if u.Base == 0 && (u.Settings == nil || u.Ingresses == nil || u.Certificates == nil) {
		return Fault("base", "a full document must carry settings, ingresses and certificates")
	}
	if u.Settings != nil {
		if err := u.Settings.validate(); err != nil {
			return err
		}
	}
	if u.Ingresses != nil {
		if err := validateIngresses(*u.Ingresses); err != nil {
			return err
		}
	}
	for i := range u.Subscribers {
		if err := u.Subscribers[i].validate(fmt.Sprintf("subscribers[%d]", i)); err != nil {
			return err
		}
	}
	for i, s := range u.Removed {
		if err := id.Check(id.Subscriber, s); err != nil {
			return Fault(fmt.Sprintf("removed[%d]", i), "%v", err)
		}
	}
	return nil
}

func (s *Settings) validate() error {
	for _, f := range []struct {
		name string
		v    int64
	}{
		{"settings.report_interval_ms", s.ReportIntervalMS},
		{"settings.heartbeat_interval_ms", s.HeartbeatIntervalMS},
		{"settings.poll_interval_ms", s.PollIntervalMS},
		{"settings.compare_interval_ms", s.CompareIntervalMS},
	} {
		if f.v < 50 || f.v > 3_600_000 {
			return Fault(f.name, "must be between 50 and 3600000, is %d", f.v)
		}
	}
	if len(s.PasswordSalt) < 16 {
		return Fault("settings.password_salt", "must have at least 16 bytes")
	}
	for i, k := range s.JobKeys {
		if err := k.validate(); err != nil {
			return Fault(fmt.Sprintf("settings.job_keys[%d]", i), "%v", err)
		}
	}
	return nil
}

func validateIngresses(in []Ingress) error {
	ids := map[string]bool{}
	for i := range in {
		g, at := &in[i], fmt.Sprintf("ingresses[%d]", i)
		if err := id.Check(id.Ingress, g.ID); err != nil {
			return Fault(at+".id", "%v", err)
		}
		if ids[g.ID] {
			return Fault(at+".id", "%s appears twice", g.ID)
		}
		ids[g.ID] = true
		if g.Kind == "" {
			return Fault(at+".kind", "must not be empty")
		}
		if _, err := ParseListen(g.Listen); err != nil {
			return Fault(at+".listen", "%v", err)
		}
	}
	return nil
}

// ParseListen reads "address:port" or ":port"; the address must be numeric and the port not 0.
func ParseListen(s string) (netip.AddrPort, error) {
	if len(s) > 0 && s[0] == ':' {
		s = "[::]" + s
	}
	ap, err := netip.ParseAddrPort(s)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("must be address:port, such as :1080 or 203.0.113.7:443")
	}
	if ap.Port() == 0 {
		return netip.AddrPort{}, fmt.Errorf("port must be between 1 and 65535")
	}
	return ap, nil
}

func (s *Subscriber) validate(at string) error {
	if err := id.Check(id.Subscriber, s.ID); err != nil {
		return Fault(at+".id", "%v", err)
	}
	if s.Name == "" {
		return Fault(at+".name", "must not be empty")
	}
	if !s.Enabled && s.Reason == "" {
		return Fault(at+".reason", "must say why a subscriber is not enabled")
	}
	if s.SpeedUp < 0 || s.SpeedDown < 0 || s.Devices < 0 || s.Expires < 0 {
		return Fault(at, "limits must not be negative")
	}
	if p := s.Password; p != nil && (len(p.Salt) < 8 || len(p.Hash) != 32 || p.Iterations < 1 || p.Iterations > 1_000_000) {
		return Fault(at+".password", "must have a salt of 8 bytes or more, 1 to 1000000 iterations and a hash of 32 bytes")
	}
	if n := len(s.PasswordID); n != 0 && n != 32 {
		return Fault(at+".password_id", "must have 32 bytes, has %d", n)
	}
	for i, c := range s.Secrets {
		if c.Family == "" || (len(c.SHA256) != 32) == (c.Clear == "") {
			return Fault(fmt.Sprintf("%s.secrets[%d]", at, i), "must have a family and either a SHA-256 of 32 bytes or a clear secret")
		}
	}
	for i, p := range s.Peers {
		if err := p.validate(); err != nil {
			return Fault(fmt.Sprintf("%s.peers[%d]", at, i), "%v", err)
		}
	}
	if slices.Contains(s.Protocols, "") {
		return Fault(at+".protocols", "must not hold an empty name")
	}
	return nil
}

func (p *Peer) validate() error {
	if err := id.Check(id.Device, p.Device); err != nil {
		return fmt.Errorf("device %w", err)
	}
	if len(p.PublicKey) != 32 || (len(p.PresharedKey) != 0 && len(p.PresharedKey) != 32) {
		return errors.New("must have a public key of 32 bytes, and a preshared key of 32 bytes or none")
	}
	if p.Number < 2 || p.Number > 1<<32 {
		return errors.New("must have a number from 2")
	}
	return nil
}
