package redispipe

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

func parse(in string) ([][]string, error) {
	q := &requests{r: bufio.NewReader(strings.NewReader(in))}
	var out [][]string
	for {
		args, err := q.next()
		if err != nil {
			return out, err
		}
		var one []string
		for _, a := range args {
			one = append(one, string(a))
		}
		out = append(out, one)
	}
}

func TestRequests(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, in string
		want     int // requests before the end
		err      error
	}{
		{"one", "*1\r\n$4\r\nPING\r\n", 1, io.EOF},
		{"pipelined", "*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nPING\r\n$0\r\n\r\n", 2, io.EOF},
		{"binary and line ends inside", "*2\r\n$4\r\nPING\r\n$17\r\n\r\n*1\r\n$5\r\nRESET\r\n\r\n", 1, io.EOF},
		{"inline", "PING\r\n", 0, errProtocol},
		{"inline after one", "*1\r\n$4\r\nPING\r\nRESET\r\n", 1, errProtocol},
		{"cut in the length", "*1\r\n$4", 0, io.ErrUnexpectedEOF},
		{"cut in the argument", "*1\r\n$4\r\nPI", 0, io.ErrUnexpectedEOF},
		{"cut between arguments", "*2\r\n$4\r\nPING\r\n", 0, io.ErrUnexpectedEOF},
		{"wrong length", "*1\r\n$3\r\nPING\r\n", 0, errProtocol},
		{"no arguments", "*0\r\n", 0, errProtocol},
		{"null array", "*-1\r\n", 0, errProtocol},
		{"null argument", "*1\r\n$-1\r\n", 0, errProtocol},
		{"sign", "*+1\r\n$4\r\nPING\r\n", 0, errProtocol},
		{"leading zero", "*01\r\n$4\r\nPING\r\n", 0, errProtocol},
		{"bare LF", "*1\n$4\nPING\n", 0, errProtocol},
		{"empty length", "*\r\n", 0, errProtocol},
		{"too many arguments", "*65\r\n", 0, errProtocol},
		{"huge argument", "*1\r\n$65537\r\n", 0, errProtocol},
		{"absurd length", "*1\r\n$99999999999999999999\r\n", 0, errProtocol},
		{"array of arrays", "*1\r\n*1\r\n$4\r\nPING\r\n", 0, errProtocol},
		{"too large together", "*3\r\n" + strings.Repeat("$65536\r\n"+strings.Repeat("x", 65536)+"\r\n", 3), 0, errProtocol},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := parse(c.in)
			if len(got) != c.want || !errors.Is(err, c.err) {
				t.Errorf("%d requests, then %v; want %d, then %v", len(got), err, c.want, c.err)
			}
		})
	}
}

// What passes is written anew, so Redis reads exactly what was judged.
func FuzzRequests(f *testing.F) {
	for _, s := range []string{
		"*1\r\n$4\r\nPING\r\n", "*3\r\n$7\r\nEVALSHA\r\n$40\r\n0123456789012345678901234567890123456789\r\n$1\r\n0\r\n", "PING\r\n",
		"*2\r\n$4\r\nPING\r\n$2\r\n\r\n\r\n", "*1\r\n$-1\r\n", "*64\r\n", "*1\r\n$65536\r\nx",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		q := &requests{r: bufio.NewReader(bytes.NewReader(in))}
		var canonical []byte
		var all [][]byte
		for {
			args, err := q.next()
			if err != nil {
				break
			}
			canonical = appendRequest(canonical, args...)
			for _, a := range args {
				all = append(all, bytes.Clone(a))
			}
		}
		if !bytes.HasPrefix(in, canonical) {
			t.Fatalf("written %q from %q", canonical, in)
		}
		again := &requests{r: bufio.NewReader(bytes.NewReader(canonical))}
		var back [][]byte
		for {
			args, err := again.next()
			if err != nil {
				break
			}
			for _, a := range args {
				back = append(back, bytes.Clone(a))
			}
		}
		if !slices.EqualFunc(all, back, bytes.Equal) {
			t.Fatalf("%q became %q", all, back)
		}
	})
}

func FuzzReplies(f *testing.F) {
	for _, s := range []string{
		"+OK\r\n", "$3\r\nabc\r\n", "*2\r\n:1\r\n$-1\r\n", ">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n", "%1\r\n+a\r\n:1\r\n",
		"|1\r\n+a\r\n:1\r\n+OK\r\n", "*-1\r\n", "_\r\n", "$99999999\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var out bytes.Buffer
		p := &replies{r: bufio.NewReader(bytes.NewReader(in)), w: bufio.NewWriter(&out)}
		for {
			if _, err := p.next(); err != nil {
				break
			}
		}
		if err := p.w.Flush(); err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(in, out.Bytes()) {
			t.Fatalf("copied %q from %q", out.Bytes(), in)
		}
	})
}

func TestReplies(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in   string
		push bool
		ok   bool
	}{
		"status":         {"+OK\r\n", false, true},
		"bulk":           {"$2\r\nhi\r\n", false, true},
		"null":           {"$-1\r\n", false, true},
		"nested":         {"*2\r\n*1\r\n:1\r\n+a\r\n", false, true},
		"map":            {"%1\r\n+a\r\n#t\r\n", false, true},
		"attribute":      {"|1\r\n+ttl\r\n:3\r\n$1\r\nx\r\n", false, true},
		"push":           {">1\r\n+x\r\n", true, true},
		"too deep":       {strings.Repeat("*1\r\n", 12) + ":1\r\n", false, false},
		"too large":      {"$99999999\r\n", false, false},
		"too many":       {"*99999999\r\n", false, false},
		"unknown mark":   {"@1\r\n", false, false},
		"cut":            {"$5\r\nab", false, false},
		"length is text": {"$x\r\n", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			p := &replies{r: bufio.NewReader(strings.NewReader(c.in)), w: bufio.NewWriter(&out)}
			push, err := p.next()
			if (err == nil) != c.ok || push != c.push {
				t.Fatalf("push %t, %v", push, err)
			}
			if c.ok && (p.w.Flush() != nil || out.String() != c.in) {
				t.Errorf("copied %q", out.String())
			}
		})
	}
}
