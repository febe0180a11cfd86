package jobs

import (
	"crypto/sha1" //nolint:gosec // Redis names scripts by their SHA-1
	"embed"
	"encoding/hex"
)

//go:generate go test -run ^TestScriptsAreAsynqs$ -update .

//go:embed scripts/*.lua
var scriptFiles embed.FS

// Script is one Lua script that asynq's server runs, with the shape of its keys. A shape is what follows the queue's
// prefix; "|" separates alternatives, "*" stands for one id, "@" for a date.
type Script struct {
	Name string
	Text string
	Hash string
	Keys []string
	Args []string // shape of arguments that build keys inside the script; empty ones are values
}

// Scripts are all that the server half of asynq needs for tasks that are neither unique nor retained nor aggregated, as
// nodes' jobs are not. (Of aggregation, the recoverer runs one script for every queue.)
func Scripts() []Script {
	list := []Script{
		{Name: "dequeueCmd", Keys: []string{"pending", "paused", "active", "lease"}, Args: []string{"", "t:"}},
		{Name: "doneCmd", Keys: []string{"active", "lease", "t:*", "processed:@", "processed"}},
		{Name: "requeueCmd", Keys: []string{"active", "lease", "pending", "t:*"}},
		{Name: "retryCmd", Keys: []string{"t:*", "active", "lease", "retry", "processed:@", "failed:@", "processed", "failed"}},
		{Name: "archiveCmd", Keys: []string{"t:*", "active", "lease", "archived", "processed:@", "failed:@", "processed", "failed", "t:"}},
		{Name: "forwardCmd", Keys: []string{"scheduled|retry", "pending"}, Args: []string{"", "t:", "", "g:"}},
		{Name: "deleteExpiredCompletedTasksCmd", Keys: []string{"completed"}, Args: []string{"", "t:"}},
		{Name: "reclaimStateAggregationSetsCmd", Keys: []string{"aggregation_sets"}},
		{Name: "listLeaseExpiredCmd", Keys: []string{"lease"}, Args: []string{"", "t:"}},
	}
	for i := range list {
		text, err := scriptFiles.ReadFile("scripts/" + list[i].Name + ".lua")
		if err != nil {
			panic("jobs: an embedded script is always there: " + err.Error())
		}
		sum := sha1.Sum(text) //nolint:gosec // see the import
		list[i].Text, list[i].Hash = string(text), hex.EncodeToString(sum[:])
	}
	return list
}

// NodeQueue is the name of a node's queue; its keys begin with asynq:{node:<id>}:.
func NodeQueue(node string) string { return "node:" + node }

// KeyPrefix is how every key of a queue begins.
func KeyPrefix(queue string) string { return "asynq:{" + queue + "}:" }

// CancelChannel is the one channel asynq's servers listen on.
const CancelChannel = "asynq:cancel"
