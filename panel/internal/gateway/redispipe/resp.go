package redispipe

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Bounds of one request.
const (
	maxArgs    = 64
	maxBulk    = 64 << 10
	maxRequest = 128 << 10
	maxDigits  = 7
)

var errProtocol = errors.New("protocol error")

func broken(format string, a ...any) error {
	return fmt.Errorf("%w: %s", errProtocol, fmt.Sprintf(format, a...))
}

// requests parses requests: arrays of bulk strings, nothing else. Inline commands are refused.
type requests struct {
	r    *bufio.Reader
	buf  []byte
	args [][]byte
	ends []int
}

// next returns the arguments of the next request. They are valid until the call after.
func (q *requests) next() ([][]byte, error) {
	n, err := q.count('*')
	if err != nil {
		return nil, err
	}
	if n < 1 || n > maxArgs {
		return nil, broken("a request has 1 to %d arguments, not %d", maxArgs, n)
	}
	q.buf, q.args, q.ends = q.buf[:0], q.args[:0], q.ends[:0]
	for range n {
		size, err := q.count('$')
		if err != nil {
			return nil, noEOF(err)
		}
		if size > maxBulk || len(q.buf)+size > maxRequest {
			return nil, broken("an argument has at most %d bytes, a request %d", maxBulk, maxRequest)
		}
		at := len(q.buf)
		q.buf = append(q.buf, make([]byte, size+2)...)
		if _, err := io.ReadFull(q.r, q.buf[at:]); err != nil {
			return nil, noEOF(err)
		}
		if q.buf[at+size] != '\r' || q.buf[at+size+1] != '\n' {
			return nil, broken("an argument does not end where it said")
		}
		q.buf = q.buf[:at+size]
		q.ends = append(q.ends, at+size)
	}
	from := 0
	for _, to := range q.ends {
		q.args = append(q.args, q.buf[from:to:to])
		from = to
	}
	return q.args, nil
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// count reads a mark, plain digits and a line end.
func (q *requests) count(mark byte) (int, error) {
	b, err := q.r.ReadByte()
	if err != nil {
		return 0, err
	}
	if b != mark {
		return 0, broken("expected %q, got %q", mark, b)
	}
	n, digits := 0, 0
	for {
		b, err := q.r.ReadByte()
		if err != nil {
			return 0, noEOF(err)
		}
		if b == '\r' {
			break
		}
		if b < '0' || b > '9' || digits == maxDigits || digits == 1 && n == 0 {
			return 0, broken("a length is written in plain digits")
		}
		n, digits = n*10+int(b-'0'), digits+1
	}
	b, err = q.r.ReadByte()
	if err != nil {
		return 0, noEOF(err)
	}
	if b != '\n' || digits == 0 {
		return 0, broken("a length ends with CR LF")
	}
	return n, nil
}

// appendRequest writes args as one request.
func appendRequest(b []byte, args ...[]byte) []byte {
	b = append(b, '*')
	b = strconv.AppendInt(b, int64(len(args)), 10)
	b = append(b, '\r', '\n')
	for _, a := range args {
		b = append(b, '$')
		b = strconv.AppendInt(b, int64(len(a)), 10)
		b = append(b, '\r', '\n')
		b = append(b, a...)
		b = append(b, '\r', '\n')
	}
	return b
}

// maxReply bounds what one reply may carry, maxDepth how deep it may nest.
const (
	maxReply = 16 << 20
	maxDepth = 8
)

// replies copies replies of RESP 2 and 3 and tells where each ends.
type replies struct {
	r    *bufio.Reader
	w    *bufio.Writer
	left int64
}

// next copies one whole reply. push tells that nobody asked for it.
func (p *replies) next() (push bool, err error) {
	p.left = maxReply
	mark, err := p.r.Peek(1)
	if err != nil {
		return false, err
	}
	return mark[0] == '>', p.value(0)
}

func (p *replies) value(depth int) error {
	line, err := p.r.ReadSlice('\n')
	if err != nil {
		return fmt.Errorf("reply: %w", noEOF(err))
	}
	if len(line) < 3 || line[len(line)-2] != '\r' || depth > maxDepth {
		return errors.New("reply: not RESP")
	}
	if p.left -= int64(len(line)); p.left < 0 {
		return fmt.Errorf("reply is larger than %d bytes", maxReply)
	}
	mark, head := line[0], string(line[1:len(line)-2])
	if _, err := p.w.Write(line); err != nil {
		return err
	}
	switch mark {
	case '+', '-', ':', '_', ',', '#', '(':
		return nil
	case '$', '=', '!':
		return p.bulk(head)
	case '*', '~', '>':
		return p.children(head, 1, 0, depth)
	case '%':
		return p.children(head, 2, 0, depth)
	case '|': // attributes, followed by the value they belong to
		return p.children(head, 2, 1, depth)
	}
	return errors.New("reply: not RESP")
}

func (p *replies) bulk(head string) error {
	n, err := strconv.ParseInt(head, 10, 64)
	if err != nil || n > maxReply {
		return fmt.Errorf("reply of %.20s bytes is not passed on", head)
	}
	if n < 0 {
		return nil
	}
	if p.left -= n + 2; p.left < 0 {
		return fmt.Errorf("reply is larger than %d bytes", maxReply)
	}
	_, err = io.CopyN(p.w, p.r, n+2)
	return err
}

func (p *replies) children(head string, each, more int64, depth int) error {
	n, err := strconv.ParseInt(head, 10, 64)
	if err != nil || n > maxReply {
		return fmt.Errorf("reply of %.20s elements is not passed on", head)
	}
	for range max(n, 0)*each + more {
		if err := p.value(depth + 1); err != nil {
			return err
		}
	}
	return nil
}
