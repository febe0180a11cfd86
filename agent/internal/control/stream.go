package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"culvert/shared/logging"
	"culvert/shared/nodeapi"
)

// stream says hello and holds the stream.
type stream struct {
	*core
	syncer   *syncer
	uploader *uploader
	renewed  chan struct{} // connect again, with the fresh certificate
	told     string        // the last reason why there is no stream
}

// Pauses between attempts to connect.
const (
	firstTry   = 200 * time.Millisecond
	longestTry = 15 * time.Second
	silence    = 3 // intervals without a frame end the stream
	maxFrame   = 16 << 10
)

func newStream(c *core, s *syncer, u *uploader) *stream {
	return &stream{core: c, syncer: s, uploader: u, renewed: make(chan struct{}, 1)}
}

func (s *stream) run(ctx context.Context) {
	b := newBackoff(firstTry, longestTry)
	for {
		began := time.Now()
		err := s.hold(ctx)
		s.connected.Store(false)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > longestTry {
			b.reset()
		}
		if s.cfg.Revoked != nil && nodeapi.CodeOf(err) == nodeapi.CodeRevoked {
			s.cfg.Revoked()
		}
		if text := fmt.Sprint(err); text != s.told {
			s.told = text
			s.log.WarnContext(ctx, "no stream to the panel", logging.KeyErr, err)
		}
		if !b.wait(ctx) {
			return
		}
	}
}

// hold connects once and stays until something ends it.
func (s *stream) hold(ctx context.Context) error {
	if err := s.hello(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pr, pw := io.Pipe()
	defer func() { _ = pr.Close() }()
	var writing sync.WaitGroup
	defer writing.Wait()
	defer cancel()
	writing.Go(func() { s.beat(ctx, pw) })
	res, err := s.api.do(ctx, http.MethodPost, nodeapi.PathWatch, pr)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if s.told != "" {
		s.told = ""
		s.log.InfoContext(ctx, "connected to the panel", logging.KeyNode, s.node)
	}
	s.connected.Store(true)
	poke(s.uploader.wake)
	return s.read(ctx, cancel, res.Body)
}

// hello tells what this agent is and learns the panel's clock.
func (s *stream) hello(ctx context.Context) error {
	st, at := s.cfg.Engine.Status(), time.Now()
	var out nodeapi.HelloResponse
	err := s.api.post(ctx, nodeapi.PathHello, nodeapi.Hello{
		Version: s.cfg.Version, Capability: nodeapi.Capability, OS: runtime.GOOS, Arch: runtime.GOARCH, Kinds: s.cfg.Kinds,
		Epoch: s.cfg.Meter.Epoch(), Revision: st.Revision, Hash: st.Hash, Clock: at.UnixMilli(),
	}, &out)
	if err != nil {
		return err
	}
	half := time.Since(at) / 2
	s.skew.Store(int64(at.Add(half).Sub(time.UnixMilli(out.Clock))))
	s.syncer.greet(st)
	s.syncer.want(out.Wanted)
	return nil
}

// beat sends heartbeats, and one at once when a revision was applied.
func (s *stream) beat(ctx context.Context, w *io.PipeWriter) {
	stop := context.AfterFunc(ctx, func() { _ = w.CloseWithError(context.Cause(ctx)) })
	defer stop()
	defer func() { _ = w.Close() }()
	enc := json.NewEncoder(w)
	for {
		if enc.Encode(s.frame()) != nil || !waitFor(ctx, s.heartbeat(), s.syncer.applied) {
			return
		}
	}
}

func (s *stream) frame() nodeapi.AgentFrame {
	st := s.cfg.Engine.Status()
	faults := []string{}
	for _, f := range []string{st.Fault, s.cfg.Meter.Fault()} {
		if f != "" {
			faults = append(faults, f)
		}
	}
	s.mu.Lock()
	for _, part := range slices.Sorted(maps.Keys(s.faults)) {
		faults = append(faults, s.faults[part])
	}
	s.mu.Unlock()
	fault := strings.Join(faults, "; ")
	return nodeapi.AgentFrame{
		Applied: st.Revision, Sessions: st.Sessions, Spooled: s.cfg.Meter.Pending(), Clock: time.Now().UnixMilli(), Fault: clip(fault, 1000),
	}
}

func clip(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "")
	}
	return s
}

// read follows the panel's frames until the stream ends, falls silent, or the certificate is renewed.
func (s *stream) read(ctx context.Context, cancel context.CancelFunc, body io.Reader) error {
	lines := make(chan nodeapi.PanelFrame)
	var reading sync.WaitGroup
	defer reading.Wait()
	defer cancel()
	var ended error
	reading.Go(func() {
		defer close(lines)
		ended = frames(ctx, body, lines)
	})
	for {
		quiet := time.NewTimer(silence * s.heartbeat())
		select {
		case f, ok := <-lines:
			quiet.Stop()
			if !ok {
				return fmt.Errorf("stream ended: %w", ended)
			}
			s.syncer.want(f.Wanted)
		case <-quiet.C:
			return fmt.Errorf("panel was silent for %s", silence*s.heartbeat())
		case <-s.renewed:
			quiet.Stop()
			s.api.close()
			return fmt.Errorf("certificate was renewed")
		case <-ctx.Done():
			quiet.Stop()
			return context.Cause(ctx)
		}
	}
}

func frames(ctx context.Context, body io.Reader, out chan<- nodeapi.PanelFrame) error {
	sc := bufio.NewScanner(body)
	sc.Buffer(make([]byte, 0, 1024), maxFrame)
	for sc.Scan() {
		var f nodeapi.PanelFrame
		if err := nodeapi.DecodeStrict(bytes.NewReader(sc.Bytes()), maxFrame, &f); err != nil {
			return err
		}
		select {
		case out <- f:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if err := sc.Err(); err != nil {
		return err
	}
	return io.EOF
}
