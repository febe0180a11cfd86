// Package subscriber owns end users: who they are, what they may use, what opens the door for them, and their life.
//
// States:
//
//	on_hold --first use--> active <--reset, grant, higher limit-- limited
//	   |                    | ^ \--traffic limit reached----------^
//	   |deadline            | |
//	   v                    | \--new expiry-- expired <--expiry instant-- active, limited
//	expired                 v
//	                     suspended (by people or billing; remembers nothing: unsuspend settles the state anew)
//
// Only active and on_hold subscribers may connect. Every change is one transaction: rule, row, audit record, outbox event;
// nodes and webhooks follow from the event. Deleting leaves the ledger and a stub that late reports are booked on.
//
// Credentials: a password (chosen or generated) for protocols with a user name, and a generated secret for each protocol
// family without. The clear text is sealed; nodes get a PBKDF2 verifier. A password alone opens Hysteria only if no other
// subscriber of the installation had it when it was set.
package subscriber
