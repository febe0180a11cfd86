// Package hestia serves the command API that billing systems know from Hestia: one endpoint, POST /api/, that runs
// commands such as v-add-user, and the same commands on the command line. The contract is hestia-api.md; where it leaves
// a choice, this is ours:
//
//   - Commands are a registry: a file a group, a line a command. Help, permission checks, v-list-commands, v-list-apis and
//     documentation come from the lines. A command without an owner argument cannot be in a set that a subscriber's key
//     may have; New refuses to start otherwise.
//   - A caller is checked in this order: rate, tenant's switch, address, key, command syntax, command and permission,
//     owner suspended, level of the API, owner argument. Nobody learns about commands before they have proved a key.
//   - The tenant is the key's. Its owner is Hestia's root user; its subscribers are Hestia's users; plans are packages.
//     Scope is applied by the database, not by comparing arguments.
//   - A write under an Idempotency-Key is run once; its answer is kept, sealed, for 24 hours.
//   - An argument whose number is missing counts as an empty one and never shifts; an empty optional argument means its
//     default. PACKAGE of v-add-user is the exception that Hestia makes: sent empty, it names no package.
package hestia
