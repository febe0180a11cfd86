package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hibiken/asynq"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/pg"
	"culvert/shared/logging"
	"culvert/shared/nodeapi"
)

func (n *Nodes) poke() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

func (n *Nodes) loop(ctx context.Context) error {
	look := time.NewTicker(lookAfter)
	defer look.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		case <-n.wake:
			wait(ctx, firstPause)
		}
		err := n.attend(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			n.log.WarnContext(ctx, "jobs of nodes wait", logging.KeyErr, err)
		}
		failing = err != nil
	}
}

// attend looks after jobs without an answer: those past their time expire, those whose task is gone are sent again.
func (n *Nodes) attend(ctx context.Context) error {
	if err := n.expire(ctx); err != nil {
		return err
	}
	var open []Job
	err := n.db.InSystem(ctx, func(tx *pg.Tx) error {
		open = open[:0]
		return tx.Query(ctx, `SELECT `+jobColumns+` FROM job WHERE finished_at IS NULL AND expires_at > $1 AND (state = 'queued' OR
			created_at + attempt * make_interval(secs => $2) < $1) ORDER BY created_at LIMIT $3`,
			[]any{tx.Now, askAgain.Seconds(), resendBatch}, func(r pg.Row) error {
				j, err := scanJob(r)
				open = append(open, j)
				return err
			})
	})
	if err != nil {
		return err
	}
	var failed error
	for i := range open {
		j := &open[i]
		if j.State == Sent {
			// A node may spoil its own queue: what cannot be read is gone, and holds up no other node's jobs.
			alive, err := n.alive(j)
			if err != nil {
				n.log.WarnContext(ctx, "task of a job cannot be read", "job", j.ID, "node", j.Node, "error", err)
			}
			if alive {
				continue
			}
		}
		if err := n.send(ctx, j); err != nil {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// alive reports whether the task of j's present attempt is still on its way.
func (n *Nodes) alive(j *Job) (bool, error) {
	t, err := n.inspect.GetTaskInfo(NodeQueue(j.Node), taskID(j))
	if errors.Is(err, asynq.ErrQueueNotFound) || errors.Is(err, asynq.ErrTaskNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for job %s: %w", j.ID, err)
	}
	waiting := []asynq.TaskState{asynq.TaskStatePending, asynq.TaskStateActive, asynq.TaskStateScheduled, asynq.TaskStateRetry}
	return slices.Contains(waiting, t.State), nil
}

// expire ends jobs that nobody answered, and takes their tasks out of the queues of nodes that may never come back.
func (n *Nodes) expire(ctx context.Context) error {
	var gone []Job
	err := n.db.InSystem(ctx, func(tx *pg.Tx) error {
		gone = gone[:0]
		var late []string
		err := tx.Query(ctx, "SELECT "+jobColumns+" FROM job WHERE finished_at IS NULL AND expires_at < $1 ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED",
			[]any{tx.Now, resendBatch}, func(r pg.Row) error {
				j, err := scanJob(r)
				if spec, ok := nodeapi.LookupJob(j.Kind); !ok || tx.Now.After(j.Expires.Add(spec.Limit+answerSlack)) {
					gone, late = append(gone, j), append(late, j.ID)
				}
				return err
			})
		if err != nil || len(late) == 0 {
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE job SET state = 'expired', finished_at = $2, error = 'the node did not answer in time' WHERE id = ANY($1)", late, tx.Now)
		return err
	})
	if err != nil {
		return err
	}
	for i := range gone {
		j := &gone[i]
		err := n.inspect.DeleteTask(NodeQueue(j.Node), taskID(j))
		if err != nil && !errors.Is(err, asynq.ErrQueueNotFound) && !errors.Is(err, asynq.ErrTaskNotFound) {
			n.log.DebugContext(ctx, "task of an expired job stays", logging.KeyJob, j.ID, logging.KeyErr, err)
		}
	}
	return nil
}

// QueueView is what Redis says of one queue. A node can leave garbage in its own queue; then Fault tells, and no other
// queue's view suffers.
type QueueView struct {
	Queue     string        `json:"queue"`
	Pending   int           `json:"pending"`
	Active    int           `json:"active"`
	Scheduled int           `json:"scheduled"`
	Retry     int           `json:"retry"`
	Archived  int           `json:"archived"`
	Latency   time.Duration `json:"latency_ns"`
	Bytes     int64         `json:"bytes"`
	Fault     string        `json:"fault,omitempty"`
}

// View looks into the queue of one node, or into the panel's own when node is empty.
func (n *Nodes) View(ctx context.Context, a actor.Actor, node string) (QueueView, error) {
	if err := a.RequireOperator(actor.May(actor.Nodes, actor.Read)); err != nil {
		return QueueView{}, err
	}
	v := QueueView{Queue: panelQueue}
	if node != "" {
		v.Queue = NodeQueue(node)
	}
	err := n.publish(ctx, v.Queue)
	var q *asynq.QueueInfo
	if err == nil {
		q, err = n.inspect.GetQueueInfo(v.Queue)
	}
	switch {
	case err != nil:
		n.log.DebugContext(ctx, "queue cannot be read", "queue", v.Queue, logging.KeyErr, err)
		v.Fault = "the queue cannot be read: Redis is away, or the node left something in it"
	default:
		v.Pending, v.Active, v.Scheduled, v.Retry, v.Archived = q.Pending, q.Active, q.Scheduled, q.Retry, q.Archived
		v.Latency, v.Bytes = q.Latency, q.MemoryUsage
	}
	return v, nil
}
