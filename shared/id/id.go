// Package id makes and checks the typed, prefixed identifiers that both halves exchange.
//
// An identifier is a three-letter prefix, an underscore and 26 characters of Crockford base32 (lower case) that hold
// 16 bytes: 48 bits of Unix milliseconds and 80 random bits, so ids of one kind sort by creation time.
package id

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// Kind is the prefix that tells what an identifier names.
type Kind string

// The kinds in use; adding one is a line here.
const (
	Tenant     Kind = "tnt"
	Login      Kind = "lgn"
	Session    Kind = "ses"
	Plan       Kind = "pln"
	Subscriber Kind = "sub"
	Device     Kind = "dev"
	Token      Kind = "tok" // of a subscription
	Link       Kind = "lnk" // to one download
	Node       Kind = "nod"
	NodeGroup  Kind = "ngr"
	Ingress    Kind = "ing"
	Cert       Kind = "crt"
	Job        Kind = "job"
	Event      Kind = "evt"
	Entry      Kind = "led"
	Audit      Kind = "aud"
	Request    Kind = "req"
	Lease      Kind = "lse"
	Bulk       Kind = "blk" // operation on many subscribers
)

const bodyLen = 26

var encoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// New returns a fresh identifier of kind k. It panics only if the system's random source fails.
func New(k Kind) string { return newAt(k, time.Now()) }

func newAt(k Kind, at time.Time) string {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], uint64(at.UnixMilli())<<16)
	_, _ = rand.Read(raw[6:]) // crypto/rand.Read never fails; it aborts the program instead
	return string(k) + "_" + encoding.EncodeToString(raw[:])
}

// Check reports whether s is a well-formed identifier of kind k; the error names the rule.
func Check(k Kind, s string) error {
	body, ok := strings.CutPrefix(s, string(k)+"_")
	if !ok {
		return fmt.Errorf("must start with %q", string(k)+"_")
	}
	if len(body) != bodyLen {
		return fmt.Errorf("must have %d characters after the prefix, has %d", bodyLen, len(body))
	}
	if _, err := encoding.DecodeString(body); err != nil {
		return fmt.Errorf("must be lower-case Crockford base32 after the prefix")
	}
	return nil
}

// Valid reports whether s is a well-formed identifier of kind k.
func Valid(k Kind, s string) bool { return Check(k, s) == nil }
