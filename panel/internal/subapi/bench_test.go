package subapi_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"culvert/panel/internal/device"
	"culvert/panel/internal/subscriber"
)

// BenchmarkSubscription counts fetches a second of subscriptions of 100 subscribers, over TCP, with all kinds of ingresses
// and a device each. Client and server share the process, Postgres the machine. Target: 2,000 on 2 cores.
func BenchmarkSubscription(b *testing.B) {
	w := newWorld(b, plenty())
	w.fleet(b)
	ctx := context.Background()
	a := w.Reseller(b, "acme")
	urls := make([]string, 100)
	for i := range urls {
		sub, err := w.Subs.Create(ctx, a, subscriber.Create{Name: fmt.Sprint("user", i)})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := w.devices.Add(ctx, a, device.New{Subscriber: sub.ID, Name: "phone"}); err != nil {
			b.Fatal(err)
		}
		urls[i] = strings.TrimPrefix(w.token(b, a, sub.ID).URL, public)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = w.app.Listener(l) }() // ends with the shutdown
	b.Cleanup(func() { _ = w.app.ShutdownWithTimeout(time.Second) })
	client := &fasthttp.Client{}
	for _, agent := range []string{"sing-box 1.12", "mihomo/1.19", "v2rayNG/1.10"} {
		b.Run(agent, func(b *testing.B) {
			var next atomic.Int64
			b.SetParallelism(8)
			b.ReportAllocs()
			begin := time.Now()
			b.RunParallel(func(p *testing.PB) {
				q, r := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
				defer fasthttp.ReleaseRequest(q)
				defer fasthttp.ReleaseResponse(r)
				for p.Next() {
					q.SetRequestURI("http://" + l.Addr().String() + urls[int(next.Add(1))%len(urls)])
					q.Header.SetUserAgent(agent)
					if err := client.Do(q, r); err != nil || r.StatusCode() != 200 {
						b.Errorf("%d, %v", r.StatusCode(), err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/time.Since(begin).Seconds(), "fetches/s")
		})
	}
}
