package meter

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"culvert/shared/unit"
)

// errNoSpace is the one condition of a disk that passes by itself.
var errNoSpace error = syscall.ENOSPC

// The journal is a sequence of frames: length and CRC-32C (4 bytes each, little endian) and a payload of operations. An
// operation is a tag and varints; strings have their length before them. Later operations on one thing replace earlier.
const (
	opHeader = 1 // version, epoch, seq, from: a new interval, in which nothing is counted yet
	opKey    = 2 // index, subscriber, ingress, exit, period
	opCount  = 3 // index, up, down: of the open interval
	opSlice  = 4 // subscriber, period, granted, reserved, exhausted
	opTime   = 5 // Unix milliseconds
	opClosed = 6 // a clean stop: nothing follows
	version  = 1

	frameHead = 8
	maxFrame  = 64 << 20
)

// journal is an open journal file. Without a file (full disk), it takes everything and keeps nothing.
type journal struct {
	mu      sync.Mutex
	f       *os.File
	size    int64
	number  int64  // under the disk's lock: indexes of another number must be declared anew
	nextKey uint64 // likewise; never used twice
	pending []byte // while a rewrite is under way: operations that came meanwhile
	rewrite bool
	buf     []byte
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// append writes one frame of operations. A frame that was written in part is taken back, so that a full disk leaves a
// readable file.
func (j *journal) append(ops []byte) error {
	if len(ops) == 0 {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.rewrite {
		j.pending = append(j.pending, ops...)
	}
	return j.appendLocked(ops)
}

func (j *journal) appendLocked(ops []byte) error {
	if j.f == nil {
		return fmt.Errorf("write journal: it is not open")
	}
	j.buf = frame(j.buf[:0], ops)
	n, err := j.f.WriteAt(j.buf, j.size)
	if err == nil {
		j.size += int64(n)
		return nil
	}
	if n > 0 {
		err = errors.Join(err, j.f.Truncate(j.size))
	}
	return fmt.Errorf("write journal: %w", err)
}

func frame(dst, ops []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(ops)))
	dst = binary.LittleEndian.AppendUint32(dst, checksum(ops))
	return append(dst, ops...)
}

func (j *journal) sync() error {
	j.mu.Lock()
	f := j.f
	j.mu.Unlock()
	if f == nil {
		return nil
	}
	return f.Sync()
}

// begin makes what is appended from now on go into the next file, too.
func (j *journal) begin() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.rewrite, j.pending = true, nil
}

// replace puts a new file with content ops in the place of the old one.
func (j *journal) replace(path string, ops []byte) error {
	f, err := writeTemp(path, frame(nil, ops))
	j.mu.Lock()
	defer j.mu.Unlock()
	defer func() { j.rewrite, j.pending = false, nil }()
	if err != nil {
		return fmt.Errorf("start journal: %w", err)
	}
	size := int64(frameHead + len(ops))
	if len(j.pending) > 0 {
		b := frame(nil, j.pending)
		if _, err := f.WriteAt(b, size); err != nil {
			return errors.Join(fmt.Errorf("start journal: %w", err), f.Close())
		}
		size += int64(len(b))
	}
	if err := os.Rename(path+tempSuffix, path); err != nil {
		return errors.Join(fmt.Errorf("start journal: %w", err), f.Close())
	}
	if j.f != nil {
		_ = j.f.Close()
	}
	j.f, j.size = f, size
	return syncDir(path)
}

func (j *journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.f == nil {
		return nil
	}
	err := errors.Join(j.f.Sync(), j.f.Close())
	j.f = nil
	return err
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendHeader(b []byte, epoch, seq int64, from time.Time) []byte {
	b = append(b, opHeader, version)
	b = binary.AppendVarint(b, epoch)
	b = binary.AppendVarint(b, seq)
	return binary.AppendVarint(b, from.UnixMilli())
}

func appendTime(b []byte, at time.Time) []byte {
	return binary.AppendVarint(append(b, opTime), at.UnixMilli())
}

func appendSlice(b []byte, id string, period int64, granted, reserved unit.Bytes, exhausted bool) []byte {
	b = appendString(append(b, opSlice), id)
	b = binary.AppendVarint(b, period)
	b = binary.AppendVarint(b, int64(granted))
	b = binary.AppendVarint(b, int64(reserved))
	if exhausted {
		return append(b, 1)
	}
	return append(b, 0)
}

// counts appends what changed in a since the journal last heard of it.
func (a *Account) counts(j *journal, b []byte) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.counters {
		up, down := c.open()
		if up == c.writtenUp && down == c.writtenDown && (c.journal == j.number || up == 0 && down == 0) {
			continue
		}
		if c.journal != j.number {
			j.nextKey++
			c.index, c.journal = j.nextKey, j.number
			b = binary.AppendUvarint(append(b, opKey), c.index)
			b = appendString(b, a.id)
			b = appendString(b, c.key.ingress)
			b = appendString(b, c.key.exit)
			b = binary.AppendVarint(b, c.key.period)
		}
		b = binary.AppendUvarint(append(b, opCount), c.index)
		b = binary.AppendVarint(b, up)
		b = binary.AppendVarint(b, down)
		c.writtenUp, c.writtenDown = up, down
	}
	return b
}

// frames reads whole frames from r and returns how many bytes of it were good.
func frames(r io.Reader, each func(ops []byte) error) (good int64, err error) {
	var head [frameHead]byte
	var buf []byte
	for {
		if _, err := io.ReadFull(r, head[:]); err != nil {
			if errors.Is(err, io.EOF) {
				return good, nil
			}
			return good, err
		}
		n := binary.LittleEndian.Uint32(head[:4])
		if n > maxFrame {
			return good, fmt.Errorf("a frame of %d bytes", n)
		}
		if cap(buf) < int(n) {
			buf = make([]byte, n)
		}
		buf = buf[:n]
		if _, err := io.ReadFull(r, buf); err != nil {
			return good, err
		}
		if checksum(buf) != binary.LittleEndian.Uint32(head[4:]) {
			return good, errors.New("a frame's checksum is wrong")
		}
		if err := each(buf); err != nil {
			return good, err
		}
		good += frameHead + int64(n)
	}
}
