package protocol

import (
	"encoding/json"
	"errors"
	"testing"

	"culvert/shared/nodeapi"
)

func TestEveryKindIsWhole(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, k := range Kinds() {
		t.Run(k.Name, func(t *testing.T) {
			if seen[k.Name] {
				t.Fatal("listed twice")
			}
			seen[k.Name] = true
			if k.Network != TCP && k.Network != UDP && k.Network != Both {
				t.Errorf("network %q", k.Network)
			}
			if k.Options == nil {
				t.Error("no type of its options: the API cannot describe them")
			}
			if got, ok := Lookup(k.Name); !ok || got.Name != k.Name {
				t.Errorf("Lookup = %q, %v", got.Name, ok)
			}
			once, err := k.Normalize(json.RawMessage(`{}`))
			if err != nil {
				if path, _ := nodeapi.AsField(err); path == "" {
					t.Errorf("options that leave out a choice must be told which: %v", err)
				}
				return
			}
			twice, err := k.Normalize(once)
			if err != nil || string(once) != string(twice) {
				t.Errorf("normalizing twice: %s then %s, %v", once, twice, err)
			}
			_ = k.NeedsCertificate(once)
		})
	}
}

func TestUnknownOptionsNameTheirField(t *testing.T) {
	t.Parallel()
	for _, k := range Kinds() {
		_, err := k.Normalize(json.RawMessage(`{"no_such_option":1}`))
		var fe *nodeapi.FieldError
		if !errors.As(err, &fe) || fe.Path != "no_such_option" {
			t.Errorf("%s: error %v names no field no_such_option", k.Name, err)
		}
	}
	if _, ok := Lookup("gopher"); ok {
		t.Error("an unknown kind was found")
	}
}
