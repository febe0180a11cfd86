package hysteria

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	hyclient "github.com/apernet/hysteria/core/v2/client"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress/ingresstest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]string{
		"plain":      `{}`,
		"salamander": `{"obfs":{"type":"salamander","password":"secret"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ingresstest.Run(t, harness(options))
		})
	}
}

// harness is Hysteria for the suite that every ingress passes.
func harness(options string) ingresstest.Harness {
	return ingresstest.Harness{
		Kind:    "hysteria2",
		Options: json.RawMessage(options),
		Factory: New,
		UDP:     true,
		Secret:  true,
		Refusal: true,
		Connect: func(_ context.Context, s ingresstest.Server, c ingresstest.Credential) (ingresstest.Client, error) {
			auth := c.Secret
			if auth == "" {
				auth = c.Name + ":" + c.Password
			}
			conf := &hyclient.Config{
				ServerAddr: net.UDPAddrFromAddrPort(s.Addr), Auth: auth,
				TLSConfig: hyclient.TLSConfig{ServerName: s.Name, RootCAs: s.Roots},
			}
			obfuscated(options)(conf)
			cl, _, err := hyclient.NewClient(conf)
			if err != nil {
				return nil, err
			}
			return device{cl}, nil
		},
	}
}

type device struct{ hyclient.Client }

// Dial gives up waiting with ctx; the library's call has no context, so the flow it still brings is closed.
func (d device) Dial(ctx context.Context, dest string) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	ch := make(chan result, 1)
	go func() {
		c, err := d.TCP(dest)
		ch <- result{c, err}
	}()
	select {
	case r := <-ch:
		return r.conn, r.err
	case <-ctx.Done():
		go func() {
			if r := <-ch; r.conn != nil {
				r.conn.Close()
			}
		}()
		return nil, ctx.Err()
	}
}

func (d device) Associate(context.Context) (ingresstest.Packets, error) {
	u, err := d.UDP()
	if err != nil {
		return nil, err
	}
	p := &packets{conn: u, in: make(chan received, 1024), ended: make(chan struct{})}
	go p.pump()
	return p, nil
}

type received struct {
	data []byte
	from string
}

// packets adds a deadline to the library's association.
type packets struct {
	conn  hyclient.HyUDPConn
	in    chan received
	ended chan struct{}
	err   error // set before ended is closed

	sendMu sync.Mutex // the library's Send is for one goroutine
	mu     sync.Mutex
	until  time.Time
}

func (p *packets) pump() {
	for {
		b, from, err := p.conn.Receive()
		if err != nil {
			p.err = err
			close(p.ended)
			return
		}
		select {
		case p.in <- received{b, from}:
		default:
		}
	}
}

func (p *packets) Send(b []byte, to flow.Dest) error {
	p.sendMu.Lock()
	defer p.sendMu.Unlock()
	return p.conn.Send(b, to.String())
}

func (p *packets) Receive(b []byte) (int, flow.Dest, error) {
	p.mu.Lock()
	until := p.until
	p.mu.Unlock()
	var late <-chan time.Time
	if !until.IsZero() {
		t := time.NewTimer(time.Until(until))
		defer t.Stop()
		late = t.C
	}
	select {
	case r := <-p.in:
		from, err := flow.ParseDest(r.from)
		return copy(b, r.data), from, err
	case <-p.ended:
		return 0, flow.Dest{}, errors.Join(net.ErrClosed, p.err)
	case <-late:
		return 0, flow.Dest{}, os.ErrDeadlineExceeded
	}
}

func (p *packets) SetReadDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until = t
	return nil
}

func (p *packets) Close() error { return p.conn.Close() }
