package api

import "culvert/panel/internal/api/rest"

const tagAuth = "auth"

// The shapes of this surface, under short names.
type (
	none        = rest.None
	one[T any]  = rest.One[T]
	bare[T any] = rest.Bare[T]
	page[T any] = rest.Page[T]
	file        = rest.File
	secretInput = rest.SecretInput

	// ByID is a request that names an object.
	ByID = rest.ByID
	// Matched is a request that may insist on a version.
	Matched = rest.Matched
	// Paged is a request for a page.
	Paged = rest.Paged
	// Nullable tells absent from null and from a value.
	Nullable[T any] = rest.Nullable[T]
)
