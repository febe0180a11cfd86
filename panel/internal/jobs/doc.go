// Package jobs runs work in the background over asynq; it is the panel's only importer of it. Two kinds of work meet here.
//
// Panel work: the dispatcher takes rows from the outbox and puts them into the queue "panel"; handlers registered by kind
// get them in batches. The outbox owns retries: a task here either finishes its rows or opens them again, and no handler's
// error is lost. Redis may vanish with everything in it: rows that nobody finished are sent again.
//
// Node jobs: a job is a row first, then a signed task in the node's own queue, node:<id>. The row says what became of it:
//
//	queued --sent--> sent --result--> done | failed
//	   ^              |  \--nobody answered in time--> expired
//	   '--Redis lost it: next attempt
//
// A node answers over its own API, never through Redis. The task may arrive twice; the node remembers ids.
//
// The Lua scripts of asynq lie in scripts/, taken from the source of the version in go.mod by `go generate` and compared
// by a test: nodes may not load scripts, so the gateway preloads exactly these and knows what keys each may name.
package jobs
