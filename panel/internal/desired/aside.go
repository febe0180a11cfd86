package desired

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// asideInMemory is how much of a document's rows stays in memory; the rest of a large one lies in a file without a name, as
// sealed as in the database.
const asideInMemory = 1 << 20

// aside holds rows between the database and the network: each is the lengths of id and body, and both.
type aside struct {
	count int
	head  bytes.Buffer
	file  *os.File
	out   *bufio.Writer
}

func (a *aside) put(id string, body []byte) error {
	a.count++
	var lengths [8]byte
	binary.BigEndian.PutUint32(lengths[:], uint32(len(id)))
	binary.BigEndian.PutUint32(lengths[4:], uint32(len(body)))
	w := io.Writer(&a.head)
	if a.head.Len() >= asideInMemory {
		if err := a.spill(); err != nil {
			return err
		}
		w = a.out
	}
	for _, b := range [][]byte{lengths[:], []byte(id), body} {
		if _, err := w.Write(b); err != nil {
			return fmt.Errorf("set rows aside: %w", err)
		}
	}
	return nil
}

func (a *aside) spill() error {
	if a.file != nil {
		return nil
	}
	f, err := os.CreateTemp("", "culvert-document-*")
	if err != nil {
		return fmt.Errorf("set rows aside: %w", err)
	}
	a.file, a.out = f, bufio.NewWriterSize(f, writeBuffer)
	if err := os.Remove(f.Name()); err != nil {
		return fmt.Errorf("set rows aside: %w", err)
	}
	return nil
}

// each hands out the rows in their order, once; body is valid until the next.
func (a *aside) each(f func(id string, body []byte) error) error {
	in := io.Reader(&a.head)
	if a.file != nil {
		if err := a.out.Flush(); err != nil {
			return fmt.Errorf("set rows aside: %w", err)
		}
		if _, err := a.file.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("read rows back: %w", err)
		}
		in = io.MultiReader(in, bufio.NewReaderSize(a.file, writeBuffer))
	}
	var lengths [8]byte
	var buf []byte
	for range a.count {
		if _, err := io.ReadFull(in, lengths[:]); err != nil {
			return fmt.Errorf("read rows back: %w", err)
		}
		n, m := int(binary.BigEndian.Uint32(lengths[:])), int(binary.BigEndian.Uint32(lengths[4:]))
		if cap(buf) < n+m {
			buf = make([]byte, n+m)
		}
		buf = buf[:n+m]
		if _, err := io.ReadFull(in, buf); err != nil {
			return fmt.Errorf("read rows back: %w", err)
		}
		if err := f(string(buf[:n]), buf[n:]); err != nil {
			return err
		}
	}
	return nil
}

func (a *aside) close() {
	if a.file != nil {
		if err := a.file.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			return // a file without a name: nothing is lost
		}
		a.file = nil
	}
}
