// Package control is the node's line to the panel: the client of the node API, and the asynq worker behind the queue pipe.
//
// Everything here may fail for days: the node serves without it. Each concern is a loop of its own that waits for a
// wake-up or a tick, tries, and backs off with jitter:
//
//	stream   hello, then the held stream: heartbeats up, the wanted revision down
//	syncer   fetch -> engine -> acknowledge; woken by stream, jobs and a slow comparison
//	uploader reports out of the spool, in order, deleted when the panel has them; allowances passed on
//	leases   asks for slices before metered subscribers run out
//	renewer  a fresh certificate after two thirds of the old one's life
//	worker   jobs from the node's own queue; results go over the node API
//
// The node's identity is one file, mode 0600; the private key never leaves the node. Jobs are believed because they are
// signed, not because of the queue they came through.
package control
