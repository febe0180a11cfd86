package hestia_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"culvert/panel/internal/hestia"
	"culvert/panel/internal/identity"
)

// BenchmarkAddUser adds users with an access key through the Fiber application, from eight callers at once. One
// iteration is 2,000 users, so that -benchtime 1x measures something.
func BenchmarkAddUser(b *testing.B) {
	w := newWorld(b, func(c *hestia.Config) { c.KeyRate = hestia.Rate{PerSecond: 1e6, Burst: 1e6}; c.AddressRate = c.KeyRate })
	a := w.reseller(b, "acme")
	k := w.key(b, a, identity.NewKey{})
	const users, callers = 2000, 8
	var n atomic.Int64
	b.ResetTimer()
	begin := time.Now()
	for range b.N {
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				for range users / callers {
					name := fmt.Sprintf("user%d", n.Add(1))
					r := w.send(b, asForm, fields(k, "v-add-user", name, "a password of "+name, name+"@example.com"))
					if r.exit != "0" {
						b.Errorf("%s: %s", name, r.body)
						return
					}
				}
			})
		}
		wg.Wait()
	}
	b.ReportMetric(float64(b.N*users)/time.Since(begin).Seconds(), "users/s")
}

// BenchmarkListUsers lists them all as json, and pages their traffic.
func BenchmarkListUsers(b *testing.B) {
	w := newWorld(b, func(c *hestia.Config) { c.KeyRate = hestia.Rate{PerSecond: 1e6, Burst: 1e6}; c.AddressRate = c.KeyRate })
	a := w.reseller(b, "acme")
	k := w.key(b, a, identity.NewKey{})
	const users, callers = 10_000, 8
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range users / callers {
				name := fmt.Sprintf("user%d-%d", c, i)
				w.do(b, k, 0, "v-add-user", name, "a password of "+name, name+"@example.com")
			}
		})
	}
	wg.Wait()
	b.ResetTimer()
	for range b.N {
		begin := time.Now()
		r := w.do(b, k, 0, "v-list-users", "json")
		b.ReportMetric(time.Since(begin).Seconds(), "s/list")
		b.ReportMetric(float64(len(r.body)), "B/list")
		begin = time.Now()
		w.do(b, k, 0, "v-list-users-traffic", "", "", "json", "", "500")
		b.ReportMetric(float64(time.Since(begin).Milliseconds()), "ms/page")
	}
}
