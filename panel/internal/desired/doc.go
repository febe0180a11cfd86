// Package desired compiles rows into one numbered document per node.
//
// Sections (settings, ingresses, certificates) are small and sent whole; subscribers travel as a delta. For each node and
// subscriber the compiled row, its digest and the revision in which it last changed are kept, removed ones as
// tombstones, so one changed subscriber among 50,000 costs one row on the wire and one row here. Compiling is pure
// (compile.go); this package decides what to compile again, under a lock on the node's row, and never publishes a
// revision whose content is the same.
//
//	event -> Handle -> lock desired_state of the nodes, in order -> compile -> differs? -> revision+1, notify
//	agent -> Write(since, hash) -> delta from since, or everything when since is unknown to us
//	agent -> Ack(applied | refused path reason) -> node row, visible in the API
package desired
