package pg

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql/driver"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// rolePassword derives a serving role's password: nobody has to keep it, and it never travels in configuration.
func rolePassword(key []byte, role string) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("postgres role " + role))
	return hex.EncodeToString(h.Sum(nil))
}

type arrayScanner[T any] struct{ dst *[]T }

// Scan implements sql.Scanner for one-dimensional arrays.
func (a arrayScanner[T]) Scan(src any) error {
	var text []byte
	switch v := src.(type) {
	case nil:
		*a.dst = nil
		return nil
	case string:
		text = []byte(v)
	case []byte:
		text = v
	default:
		return fmt.Errorf("array: cannot read %T", src)
	}
	var zero T
	m := pgtype.NewMap()
	switch any(zero).(type) {
	case string:
		return m.Scan(pgtype.TextArrayOID, pgtype.TextFormatCode, text, a.dst)
	case int64:
		return m.Scan(pgtype.Int8ArrayOID, pgtype.TextFormatCode, text, a.dst)
	}
	return fmt.Errorf("array: no mapping for %T", zero)
}

// quiet is GORM's logger: errors travel as values, so that a failed batch does not print its data.
type quiet struct{ log *slog.Logger }

func (q quiet) LogMode(logger.LogLevel) logger.Interface { return q }
func (q quiet) Info(context.Context, string, ...any)     {}
func (q quiet) Warn(context.Context, string, ...any)     {}
func (q quiet) Error(context.Context, string, ...any)    {}

const slow = 500 * time.Millisecond

// Trace logs slow statements by their text, which holds placeholders and no values.
func (q quiet) Trace(ctx context.Context, begin time.Time, fc func() (string, int64), err error) {
	took := time.Since(begin)
	if q.log == nil || took < slow || errors.Is(err, gorm.ErrRecordNotFound) {
		return
	}
	text, rows := fc()
	if len(text) > 300 {
		text = text[:300] + "…"
	}
	q.log.WarnContext(ctx, "slow statement", "sql", text, "rows", rows, "took", took)
}

// ParamsFilter hides values from logged statements.
func (q quiet) ParamsFilter(_ context.Context, query string, _ ...any) (string, []any) {
	return query, nil
}

// Strings is a text[] column.
type Strings []string

// Scan implements sql.Scanner.
func (s *Strings) Scan(src any) error { return arrayScanner[string]{(*[]string)(s)}.Scan(src) }

// Value implements driver.Valuer; nil is stored as an empty array.
func (s Strings) Value() (driver.Value, error) {
	if s == nil {
		s = Strings{}
	}
	b, err := pgtype.NewMap().Encode(pgtype.TextArrayOID, pgtype.TextFormatCode, []string(s), nil)
	return string(b), err
}

// MarshalJSON writes an empty list as [], never as null.
func (s Strings) MarshalJSON() ([]byte, error) {
	if s == nil {
		return []byte("[]"), nil
	}
	return json.Marshal([]string(s))
}

// GormDataType implements schema.GormDataTypeInterface.
func (Strings) GormDataType() string { return "text[]" }
