package secret

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestNeverShown(t *testing.T) {
	t.Parallel()
	const clear = "hunter2-hunter2"
	s := New(clear)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "s", s, "in", struct{ S String }{s})
	j, err := json.Marshal(map[string]any{"s": s})
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprintf("%v %+v %#v %s %q %x %d", s, s, s, s, s, s, s) +
		fmt.Sprintf("%v %+v %#v", struct{ S String }{s}, &s, []String{s}) + log.String() + string(j)
	if strings.Contains(all, clear) || strings.Contains(all, fmt.Sprintf("%x", clear)) {
		t.Fatalf("the secret leaked: %s", all)
	}
	if s.Reveal() != clear {
		t.Fatal("Reveal lost the text")
	}
}

func TestUnmarshalAndEqual(t *testing.T) {
	t.Parallel()
	var s String
	if err := json.Unmarshal([]byte(`"abc"`), &s); err != nil {
		t.Fatal(err)
	}
	if !s.Equal(New("abc")) || s.Equal(New("abd")) || s.Empty() || !New("").Empty() {
		t.Fatal("Equal or Empty is wrong")
	}
}
