package wireguard

import (
	"bufio"
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"culvert/agent/internal/ingress"
	wg "culvert/shared/protocol/wireguard"
)

// lookEvery is how often the device is asked where its peers are. It knows better than this package: it moves a peer's
// endpoint only for packets that the peer has sealed.
const lookEvery = 10 * time.Second

// whereabouts is what the device says of one peer.
type whereabouts struct {
	key       wg.Key
	endpoint  netip.AddrPort
	handshake time.Time
}

// look passes on where the signed-in peers are and when they last shook hands.
func (in *Ingress) look() {
	text, err := in.dev.IpcGet()
	if err != nil {
		in.spec.Log.Warn("wireguard: the device does not say where its peers are", "error", err)
		return
	}
	for _, w := range parseWhereabouts(text) {
		in.mu.RLock()
		p := in.byKey[w.key]
		in.mu.RUnlock()
		if p == nil || !w.endpoint.IsValid() {
			continue
		}
		p.endpoint.Store(&w.endpoint)
		p.seen(w.endpoint, w.handshake)
	}
}

// seen tells the session of a signed-in peer where it is.
func (p *peer) seen(endpoint netip.AddrPort, handshake time.Time) {
	if r, ok := p.session().(ingress.Roaming); ok {
		r.Seen(endpoint, handshake)
	}
}

// parseWhereabouts reads the peers of a device's own description (wireguard.com/xplatform, "get").
func parseWhereabouts(text string) []whereabouts {
	var out []whereabouts
	var sec, nsec int64
	for in := bufio.NewScanner(strings.NewReader(text)); in.Scan(); {
		name, value, _ := strings.Cut(in.Text(), "=")
		if name == "public_key" {
			raw, err := hex.DecodeString(value)
			if err != nil || len(raw) != len(wg.Key{}) {
				return out
			}
			out, sec, nsec = append(out, whereabouts{key: wg.Key(raw)}), 0, 0
			continue
		}
		if len(out) == 0 {
			continue // of the device
		}
		w := &out[len(out)-1]
		switch name {
		case "endpoint":
			w.endpoint, _ = netip.ParseAddrPort(value) // an invalid one is passed over
		case "last_handshake_time_sec":
			sec, _ = strconv.ParseInt(value, 10, 64)
		case "last_handshake_time_nsec":
			nsec, _ = strconv.ParseInt(value, 10, 64)
		}
		if sec != 0 {
			w.handshake = time.Unix(sec, nsec)
		}
	}
	return out
}
