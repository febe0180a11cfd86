package pipe

import (
	"crypto/rand"
	"errors"
	"io"
	"testing"
	"time"
)

// What a slow reader has got is counted, however much is still under way to it: whoever is killed at that moment loses
// nothing of it. Every wait below is for something that must come without another byte being read.
func TestSlowReaderIsCountedAsItReads(t *testing.T) {
	t.Parallel()
	client, src := tcpPair(t)
	dst, target := tcpPair(t)
	if err := errors.Join(dst.SetWriteBuffer(32<<10), target.SetReadBuffer(32<<10)); err != nil {
		t.Fatal(err)
	}
	go func() { // until it is closed
		block := make([]byte, 256<<10)
		for {
			if _, err := client.Write(block); err != nil {
				return
			}
		}
	}()
	g := newTally(4<<20, -1)
	done := make(chan error, 1)
	go func() { done <- new(Pump).Copy(dst, src, g) }()
	buf := make([]byte, 32<<10)
	var got int64
	for range 24 {
		n, err := io.ReadFull(target, buf)
		if err != nil {
			t.Fatal(err)
		}
		got += int64(n)
		if !eventually(func() bool { return g.moved.Load() >= got }) {
			t.Fatalf("the reader has %d, counted are %d", got, g.moved.Load())
		}
	}
	Abort(src)
	Abort(dst)
	if err := <-done; err == nil {
		t.Error("a cut copy ended in good order")
	}
}

func eventually(ok func() bool) bool {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); <-tick.C {
		if ok() {
			return true
		}
	}
	return ok()
}

// A pipe with bytes of a broken flow in it never serves another one.
func TestBrokenFlowLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	var p Pump
	for range 20 {
		client, src := tcpPair(t)
		dst, target := tcpPair(t)
		target.Close() // the first write is answered with a reset, a later one fails
		done := make(chan error, 1)
		go func() {
			err := p.Copy(dst, src, newTally(4<<20, -1))
			Abort(src) // which ends the writer
			done <- err
		}()
		for block := make([]byte, 64<<10); ; {
			if _, err := client.Write(block); err != nil {
				break
			}
		}
		if err := <-done; err == nil {
			t.Error("a broken copy ended in good order")
		}
	}
	client, src := tcpPair(t)
	dst, target := tcpPair(t)
	want := make([]byte, 32)
	_, _ = rand.Read(want)
	if _, err := client.Write(want); err != nil {
		t.Fatal(err)
	}
	client.Close()
	if err := p.Copy(dst, src, newTally(4<<20, -1)); err != nil {
		t.Fatal(err)
	}
	dst.Close()
	if got, err := io.ReadAll(target); err != nil || string(got) != string(want) {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestPipesWithARestAreClosed(t *testing.T) {
	t.Parallel()
	var p pipes
	k := p.get()
	if k == nil {
		t.Fatal("no pipe")
	}
	k.held = 4
	p.put(k)
	if again := p.get(); again == nil || again == k || again.held != 0 {
		t.Error("a pipe with a rest in it came back")
	}
}

func TestStrideFollowsThePace(t *testing.T) {
	t.Parallel()
	var s stride
	for range 10 {
		n := s.next(maxStride)
		s.learn(n, n, time.Millisecond)
	}
	if n := s.next(1 << 40); n != maxStride {
		t.Errorf("a fast flow takes %d at once", n)
	}
	if n := s.next(1 << 20); n != 1<<20 {
		t.Errorf("%d at once, more than the gauge allows", n)
	}
	s.learn(maxStride, 1<<20, 100*time.Second) // the reader stopped: 10 KB/s
	if n := s.next(maxStride); n > 16<<10 {
		t.Errorf("a slow flow takes %d at once", n)
	}
	s.learn(16<<10, 100, Step) // a source that has nothing says nothing about the reader
	if n := s.next(maxStride); n < minStride || n > 16<<10 {
		t.Errorf("%d at once", n)
	}
	s.learn(8<<10, 0, time.Hour)
	if n := s.next(maxStride); n != minStride {
		t.Errorf("a reader that stands still is given %d at once", n)
	}
	n := s.next(maxStride)
	s.learn(n, n, time.Millisecond)
	if got := s.next(maxStride); got != 2*n {
		t.Errorf("%d at once after a quick %d", got, n)
	}
}
