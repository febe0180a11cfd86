// Package migrations holds the forward-only SQL of the database. schema.sql is what the migrations must produce; a test
// in panel/internal/pg replays them and compares.
package migrations

import "embed"

// FS holds the migrations in goose's format.
//
//go:embed 0*.sql
var FS embed.FS
