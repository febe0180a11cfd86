package registry

import (
	"errors"
	"net/http"
	"strings"

	"culvert/panel/internal/errs"
	"culvert/panel/internal/vault"
)

// Exit codes (hestia-api.md §1.6).
const (
	ExitOK          = 0
	ExitArgs        = 1
	ExitInvalid     = 2
	ExitNotExist    = 3
	ExitExists      = 4
	ExitSuspended   = 5
	ExitUnsuspended = 6
	ExitInUse       = 7
	ExitLimit       = 8
	ExitPassword    = 9
	ExitForbidden   = 10
	ExitDisabled    = 11
	ExitParsing     = 12
	ExitDisk        = 13
	ExitLoad        = 14
	ExitConnect     = 15
	ExitDatabase    = 17
	ExitStatistics  = 18
	ExitAPIDisabled = 21
	ExitNoRequest   = 405 // nothing usable received; also the HTTP status
)

// codeOfKind is the one table from kinds of error to exit codes.
func codeOfKind(k errs.Kind) int {
	switch k {
	case errs.Invalid, errs.Stale:
		return ExitInvalid
	case errs.Denied:
		return ExitForbidden
	case errs.Unauthorized:
		return ExitPassword
	case errs.Missing:
		return ExitNotExist
	case errs.Conflict:
		return ExitExists
	case errs.State:
		return ExitSuspended
	case errs.InUse:
		return ExitInUse
	case errs.Limited:
		return ExitLimit
	case errs.Throttled:
		return ExitLoad
	case errs.Unavailable:
		return ExitDatabase
	case errs.Disabled:
		return ExitDisabled
	case errs.Internal:
	}
	return ExitParsing
}

// coded is an error with an exit code that its kind does not tell.
type coded struct {
	code int
	error
}

// Unwrap gives the error itself.
func (c *coded) Unwrap() error { return c.error }

// WithCode gives an error the exit code that it is to answer.
func WithCode(code int, err error) error {
	if err == nil {
		return nil
	}
	return &coded{code, err}
}

// Verdict turns an error into its exit code and the text for the caller, without "Error: ".
func Verdict(err error) (int, string) {
	message, fields := errs.Public(err)
	if len(fields) > 0 {
		parts := make([]string, len(fields))
		for i, f := range fields {
			parts[i] = "invalid " + f.Name + ": " + f.Rule
		}
		message = strings.Join(parts, "; ")
	}
	var c *coded
	switch {
	case errors.As(err, &c):
		return c.code, message
	case errors.Is(err, vault.ErrSealed):
		return ExitParsing, "a stored value does not open"
	}
	return codeOfKind(errs.KindOf(err)), message
}

// StatusOf maps an exit code to HTTP for answers that are not numbers. There is no 5xx: a CDN would replace the text.
func StatusOf(code int) int {
	switch code {
	case ExitOK:
		return http.StatusOK
	case ExitInvalid:
		return http.StatusUnprocessableEntity
	case ExitSuspended, ExitUnsuspended, ExitPassword, ExitForbidden, ExitAPIDisabled:
		return http.StatusUnauthorized
	case ExitLoad:
		return http.StatusTooManyRequests
	}
	if code >= 100 {
		return code
	}
	return http.StatusBadRequest
}
