// Package e2e starts Culvert as `make run` does, in a temporary directory, and drives it from outside: access keys over
// HTTP, clients that we did not write over the protocols. Its tests hold the ledger against bytes counted by the target.
package e2e
