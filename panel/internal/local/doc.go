// Package local supervises the private PostgreSQL and Redis of a single-machine installation, and the
// local agent beside them. It is the only place in the panel that starts programs.
//
// What a caller may rely on:
//
//   - The servers listen on unix sockets in a directory that only their own account (and root) can enter;
//     there is no TCP port. PostgreSQL therefore trusts local connections; Redis asks for a password.
//
//   - They run unprivileged. When the panel is root they run as the account "culvert", or "nobody" if there
//     is none; otherwise as the panel's own user. Their directories may lie anywhere, even below a directory
//     that this account cannot enter (/root, a 0700 temporary directory): a child is started inside its
//     directory and is told relative names only.
//
//   - They do not outlive the panel. The kernel signals them when the panel dies, however it dies, and a lock
//     that every process of the server inherits tells the next start when the last one has really gone. So a
//     stale postmaster.pid is recognised without guessing from process ids.
//
//   - A server that dies is started again, with back-off; after too many deaths in a row the supervisor gives
//     up, closes Done and keeps the reason in Err.
//
//     start ── ready ──> up ──died──> waiting (back-off) ──> start
//     │                 │ too often
//     Close             gave up (Done, Err)
package local
