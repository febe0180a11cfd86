// Package redispipe lets a node's asynq worker reach its own queue in Redis, and nothing else.
//
// Three walls stand behind each other, because any one of them alone has a door. Redis's ACL holds the node's user to the
// keys of its own queue, inside scripts too, but RESET, AUTH and HELLO bypass ACLs. So the pipe parses every request and
// passes only what asynq's server sends: PING, HELLO without AUTH, SUBSCRIBE to the cancel channel, ZADD XX on the node's
// lease, and EVALSHA of scripts that the panel preloaded, with keys of exactly the shape each script expects; a node that
// names anything else loses the connection. Requests are written to Redis from their parsed form, so that there are no two
// opinions about where one ends. And what passes is bounded per node: connections, commands and bytes a second, replies
// under way, time to read them.
//
// The pipe signs in to Redis as the node; the password is derived and never leaves the panel. Users and scripts are
// reconciled every few seconds, so that they outlive a restart, a flush and a fail-over of Redis.
package redispipe
