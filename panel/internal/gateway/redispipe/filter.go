package redispipe

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"culvert/panel/internal/jobs"
)

// dateSpan bounds the dates in names of daily counters: a node cannot make a key for every day there ever was.
const dateSpan = 40 * 24 * time.Hour

// filter knows what one node may say.
type filter struct {
	prefix  string
	scripts map[string]jobs.Script // by hash
}

func newFilter(node string, scripts map[string]jobs.Script) *filter {
	return &filter{prefix: jobs.KeyPrefix(jobs.NodeQueue(node)), scripts: scripts}
}

// refusal says what a node tried.
type refusal struct{ what string }

func (r *refusal) Error() string { return r.what }

func refuse(format string, a ...any) error { return &refusal{fmt.Sprintf(format, a...)} }

// verdict is what becomes of a request that passes.
type verdict struct {
	args    [][]byte // to be sent
	replies bool     // it is answered by one reply that is not a push
}

// judge passes a request on, changed where it must be, or refuses it. There is no way to be let through partly.
func (f *filter) judge(args [][]byte) (verdict, error) {
	name := strings.ToLower(string(args[0]))
	rest := args[1:]
	switch name {
	case "ping":
		if len(rest) > 1 {
			return verdict{}, refuse("PING has at most one argument")
		}
	case "hello":
		return f.hello(args)
	case "client":
		return f.client(args)
	case "subscribe", "unsubscribe":
		if len(rest) == 0 && name == "subscribe" {
			return verdict{}, refuse("SUBSCRIBE needs a channel")
		}
		for _, ch := range rest {
			if string(ch) != jobs.CancelChannel {
				return verdict{}, refuse("channel %.80q is not for nodes", ch)
			}
		}
		return verdict{args: args}, nil
	case "zadd":
		return verdict{args, true}, f.lease(rest)
	case "evalsha":
		return verdict{args, true}, f.script(rest)
	default:
		return verdict{}, refuse("command %.40q is not for nodes", name)
	}
	return verdict{args, true}, nil
}

// hello may choose a protocol version; AUTH and SETNAME change who speaks.
func (f *filter) hello(args [][]byte) (verdict, error) {
	if len(args) != 2 || string(args[1]) != "2" && string(args[1]) != "3" {
		return verdict{}, refuse("HELLO may name a protocol version, 2 or 3, and nothing else")
	}
	return verdict{args, true}, nil
}

// client swallows the library's name card. The answer keeps its place in the line: Redis is asked to say OK.
func (f *filter) client(args [][]byte) (verdict, error) {
	if len(args) != 4 || !strings.EqualFold(string(args[1]), "setinfo") {
		return verdict{}, refuse("CLIENT is not for nodes")
	}
	return verdict{[][]byte{[]byte("PING"), []byte("OK")}, true}, nil
}

// lease passes ZADD <lease> XX score id …: the renewal of tasks the node is working on.
func (f *filter) lease(rest [][]byte) error {
	if len(rest) < 4 || len(rest)%2 != 0 || string(rest[0]) != f.prefix+"lease" || !strings.EqualFold(string(rest[1]), "xx") {
		return refuse("ZADD may renew leases of this node (XX) and nothing else")
	}
	for i := 2; i < len(rest); i += 2 {
		if _, err := strconv.ParseUint(string(rest[i]), 10, 63); err != nil || !isID(string(rest[i+1])) {
			return refuse("ZADD may renew leases of this node (XX) and nothing else")
		}
	}
	return nil
}

func (f *filter) script(rest [][]byte) error {
	if len(rest) < 2 {
		return refuse("EVALSHA needs a script and a number of keys")
	}
	s, known := f.scripts[strings.ToLower(string(rest[0]))]
	if !known {
		return refuse("script %.40q is not one of asynq's", rest[0])
	}
	if string(rest[1]) != strconv.Itoa(len(s.Keys)) || len(rest) < 2+len(s.Keys) {
		return refuse("script %s names %d keys", s.Name, len(s.Keys))
	}
	keys, values := rest[2:2+len(s.Keys)], rest[2+len(s.Keys):]
	for i, k := range keys {
		name, ours := strings.CutPrefix(string(k), f.prefix)
		if !ours || !slices.ContainsFunc(strings.Split(s.Keys[i], "|"), func(shape string) bool { return fits(name, shape) }) {
			return refuse("key %.120q of script %s is not for this node", k, s.Name)
		}
	}
	for i, v := range values {
		if i < len(s.Args) && s.Args[i] != "" {
			if string(v) != f.prefix+s.Args[i] {
				return refuse("argument %.120q of script %s is not for this node", v, s.Name)
			}
		} else if bytes.HasPrefix(v, []byte("asynq:")) {
			return refuse("argument %.120q of script %s names a key", v, s.Name)
		}
	}
	if len(values) < len(s.Args) {
		return refuse("script %s has %d arguments at least", s.Name, len(s.Args))
	}
	return nil
}

// fits compares a key, without the queue's prefix, with a shape of jobs.Script.
func fits(name, shape string) bool {
	if head, ok := strings.CutSuffix(shape, "*"); ok {
		rest, ok := strings.CutPrefix(name, head)
		return ok && isID(rest)
	}
	if head, ok := strings.CutSuffix(shape, "@"); ok {
		rest, ok := strings.CutPrefix(name, head)
		day, err := time.Parse(time.DateOnly, rest)
		return ok && err == nil && time.Since(day).Abs() < dateSpan
	}
	return name == shape
}

func isID(s string) bool {
	if len(s) < 1 || len(s) > 80 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '.' && c != '_' && c != '-' && c != '+' {
			return false
		}
	}
	return true
}
