package main

import (
	"bytes"
	"os"
	"testing"
)

// The web app's types are made from web/openapi.json: it is what this tree's panel serves.
func TestDocumentOfTheWebAppIsFresh(t *testing.T) {
	t.Parallel()
	want, err := document(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile("../../../../web/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want) {
		t.Error("web/openapi.json is stale: make gen")
	}
}
