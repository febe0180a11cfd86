package shadowsocks

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress"
	"culvert/agent/internal/ingress/ingresstest"
	"culvert/shared/nodeapi"
	options "culvert/shared/protocol/shadowsocks"
)

// BenchmarkAgainstBareRelay measures TCP through each method.
func BenchmarkAgainstBareRelay(b *testing.B) {
	for _, method := range allMethods() {
		b.Run(method, func(b *testing.B) { ingresstest.Bulk(b, harness(b, method, 10_000)) })
	}
}

// BenchmarkIdentify measures how long it takes to tell whose first message a TCP connection brings: of a client at a new
// address, of one at a known address, and of a stranger; the budget is not asked.
func BenchmarkIdentify(b *testing.B) {
	for _, method := range []string{"2022-blake3-aes-128-gcm", "2022-blake3-aes-256-gcm", "aes-128-gcm", "aes-256-gcm", "chacha20-ietf-poly1305"} {
		for _, count := range []int{1, 300, 5000} {
			all := names(count)
			s := newServer(b, optionsOf(b, method, 10_000), all...)
			client := newTester(s.opts, netip.AddrPort{}, all[count-1])
			stranger := newTester(s.opts, netip.AddrPort{}, "stranger")
			k := s.suite.KeySize
			for _, who := range []string{"new", "known", "stranger"} {
				c := client
				if who == "stranger" {
					c = stranger
				}
				_, _, hello := c.hello("192.0.2.1:80", forge{})
				find := func(x *search) *user {
					t := newTrial(s.suite, hello[:k])
					return x.find(netip.MustParseAddr("192.0.2.1"), func(u *user) bool { return t.opensLength(u, hello[k:k+lengthSize]) != nil })
				}
				if who == "known" && !s.suite.Modern && find(s.search) == nil {
					b.Fatal("the first time, nobody was found")
				}
				b.Run(fmt.Sprintf("%s/users=%d/%s", method, count, who), func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						var u *user
						switch {
						case s.suite.Modern:
							name, err := s.identify(hello[:k], hello[k:k+blockSize])
							if err != nil {
								b.Fatal(err)
							}
							if u = s.users.find(name); u != nil {
								if _, err := s.suite.stream(u.key, hello[:k]); err != nil {
									b.Fatal(err)
								}
							}
						case who == "known":
							u = find(s.search)
						default:
							u = find(newSearch(s.users))
						}
						if (u == nil) != (who == "stranger") {
							b.Fatal("found the wrong one")
						}
						s.search.refill()
					}
				})
			}
		}
	}
}

// refill gives all turns back, so that benchmarks measure the search and not its budget.
func (x *search) refill() {
	if x == nil {
		return
	}
	x.port = bucket{}
	for _, e := range x.sources {
		e.Value.(*origin).purse = bucket{}
	}
}

// BenchmarkDatagrams measures one datagram of 1200 bytes, opened and sealed.
func BenchmarkDatagrams(b *testing.B) {
	for _, method := range allMethods() {
		r := newRig(b, optionsOf(b, method, 10_000), "ann")
		p := r.associate(b, "ann")
		to := "192.0.2.1:9"
		b.Run(method+"/open", func(b *testing.B) {
			b.ReportAllocs()
			s := r.packets
			now := time.Now()
			if r.suite.Modern {
				ss := s.newModern(sessionKey{id: p.id, name: identity(p.c.hash())})
				head := binary.BigEndian.AppendUint64(append([]byte{}, p.id[:]...), p.next.Load())
				sealed := p.sealed(random(1200), to, forge{})[32:]
				for b.Loop() {
					pk := s.packet(len(sealed))
					plain, err := ss.opener.Open(pk.data, head[4:16], sealed, nil)
					if err != nil {
						b.Fatal(err)
					}
					if _, _, err := parseDatagram(plain, now); err != nil {
						b.Fatal(err)
					}
					s.free(pk)
				}
				return
			}
			sealed := p.sealed(random(1200), to, forge{})
			u := r.users.byID["ann"]
			for b.Loop() {
				pk := s.packet(len(sealed))
				if t := newTrial(r.suite, sealed[:r.suite.KeySize]); !t.opensDatagram(u, sealed[r.suite.KeySize:], &pk.data) {
					b.Fatal("not opened")
				}
				s.free(pk)
			}
		})
		b.Run(method+"/seal", func(b *testing.B) {
			b.ReportAllocs()
			ss := &session{p: r.packets, key: sessionKey{id: p.id}, user: r.users.byID["ann"]}
			w, err := ss.newAnswers()
			if err != nil {
				b.Fatal(err)
			}
			buf := make([]byte, firstAnswer)
			from := must(flow.ParseDest(to))
			for b.Loop() {
				if _, err := w.seal(buf, 1200, from); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkOneRow measures one changed subscriber among 10,000.
func BenchmarkOneRow(b *testing.B) {
	for _, method := range bothEditions() {
		b.Run(method, func(b *testing.B) {
			s := newServer(b, optionsOf(b, method, 10_000), names(10_000)...)
			gen := int64(1)
			for b.Loop() {
				row := rowOf("subscriber 77")
				gen++
				row.Generation = gen
				if err := s.KeysChanged(b.Context(), ingress.KeyChange{Rows: []*nodeapi.Subscriber{row}}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkIdle measures what a connection and a UDP session cost that have said something and wait. Client and target share
// the process, and are counted with them.
func BenchmarkIdle(b *testing.B) {
	const count = 1000
	used := func() float64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc + m.StackInuse)
	}
	for _, method := range bothEditions() {
		h := harness(b, method, 10_000)
		o, err := options.Parse(h.Options)
		if err != nil {
			b.Fatal(err)
		}
		o.UDPSessionsEach = count
		h.Options = encode(b, o)
		for _, network := range []string{"tcp", "udp"} {
			b.Run(method+"/"+network, func(b *testing.B) {
				u := ingresstest.NewUser("ann")
				w := ingresstest.NewWorld(b, h, u)
				client := newTester(o, w.Server.Addr, u.Clear())
				for b.Loop() {
					dest := ingresstest.Echo(b)
					if network == "udp" {
						dest = ingresstest.EchoUDP(b)
					}
					before := used()
					var open []net.Conn
					for range count {
						c := must(net.Dial(network, w.Server.Addr.String()))
						open = append(open, c)
						_, _, first := client.hello(dest, forge{payload: []byte("hello")})
						if network == "udp" {
							p := &testPackets{c: client}
							copy(p.id[:], random(8))
							first = p.sealed([]byte("hello"), dest, forge{})
						}
						if _, err := c.Write(first); err != nil {
							b.Fatal(err)
						}
						if _, err := c.Read(make([]byte, 1000)); err != nil {
							b.Fatal(err)
						}
					}
					<-time.After(time.Second) // steps of the copy end after 250 ms
					b.ReportMetric((used()-before)/count, "B/idle")
					for _, c := range open {
						c.Close()
					}
				}
			})
		}
	}
}
