package meter

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"culvert/shared/nodeapi"
	"culvert/shared/unit"
)

// ledger is what a journal file says.
type ledger struct {
	epoch, seq, from, to int64
	closed               bool
	usage                map[usageKey]*nodeapi.Usage
	byIndex              map[uint64]*nodeapi.Usage
	slices               map[string]sliceState
}

type usageKey struct {
	subscriber string
	counterKey
}

type sliceState struct {
	period            int64
	granted, reserved unit.Bytes
	exhausted         bool
}

// readJournal reads the good part of a journal. damage says why the rest, if any, is not; size is the good part.
func readJournal(path string) (l *ledger, size int64, damage, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, nil, err
	}
	defer f.Close()
	l = &ledger{usage: map[usageKey]*nodeapi.Usage{}, byIndex: map[uint64]*nodeapi.Usage{}, slices: map[string]sliceState{}}
	size, damage = frames(bufio.NewReaderSize(f, 1<<16), l.apply)
	return l, size, damage, nil
}

// apply takes one frame in. A frame with a good checksum that cannot be read is from another version, or a mistake.
func (l *ledger) apply(ops []byte) error {
	d := decoder{b: ops}
	for len(d.b) > 0 && d.err == nil {
		switch op := d.byte(); op {
		case opHeader:
			if v := d.byte(); v != version {
				return fmt.Errorf("journal version %d is not known", v)
			}
			l.epoch, l.seq, l.from = d.int(), d.int(), d.int()
			l.to = l.from
			for _, u := range l.usage {
				u.Up, u.Down = 0, 0
			}
		case opKey:
			i := d.uint()
			k := usageKey{d.string(), counterKey{d.string(), d.string(), d.int()}}
			if l.usage[k] == nil {
				l.usage[k] = &nodeapi.Usage{Subscriber: k.subscriber, Ingress: k.ingress, Exit: k.exit, Period: k.period}
			}
			l.byIndex[i] = l.usage[k]
		case opCount:
			u := l.byIndex[d.uint()]
			up, down := d.int(), d.int()
			if u == nil {
				return errors.New("a count without a key")
			}
			u.Up, u.Down = unit.Bytes(up), unit.Bytes(down)
		case opSlice:
			id := d.string()
			l.slices[id] = sliceState{d.int(), unit.Bytes(d.int()), unit.Bytes(d.int()), d.byte() == 1}
		case opTime:
			l.to = max(l.to, d.int())
		case opClosed:
			l.closed = true
		default:
			return fmt.Errorf("operation %d is not known", op)
		}
	}
	return d.err
}

// report is what a journal that was never sealed becomes.
func (l *ledger) report() nodeapi.Report {
	r := nodeapi.Report{Epoch: l.epoch, Seq: l.seq, From: l.from, To: l.to, Unclean: !l.closed}
	for _, u := range l.usage {
		if u.Up != 0 || u.Down != 0 {
			r.Usage = append(r.Usage, *u)
		}
	}
	for id, s := range l.slices {
		if s.reserved > 0 {
			r.Slices = append(r.Slices, nodeapi.SliceUse{Subscriber: id, Period: s.period, Spent: s.reserved})
		}
	}
	sortReport(&r)
	return r
}

// sortReport orders rows by key: the panel writes them in that order, without deadlocks.
func sortReport(r *nodeapi.Report) {
	slices.SortFunc(r.Usage, func(a, b nodeapi.Usage) int {
		if c := strings.Compare(a.Subscriber, b.Subscriber); c != 0 {
			return c
		}
		if c := strings.Compare(a.Ingress, b.Ingress); c != 0 {
			return c
		}
		if c := strings.Compare(a.Exit, b.Exit); c != 0 {
			return c
		}
		return int(a.Period - b.Period)
	})
	slices.SortFunc(r.Slices, func(a, b nodeapi.SliceUse) int { return strings.Compare(a.Subscriber, b.Subscriber) })
}

// decoder reads operations; the first error sticks.
type decoder struct {
	b   []byte
	err error
}

var errShort = errors.New("an operation is cut short")

func (d *decoder) fail() { d.b, d.err = nil, errShort }

func (d *decoder) byte() byte {
	if len(d.b) == 0 {
		d.fail()
		return 0
	}
	c := d.b[0]
	d.b = d.b[1:]
	return c
}

func (d *decoder) int() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) string() string {
	n := d.uint()
	if n > uint64(len(d.b)) {
		d.fail()
		return ""
	}
	s := string(d.b[:n])
	d.b = d.b[n:]
	return s
}
