// Package route decides where a flow leaves: which exit, or not at all. Today there is one exit and the abuse floor; rules
// (first match) will stand between them and change nobody else.
//
// The floor is asked twice: with the destination as the client named it, and with every address that a name resolved to,
// at the moment of connecting, so that a name cannot point elsewhere between the question and the connection.
package route

import (
	"net/netip"
	"slices"

	"culvert/agent/internal/flow"
	"culvert/shared/nodeapi"
)

// Direct is the exit that every node has.
const Direct = "direct"

// Table is a compiled set of rules. It never changes; a new one replaces it.
type Table struct {
	ports []uint16 // refused, TCP
	floor floor
	allow func(netip.AddrPort) error // nil unless only public addresses are allowed
}

// Compile builds the table of a desired state.
func Compile(s nodeapi.Settings) *Table {
	ports := slices.Clone(s.BlockPorts)
	slices.Sort(ports)
	t := &Table{ports: slices.Compact(ports), floor: special()}
	if s.BlockPrivate {
		t.allow = t.allowPublic
	}
	return t
}

// Verdict says where a flow leaves.
type Verdict struct {
	Exit string
	// Allow is asked about every address before anything is sent to it; nil allows all.
	Allow func(netip.AddrPort) error
}

// Pick returns the verdict on f, or flow.ErrBlocked. For UDP it is asked once per destination.
func (t *Table) Pick(f flow.Flow) (Verdict, error) {
	v := Verdict{Exit: Direct, Allow: t.allow}
	if f.Network == flow.TCP {
		if _, blocked := slices.BinarySearch(t.ports, f.Dest.Port); blocked {
			return Verdict{}, flow.ErrBlocked
		}
	}
	if t.allow != nil && f.Dest.Addr.IsValid() && !t.floor.public(f.Dest.Addr) {
		return Verdict{}, flow.ErrBlocked
	}
	return v, nil
}

func (t *Table) allowPublic(a netip.AddrPort) error {
	if !t.floor.public(a.Addr()) {
		return flow.ErrBlocked
	}
	return nil
}
