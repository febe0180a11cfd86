package ingresstest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"culvert/agent/internal/flow"
)

// tcpBytes: what goes in comes out, both ways, and the report says exactly that.
func tcpBytes(t *testing.T, h Harness) {
	u := NewUser("alice")
	w := NewWorld(t, h, u)
	dest := Echo(t)
	var moved int64
	for _, size := range []int{1, 1 << 10, 3<<20 + 17} {
		c := w.Dial(u, dest)
		data := make([]byte, size)
		_, _ = rand.Read(data)
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := c.Write(data); err != nil {
				t.Errorf("write: %v", err)
			}
		})
		got := make([]byte, size)
		if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%d bytes came back wrong: %v", size, err)
		}
		wg.Wait()
		moved += int64(size)
		w.Expect(u, moved, moved) // while the flow is still open
		_ = c.Close()
	}
	w.Expect(u, moved, moved)
}

// receive waits for one datagram.
func receive(t *testing.T, p Packets, buf []byte) (int, flow.Dest) {
	t.Helper()
	if err := p.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	n, from, err := p.Receive(buf)
	if err != nil {
		t.Fatalf("receive: %v", err)
	}
	return n, from
}

func (w *World) associate(u *User) Packets {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	p, err := w.Connect(u).Associate(ctx)
	if err != nil {
		w.t.Fatalf("%s cannot associate: %v", u.Row.Name, err)
	}
	w.t.Cleanup(func() { _ = p.Close() })
	return p
}

// udpBytes: datagrams pass whole, from anyone who answers, and the report says exactly their payload.
func udpBytes(t *testing.T, h Harness) {
	u := NewUser("alice")
	w := NewWorld(t, h, u)
	dest, stranger := udpEcho(t)
	p := w.associate(u)
	buf := make([]byte, 65_536)
	var moved int64
	for _, size := range []int{1, 100, 1200, 1400, 4000} {
		data := make([]byte, size)
		_, _ = rand.Read(data)
		for _, first := range []byte{'.', '!'} {
			data[0] = first
			if err := p.Send(data, dest); err != nil {
				t.Fatal(err)
			}
			n, from := receive(t, p, buf)
			want := dest
			if first == '!' {
				want = stranger // full-cone: it was never written to
			}
			if !bytes.Equal(buf[:n], data) || from != want {
				t.Fatalf("%d bytes from %s, want %d from %s", n, from, size, want)
			}
			moved += int64(size)
		}
	}
	byName := flow.Dest{Domain: "localhost", Port: dest.Port}
	if err := p.Send([]byte("named"), byName); err != nil {
		t.Fatal(err)
	}
	if n, _ := receive(t, p, buf); string(buf[:n]) != "named" {
		t.Errorf("by name: %q", buf[:n])
	}
	moved += 5
	w.Expect(u, moved, moved)
}

func noUDP(t *testing.T, h Harness) {
	u := NewUser("alice")
	w := NewWorld(t, h, u)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if p, err := w.Connect(u).Associate(ctx); err == nil {
		_ = p.Close()
		t.Error("a kind without UDP gave an association")
	}
}

// halfClose: the client's end of stream reaches the target alone, and its answer still comes; and the other way round.
func halfClose(t *testing.T, h Harness) {
	u := NewUser("alice")
	w := NewWorld(t, h, u)
	dest := Serve(t, func(c *net.TCPConn) {
		all, _ := io.ReadAll(c)
		_, _ = c.Write(append(all, "-answer"...))
	})
	c := w.Dial(u, dest)
	if _, err := c.Write([]byte("question")); err != nil {
		t.Fatal(err)
	}
	hc, ok := c.(interface{ CloseWrite() error })
	if !ok {
		t.Fatalf("half-close is declared, but %T has no CloseWrite", c)
	}
	if err := hc.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(c); err != nil || string(got) != "question-answer" {
		t.Errorf("got %q, %v", got, err)
	}
	w.Expect(u, 8, 15)

	heard := make(chan string, 1)
	dest = Serve(t, func(c *net.TCPConn) {
		_ = c.CloseWrite()
		all, _ := io.ReadAll(c)
		heard <- string(all)
	})
	c = w.Dial(u, dest)
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Fatalf("the target's end of stream shows as %v", err)
	}
	if _, err := c.Write([]byte("late")); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	select {
	case s := <-heard:
		if s != "late" {
			t.Errorf("the target heard %q", s)
		}
	case <-time.After(patience):
		t.Error("the target never saw the client's end")
	}
}

// noHalfClose: either end of stream ends the flow, and does so soon.
func noHalfClose(t *testing.T, h Harness) {
	u := NewUser("alice")
	w := NewWorld(t, h, u)
	dest := Serve(t, func(c *net.TCPConn) {
		_, _ = c.Write([]byte("bye"))
		_ = c.CloseWrite()
		_, _ = io.Copy(io.Discard, c)
	})
	c := w.Dial(u, dest)
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(c); string(got) != "bye" || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %q, %v", got, err)
	}
	w.noFlows()
}

// noFlows waits until the engine has no flow left.
func (w *World) noFlows() {
	w.t.Helper()
	w.flows(0)
}

// flows waits until the engine has n flows.
func (w *World) flows(n int) {
	w.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(patience)
	for w.Engine.State().Flows != n {
		if time.Now().After(deadline) {
			w.t.Errorf("%d flows are open, want %d", w.Engine.State().Flows, n)
			return
		}
		<-tick.C
	}
}
