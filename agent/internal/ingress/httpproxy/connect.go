package httpproxy

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"time"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress"
)

const (
	dialTimeout  = 30 * time.Second
	replyTimeout = 10 * time.Second
	established  = "HTTP/1.1 200 Connection established\r\n\r\n"
)

// connect opens a tunnel. Errors come before the client was answered.
func (in *Ingress) connect(w http.ResponseWriter, r *http.Request, c *clientConn, s ingress.Session) error {
	dest, err := flow.ParseDest(r.URL.Host)
	if err != nil {
		return errTarget
	}
	ctx, cancel := context.WithTimeout(r.Context(), dialTimeout)
	defer cancel()
	out, err := in.host.Dial(ctx, in.flow(c, s, dest))
	if err != nil {
		return err
	}
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = out.Close()
		return errUpgradeHop
	}
	early := unread(buffered)
	c.unwatchOnly()
	// The tunnel runs in a goroutine of its own, so that the stack and the buffers of the request are freed.
	in.work.Go(func() { in.tunnel(c, client, out, early) })
	return nil
}

func (in *Ingress) tunnel(c *clientConn, client net.Conn, out ingress.Conn, early []byte) {
	defer c.end()
	_ = client.SetWriteDeadline(time.Now().Add(replyTimeout))
	if _, err := io.WriteString(client, established); err != nil {
		_, _ = out.Close(), client.Close()
		return
	}
	_ = client.SetWriteDeadline(time.Time{})
	if err := out.Relay(client, early); err != nil {
		in.log.Debug("tunnel ended", "error", err)
	}
}

// unread copies what the server read beyond the request.
func unread(rw *bufio.ReadWriter) []byte {
	n := rw.Reader.Buffered()
	if n == 0 {
		return nil
	}
	b, _ := rw.Reader.Peek(n)
	return append([]byte(nil), b...)
}

func (in *Ingress) flow(c *clientConn, s ingress.Session, dest flow.Dest) flow.Flow {
	return flow.Flow{Principal: s.Principal(), Ingress: in.spec.ID, Source: c.source, Network: flow.TCP, Dest: dest}
}
