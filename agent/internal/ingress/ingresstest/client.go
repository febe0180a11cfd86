package ingresstest

import (
	"context"
	"fmt"
	"net"
	"time"
)

// Connect makes a client of u's.
func (w *World) Connect(u *User) Client {
	w.t.Helper()
	c, err := w.connect(u.Credential())
	if err != nil {
		w.t.Fatalf("%s cannot connect: %v", u.Row.Name, err)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	return c
}

func (w *World) connect(c Credential) (Client, error) {
	if w.h.Secret && c.Secret == "" {
		c = Credential{Secret: c.Name + ":" + c.Password}
	}
	c.Number = w.number(c.Name)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return w.h.Connect(ctx, w.Server, c)
}

// number is that of one of the subscriber's devices, the next one each time; a stranger takes one that is in use.
func (w *World) number(login string) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.used++
	for _, r := range w.rows {
		if first := w.numbers[r.ID]; r.Login() == login && first != 0 {
			return first + w.used%devices
		}
	}
	return 2
}

// Dial opens a flow of u's to dest over a client of its own.
func (w *World) Dial(u *User, dest string) net.Conn {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := w.Connect(u).Dial(ctx, dest)
	if err != nil {
		w.t.Fatalf("%s cannot reach %s: %v", u.Row.Name, dest, err)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	return c
}

// try reports whether credential c reaches dest. A flow that opens and ends without a byte is a refusal, too.
func (w *World) try(c Credential, dest string) error {
	cl, err := w.connect(c)
	if err != nil {
		return err
	}
	defer cl.Close()
	wait := patience
	if w.h.Silence > 0 {
		wait = w.h.Silence
	}
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	conn, err := cl.Dial(ctx, dest)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("x")); err != nil {
		return err
	}
	if _, err = conn.Read(make([]byte, 1)); err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	return nil
}

// Refused checks that u is not let in.
func (w *World) Refused(what string, c Credential, dest string) {
	w.t.Helper()
	begin := time.Now()
	if err := w.try(c, dest); err == nil {
		w.t.Errorf("%s: let in", what)
	} else if time.Since(begin) >= patience {
		w.t.Errorf("%s: no answer, only silence: %v", what, err)
	}
}
