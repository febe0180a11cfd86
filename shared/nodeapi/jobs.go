package nodeapi

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"culvert/shared/id"
)

// JobSpec is what a kind of job promises. PROTOCOL.md says the same in words.
type JobSpec struct {
	Kind    string
	Limit   time.Duration // one attempt may take that long
	Life    time.Duration // after that it is not begun any more
	Retries int           // further attempts by the node after a failure
	args    func(json.RawMessage) error
}

// JobSpecs lists every kind of job.
func JobSpecs() []JobSpec {
	return []JobSpec{
		{JobApply, 2 * time.Minute, 10 * time.Minute, 2, checkArgs[*ApplyArgs]},
		{JobKick, 10 * time.Second, time.Minute, 2, checkArgs[*KickArgs]},
		{JobCheckPorts, 15 * time.Second, 2 * time.Minute, 0, checkArgs[*CheckPortsArgs]},
		{JobProbe, time.Minute, 5 * time.Minute, 0, checkArgs[*ProbeArgs]},
		{JobCollect, time.Minute, 10 * time.Minute, 2, checkArgs[*NoArgs]},
		{JobRestartIngress, time.Minute, 5 * time.Minute, 1, checkArgs[*RestartIngressArgs]},
		{JobUpgrade, 10 * time.Minute, time.Hour, 0, checkArgs[*UpgradeArgs]},
		{JobDiagnose, 15 * time.Second, 2 * time.Minute, 0, checkArgs[*NoArgs]},
		{JobLogTail, 15 * time.Second, 2 * time.Minute, 0, checkArgs[*LogTailArgs]},
		{JobDrain, 11 * time.Minute, 15 * time.Minute, 0, checkArgs[*DrainArgs]},
	}
}

// LookupJob returns the spec of a kind.
func LookupJob(kind string) (JobSpec, bool) {
	for _, s := range JobSpecs() {
		if s.Kind == kind {
			return s, true
		}
	}
	return JobSpec{}, false
}

// CheckArgs validates the arguments of this kind; the error is a FieldError below "args".
func (s JobSpec) CheckArgs(raw json.RawMessage) error { return s.args(raw) }

type argument[T any] interface {
	*T
	Validate() error
}

func checkArgs[P argument[T], T any](raw json.RawMessage) error {
	var v T
	return DecodeArgs[P](raw, &v)
}

// DecodeArgs reads a job's arguments strictly and validates them. No arguments at all are the zero value.
func DecodeArgs[P argument[T], T any](raw json.RawMessage, v P) error {
	if len(raw) == 0 {
		raw = json.RawMessage("{}")
	}
	if err := strict(raw, v); err != nil {
		return Fault("args", "%v", err)
	}
	return v.Validate()
}

// NoArgs are the arguments of kinds that take none.
type NoArgs struct{}

// Validate implements the check of arguments.
func (*NoArgs) Validate() error { return nil }

// ApplyArgs nudges the node to fetch; Revision is the one that is wanted at least.
type ApplyArgs struct {
	Revision int64 `json:"revision,omitempty"`
}

// Validate implements the check of arguments.
func (a *ApplyArgs) Validate() error {
	if a.Revision < 0 {
		return Fault("args.revision", "must not be negative")
	}
	return nil
}

// ApplyResult says where the node stands after a fetch.
type ApplyResult struct {
	Revision int64  `json:"revision"`
	Hash     string `json:"hash"`
}

// KickArgs picks the sessions to end: all set fields must match, at least one must be set.
type KickArgs struct {
	Subscriber string `json:"subscriber,omitempty"`
	Session    string `json:"session,omitempty"`
	Ingress    string `json:"ingress,omitempty"`
	Source     string `json:"source,omitempty"` // address
}

// Validate implements the check of arguments.
func (a *KickArgs) Validate() error {
	if *a == (KickArgs{}) {
		return Fault("args", "must name a subscriber, a session, an ingress or a source")
	}
	for _, f := range []struct {
		name, value string
		kind        id.Kind
	}{{"subscriber", a.Subscriber, id.Subscriber}, {"session", a.Session, id.Session}, {"ingress", a.Ingress, id.Ingress}} {
		if f.value == "" {
			continue
		}
		if err := id.Check(f.kind, f.value); err != nil {
			return Fault("args."+f.name, "%v", err)
		}
	}
	if a.Source != "" {
		if _, err := netip.ParseAddr(a.Source); err != nil {
			return Fault("args.source", "must be an IP address")
		}
	}
	return nil
}

// KickResult counts the sessions that were ended.
type KickResult struct {
	Ended int `json:"ended"`
}

// Port is an address to listen on.
type Port struct {
	Network string `json:"network"` // tcp or udp
	Listen  string `json:"listen"`  // as in Ingress.Listen
}

// CheckPortsArgs asks whether addresses could be bound.
type CheckPortsArgs struct {
	Ports []Port `json:"ports"`
}

// Validate implements the check of arguments.
func (a *CheckPortsArgs) Validate() error {
	if n := len(a.Ports); n < 1 || n > 64 {
		return Fault("args.ports", "must have 1 to 64 entries")
	}
	for i, p := range a.Ports {
		if p.Network != "tcp" && p.Network != "udp" {
			return Fault(fmt.Sprintf("args.ports[%d].network", i), "must be tcp or udp")
		}
		if _, err := ParseListen(p.Listen); err != nil {
			return Fault(fmt.Sprintf("args.ports[%d].listen", i), "%v", err)
		}
	}
	return nil
}

// PortState is the answer about one address.
type PortState struct {
	Port
	Free   bool   `json:"free"`
	Ours   bool   `json:"ours,omitempty"` // taken by an ingress of this node
	Reason string `json:"reason,omitempty"`
}

// CheckPortsResult answers in the order of the question.
type CheckPortsResult struct {
	Ports []PortState `json:"ports"`
}

// ProbeArgs asks whether destinations can be reached over TCP from the node.
type ProbeArgs struct {
	Targets   []string `json:"targets"` // host:port
	TimeoutMS int64    `json:"timeout_ms,omitempty"`
}

// Validate implements the check of arguments.
func (a *ProbeArgs) Validate() error {
	if n := len(a.Targets); n < 1 || n > 16 {
		return Fault("args.targets", "must have 1 to 16 entries")
	}
	for i, t := range a.Targets {
		host, port, err := net.SplitHostPort(t)
		n, perr := strconv.ParseUint(port, 10, 16)
		if err != nil || perr != nil || n == 0 || host == "" || len(host) > 253 {
			return Fault(fmt.Sprintf("args.targets[%d]", i), "must be host:port")
		}
	}
	if a.TimeoutMS < 0 || a.TimeoutMS > 30_000 {
		return Fault("args.timeout_ms", "must be between 0 and 30000")
	}
	return nil
}

// ProbeState is the answer about one target.
type ProbeState struct {
	Target  string `json:"target"`
	OK      bool   `json:"ok"`
	Address string `json:"address,omitempty"`
	TookMS  int64  `json:"took_ms"`
	Error   string `json:"error,omitempty"`
}

// ProbeResult answers in the order of the question.
type ProbeResult struct {
	Targets []ProbeState `json:"targets"`
}

// CollectResult says how many reports wait after one was closed.
type CollectResult struct {
	Pending int `json:"pending"`
}

// RestartIngressArgs names the ingress to build anew.
type RestartIngressArgs struct {
	Ingress string `json:"ingress"`
}

// Validate implements the check of arguments.
func (a *RestartIngressArgs) Validate() error {
	if err := id.Check(id.Ingress, a.Ingress); err != nil {
		return Fault("args.ingress", "%v", err)
	}
	return nil
}

// UpgradeArgs names the release to install. What installs it is the host's own; a node without one refuses.
type UpgradeArgs struct {
	Version string `json:"version"`
}

// Validate implements the check of arguments.
func (a *UpgradeArgs) Validate() error {
	if a.Version == "" || len(a.Version) > 64 {
		return Fault("args.version", "must have 1 to 64 characters")
	}
	return nil
}

// DiagnoseResult is the node's view of itself.
type DiagnoseResult struct {
	Version    string   `json:"version"`
	OS         string   `json:"os"`
	Arch       string   `json:"arch"`
	Kinds      []string `json:"kinds"`
	Epoch      int64    `json:"epoch"`
	Revision   int64    `json:"revision"`
	Hash       string   `json:"hash"`
	Sessions   int      `json:"sessions"`
	Spooled    int      `json:"spooled"`
	Fault      string   `json:"fault,omitempty"`
	UptimeMS   int64    `json:"uptime_ms"`
	Clock      int64    `json:"clock"`
	SkewMS     int64    `json:"skew_ms"` // node's clock minus the panel's
	Goroutines int      `json:"goroutines"`
	HeapBytes  uint64   `json:"heap_bytes"`
	Connected  bool     `json:"connected"` // the held stream is up
}

// LogTailArgs asks for the last lines of the agent's log.
type LogTailArgs struct {
	Lines int `json:"lines,omitempty"` // 0 = 200
}

// Validate implements the check of arguments.
func (a *LogTailArgs) Validate() error {
	if a.Lines < 0 || a.Lines > 1000 {
		return Fault("args.lines", "must be between 0 and 1000")
	}
	return nil
}

// LogTailResult holds them, oldest first, secrets redacted.
type LogTailResult struct {
	Lines []string `json:"lines"`
}

// DrainArgs stops new sessions and lets those there are end by themselves for GraceMS; then they are cut. Resume lets
// sessions in again.
type DrainArgs struct {
	GraceMS int64 `json:"grace_ms,omitempty"`
	Resume  bool  `json:"resume,omitempty"`
}

// Validate implements the check of arguments.
func (a *DrainArgs) Validate() error {
	if a.GraceMS < 0 || a.GraceMS > 600_000 {
		return Fault("args.grace_ms", "must be between 0 and 600000")
	}
	if a.Resume && a.GraceMS != 0 {
		return Fault("args.grace_ms", "goes with draining, not with resume")
	}
	return nil
}

// DrainResult counts the sessions that had to be cut.
type DrainResult struct {
	Cut int `json:"cut"`
}
