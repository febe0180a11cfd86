package nodeapi

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"time"

	"culvert/shared/id"
	"culvert/shared/unit"
)

// EnrolRequest exchanges a one-time token and a certificate request for an identity. The private key stays on the node.
type EnrolRequest struct {
	Token      string `json:"token"`
	CSR        string `json:"csr"` // PEM; the subject is ignored, the panel names the node
	Version    string `json:"version"`
	Capability int    `json:"capability"`
}

// EnrolResponse is the node's identity.
type EnrolResponse struct {
	Node        string   `json:"node"`
	Certificate string   `json:"certificate"` // PEM chain, leaf first
	CA          string   `json:"ca"`          // PEM; the only root the agent trusts for the gateway
	JobKeys     []JobKey `json:"job_keys"`    // pinned from here on; rotated with overlap through Settings.JobKeys
}

// RenewRequest asks for a fresh certificate over the old one.
type RenewRequest struct {
	CSR string `json:"csr"`
}

// RenewResponse carries it.
type RenewResponse struct {
	Certificate string `json:"certificate"`
	CA          string `json:"ca"`
}

// Hello opens a connection: what the agent is and where it stands.
type Hello struct {
	Version    string   `json:"version"`
	Capability int      `json:"capability"`
	OS         string   `json:"os"`
	Arch       string   `json:"arch"`
	Kinds      []string `json:"kinds"` // ingress kinds this agent can serve
	Epoch      int64    `json:"epoch"` // boot epoch: grows with each start of the agent
	Revision   int64    `json:"revision"`
	Hash       string   `json:"hash"`
	Clock      int64    `json:"clock"` // Unix milliseconds; the panel answers with its own, skew is shown to the operator
}

// HelloResponse tells the agent what the panel wants of it.
type HelloResponse struct {
	Node       string `json:"node"`
	Capability int    `json:"capability"`
	Wanted     int64  `json:"wanted"`
	Clock      int64  `json:"clock"`
}

// AgentFrame is one line of the held stream from agent to panel.
type AgentFrame struct {
	Applied  int64  `json:"applied"`
	Sessions int    `json:"sessions"`
	Spooled  int    `json:"spooled"` // reports not yet acknowledged
	Clock    int64  `json:"clock"`
	Fault    string `json:"fault,omitempty"` // why the node is not well, such as "spool: disk full"
}

// PanelFrame is one line of the held stream from panel to agent.
type PanelFrame struct {
	Wanted int64 `json:"wanted"` // the newest revision: an apply never waits for a poll
	Clock  int64 `json:"clock"`
}

// Ack answers a revision.
type Ack struct {
	Revision int64  `json:"revision"`
	Hash     string `json:"hash"`
	Applied  bool   `json:"applied"`
	Path     string `json:"path,omitempty"`   // field that was refused
	Reason   string `json:"reason,omitempty"` // rule it broke, or why it could not be applied
}

// Usage is what one subscriber moved through one ingress to one exit within a report's interval.
type Usage struct {
	Subscriber string     `json:"subscriber"`
	Ingress    string     `json:"ingress"`
	Exit       string     `json:"exit"`   // "direct" or an exit path
	Period     int64      `json:"period"` // quota period in force when the bytes flowed
	Up         unit.Bytes `json:"up"`     // subscriber to internet
	Down       unit.Bytes `json:"down"`   // internet to subscriber
}

// SessionRecord is one session of a subscriber on this node: sent when it opens, while it moves something, and when it closes.
type SessionRecord struct {
	ID         string     `json:"id"`
	Subscriber string     `json:"subscriber"`
	Ingress    string     `json:"ingress"`
	Kind       string     `json:"kind"`
	Source     string     `json:"source"`              // address, without the port
	Device     string     `json:"device,omitempty"`    // id, where the protocol knows the device (WireGuard)
	Endpoint   string     `json:"endpoint,omitempty"`  // where such a device sends from now, address:port; it roams
	Handshake  int64      `json:"handshake,omitempty"` // of such a device, the last one, Unix milliseconds
	Opened     int64      `json:"opened"`              // Unix milliseconds
	Closed     int64      `json:"closed,omitempty"`
	Cause      string     `json:"cause,omitempty"` // why it closed: ended, kicked, suspended, expired, limited, revoked, drained, replaced
	Up         unit.Bytes `json:"up"`
	Down       unit.Bytes `json:"down"`
	// What it moved a second since its record before, in bits; absent in the first and the last one.
	RateUp   unit.BitRate `json:"rate_up,omitempty"`
	RateDown unit.BitRate `json:"rate_down,omitempty"`
}

// SliceUse states, for one metered subscriber, how much of the bytes ever granted to this node in Period is spent for
// good: everything in reports up to this one, and what a crash made unknowable. It never shrinks within a period.
type SliceUse struct {
	Subscriber string     `json:"subscriber"`
	Period     int64      `json:"period"`
	Spent      unit.Bytes `json:"spent"`
}

// Report is numbered (node, Epoch, Seq), spooled before it is sent and deleted when it is acknowledged. The panel applies
// each number once; sending it again changes nothing.
type Report struct {
	Epoch    int64           `json:"epoch"`
	Seq      int64           `json:"seq"`  // from 1 within an epoch
	From     int64           `json:"from"` // Unix milliseconds
	To       int64           `json:"to"`
	Unclean  bool            `json:"unclean,omitempty"` // closed by the start after a crash: up to one second may be missing
	Usage    []Usage         `json:"usage"`
	Sessions []SessionRecord `json:"sessions,omitempty"`
	Slices   []SliceUse      `json:"slices,omitempty"`
}

// Allowance is the total granted to this node for one metered subscriber in one period. Being a total, it can be repeated
// or lost without harm. The node may let Granted minus spent bytes pass, and stores bytes as spent before they pass.
type Allowance struct {
	Subscriber string     `json:"subscriber"`
	Period     int64      `json:"period"`
	Granted    unit.Bytes `json:"granted"`
	Exhausted  bool       `json:"exhausted,omitempty"` // nothing more to grant in this period
}

// ReportAck allows the agent to delete the report.
type ReportAck struct {
	Epoch      int64       `json:"epoch"`
	Seq        int64       `json:"seq"`
	Allowances []Allowance `json:"allowances,omitempty"`
}

// LeaseRequest asks for a first or larger slice when a metered subscriber is about to need it.
type LeaseRequest struct {
	Slices []SliceUse `json:"slices"`
}

// LeaseResponse answers with the allowances now in force.
type LeaseResponse struct {
	Allowances []Allowance `json:"allowances"`
}

// DeviceUse is one device of a subscriber whose devices are limited: a WireGuard peer's id, or protocol and address for
// protocols whose devices have no name.
type DeviceUse struct {
	Subscriber string `json:"subscriber"`
	Device     string `json:"device"`
}

// AdmitRequest tells which devices are connected here and asks for others. What is neither held nor asked for again within
// AdmitTTL is no longer counted.
type AdmitRequest struct {
	Ask  []DeviceUse `json:"ask,omitempty"`
	Held []DeviceUse `json:"held,omitempty"`
	Gone []DeviceUse `json:"gone,omitempty"`
}

// AdmitResponse names those of Ask and Held that the subscriber's limit has no room for: they are not let in, or cut.
type AdmitResponse struct {
	Refused []DeviceUse `json:"refused,omitempty"`
}

// Job kinds (design.md §2). PROTOCOL.md gives each kind's arguments, result, time limit and retries.
const (
	JobApply          = "apply"
	JobKick           = "kick"
	JobCheckPorts     = "check_ports"
	JobProbe          = "probe"
	JobCollect        = "collect"
	JobRestartIngress = "restart_ingress"
	JobUpgrade        = "upgrade"
	JobDiagnose       = "diagnose"
	JobLogTail        = "log_tail"
	JobDrain          = "drain"
)

// JobKey is a public key that signs jobs.
type JobKey struct {
	ID     string `json:"id"`
	Public []byte `json:"public"` // Ed25519, 32 bytes
}

func (k JobKey) validate() error {
	if k.ID == "" || len(k.Public) != ed25519.PublicKeySize {
		return fmt.Errorf("must have an id and an Ed25519 public key of %d bytes", ed25519.PublicKeySize)
	}
	return nil
}

// Job is the payload of a task in a node's queue. It holds ids, never a secret.
type Job struct {
	ID        string          `json:"id"`
	Node      string          `json:"node"`
	Kind      string          `json:"kind"`
	Expires   int64           `json:"expires"` // Unix seconds; refused afterwards
	Args      json.RawMessage `json:"args,omitempty"`
	Key       string          `json:"key"`
	Signature []byte          `json:"signature,omitempty"`
}

func (j Job) signed() []byte {
	j.Signature = nil
	b, err := json.Marshal(j)
	if err != nil {
		panic("nodeapi: a job with valid arguments always marshals: " + err.Error())
	}
	return append([]byte("culvert job v1\n"), b...)
}

// Sign signs the job with the key named j.Key. Args must be valid JSON or empty.
func (j *Job) Sign(key ed25519.PrivateKey) { j.Signature = ed25519.Sign(key, j.signed()) }

// Verify checks that the job is for node, has not expired, and is signed by one of keys. Replay is the caller's to refuse:
// it remembers ids until they expire.
func (j *Job) Verify(node string, keys []JobKey, now time.Time) error {
	if j.Node != node {
		return Fault("node", "job is for another node")
	}
	if err := id.Check(id.Job, j.ID); err != nil {
		return Fault("id", "%v", err)
	}
	if now.Unix() > j.Expires {
		return Fault("expires", "job expired at %s", time.Unix(j.Expires, 0).UTC().Format(time.RFC3339))
	}
	for _, k := range keys {
		if k.ID == j.Key && ed25519.Verify(k.Public, j.signed(), j.Signature) {
			return nil
		}
	}
	return Fault("signature", "is not by a key this node knows")
}

// JobResult is stored with the job in the panel's database.
type JobResult struct {
	ID     string          `json:"id"`
	OK     bool            `json:"ok"`
	Error  string          `json:"error,omitempty"`
	Output json.RawMessage `json:"output,omitempty"`
}
