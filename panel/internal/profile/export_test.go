package profile

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// PolicyAllows reports whether pages may use a style.
func PolicyAllows(style string) bool {
	sum := sha256.Sum256([]byte(style))
	return strings.Contains(PagePolicy(), base64.StdEncoding.EncodeToString(sum[:]))
}

// Notice is the endpoint of a subscriber who may not connect.
func Notice(text string) Endpoint { return notice(text) }
