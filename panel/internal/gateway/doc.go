// Package gateway is where nodes meet the panel: one port, TLS 1.3, client certificates of our own CA.
//
// ALPN picks the service: "h2" is the node API of shared/nodeapi, "culvert-queue" the filtering pipe to Redis
// (redispipe). Only enrolment works without a certificate, and a connection without one lives for seconds. A certificate
// that is refused gets the reason in words, over the protocol that was asked for: the TLS layer itself cannot say more
// than an alert.
//
// Who is let in is looked up once a connection and kept true: a notification about a node (pg.ChannelNode) has its
// connections checked at once, and once a second all of them are. The held stream of each node hears of a new revision
// through one shared LISTEN on pg.ChannelRevision, so that an apply never waits for a poll.
//
// Everything is bounded per node: connections, requests a second and at once, sizes, time to read and to write. The
// newest connection wins over the oldest, so that what a cut network left behind locks nobody out.
package gateway
