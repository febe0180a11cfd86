package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/shared/id"
	"culvert/shared/logging"
	"culvert/shared/nodeapi"
	"culvert/shared/run"
)

// States of a node job.
const (
	Queued  = "queued"
	Sent    = "sent"
	Done    = "done"
	Failed  = "failed"
	Expired = "expired"
)

// Job is one question or nudge to a node.
type Job struct {
	ID       string          `json:"id"`
	Node     string          `json:"node"`
	Kind     string          `json:"kind"`
	Args     json.RawMessage `json:"args,omitempty"`
	State    string          `json:"state"`
	Attempt  int             `json:"attempt"`
	Error    string          `json:"error,omitempty"`
	Output   json.RawMessage `json:"output,omitempty"`
	Actor    string          `json:"actor"`
	Created  time.Time       `json:"created_at"`
	Expires  time.Time       `json:"expires_at"`
	Finished *time.Time      `json:"finished_at"`
}

// Timing of node jobs.
const (
	lookAfter   = 2 * time.Second
	askAgain    = 10 * time.Second // times the attempt: when a silent job's task is looked for
	resendBatch = 200
	answerSlack = 15 * time.Second
	maxOutput   = 512 << 10
	maxPage     = 500
)

// NodesConfig of node jobs.
type NodesConfig struct {
	DB    *pg.DB
	Redis *redis.Options
	Keys  *Keys
	Log   *slog.Logger
}

// Nodes sends jobs to nodes and keeps what became of them. As a service it resends what Redis lost and gives up on what
// nobody answers.
type Nodes struct {
	*run.Loop
	db      *pg.DB
	keys    *Keys
	log     *slog.Logger
	redis   *redis.Client
	client  *asynq.Client
	inspect *asynq.Inspector
	wake    chan struct{}
}

// NewNodes returns the service.
func NewNodes(c NodesConfig) *Nodes {
	n := &Nodes{db: c.DB, keys: c.Keys, log: c.Log, redis: redis.NewClient(patient(c.Redis)), wake: make(chan struct{}, 1)}
	n.client = asynq.NewClientFromRedisClient(n.redis)
	n.inspect = asynq.NewInspectorFromRedisClient(n.redis)
	n.Loop = run.NewLoop(n.loop)
	return n
}

// Close ends the service.
func (n *Nodes) Close(ctx context.Context) error {
	err := n.Loop.Close(ctx)
	if cerr := n.redis.Close(); cerr != nil && !errors.Is(cerr, redis.ErrClosed) {
		err = errors.Join(err, cerr)
	}
	return err
}

// PollInterval is how often a node looks into its queue, for a fleet of that many: 5,000 looks a second at most.
func PollInterval(nodes int) time.Duration {
	return max(200*time.Millisecond, time.Duration(nodes)*200*time.Microsecond)
}

// Enqueue sends a job on behalf of the operator. It returns once the job is stored; sending it may take longer, when
// Redis is away.
func (n *Nodes) Enqueue(ctx context.Context, a actor.Actor, node, kind string, args any) (*Job, error) {
	if err := a.RequireOperator(actor.May(actor.Nodes, actor.Write)); err != nil {
		return nil, err
	}
	if a.Home != "" {
		a.Tenant = a.Home
	}
	return n.enqueue(ctx, a, node, kind, args, func(ctx context.Context, fn func(*pg.Tx) error) error { return n.db.InTenant(ctx, a.Tenant, fn) })
}

// EnqueueFor sends a job for a caller that checked what a may do, such as a reseller who kicks a subscriber of its own.
// The job belongs to the actor's tenant.
func (n *Nodes) EnqueueFor(ctx context.Context, a actor.Actor, node, kind string, args any) (*Job, error) {
	return n.enqueue(ctx, a, node, kind, args, n.db.InSystem)
}

func (n *Nodes) enqueue(ctx context.Context, a actor.Actor, node, kind string, args any, in func(context.Context, func(*pg.Tx) error) error) (*Job, error) {
	spec, ok := nodeapi.LookupJob(kind)
	if !ok {
		return nil, errs.Bad("kind", "%q is not a kind of job", kind)
	}
	raw, err := marshalArgs(args)
	if err != nil {
		return nil, err
	}
	if err := spec.CheckArgs(raw); err != nil {
		path, rule := nodeapi.AsField(err)
		return nil, errs.Bad(path, "%s", rule)
	}
	j := &Job{ID: id.New(id.Job), Node: node, Kind: kind, Args: raw, State: Queued, Actor: a.Name}
	err = in(ctx, func(tx *pg.Tx) error {
		var status string
		found, err := tx.One(ctx, "SELECT status FROM node WHERE id = $1", []any{node}, &status)
		if err != nil {
			return err
		}
		if !found {
			return errs.NotFound("node", node)
		}
		if status != "active" && status != "suspended" {
			return errs.New(errs.State, "node %s is %s", node, status)
		}
		j.Created, j.Expires = tx.Now, tx.Now.Add(spec.Life)
		if _, err := tx.Exec(ctx, `INSERT INTO job (tenant_id, id, node_id, kind, args, state, actor, created_at, expires_at)
			VALUES ($1, $2, $3, $4, $5::jsonb, 'queued', $6, $7, $8)`,
			a.Tenant, j.ID, node, kind, nullable(raw), j.Actor, j.Created, j.Expires); err != nil {
			return err
		}
		return audit.Record(ctx, tx, a, "job."+kind, "node/"+node, audit.Diff{"job": j.ID})
	})
	if err != nil {
		return nil, err
	}
	if err := n.send(ctx, j); err != nil {
		n.log.WarnContext(ctx, "job waits", logging.KeyJob, j.ID, logging.KeyNode, node, logging.KeyErr, err)
		n.poke()
	}
	return j, nil
}

func marshalArgs(args any) (json.RawMessage, error) {
	if args == nil {
		return nil, nil
	}
	raw, err := json.Marshal(args)
	if err != nil {
		return nil, errs.Bad("args", "cannot be written as JSON")
	}
	return raw, nil
}

func nullable(raw json.RawMessage) any {
	if len(raw) == 0 {
		return nil
	}
	return string(raw)
}

// send claims the next attempt and puts the task into the node's queue. Of several replicas one gets the claim.
func (n *Nodes) send(ctx context.Context, j *Job) error {
	spec, ok := nodeapi.LookupJob(j.Kind)
	if !ok {
		return fmt.Errorf("job %s: kind %s is not known here", j.ID, j.Kind)
	}
	var mine bool
	err := n.db.InSystem(ctx, func(tx *pg.Tx) error {
		rows, err := tx.Exec(ctx, `UPDATE job SET state = 'sent', attempt = attempt + 1
			WHERE id = $1 AND attempt = $2 AND finished_at IS NULL`, j.ID, j.Attempt)
		mine = rows == 1
		return err
	})
	if err != nil || !mine {
		return err
	}
	j.State, j.Attempt = Sent, j.Attempt+1
	if err := n.put(ctx, spec, j); err != nil {
		j.State = Queued
		back := n.db.InSystem(ctx, func(tx *pg.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE job SET state = 'queued' WHERE id = $1 AND attempt = $2 AND finished_at IS NULL", j.ID, j.Attempt)
			return err
		})
		return errors.Join(err, back)
	}
	return nil
}

func (n *Nodes) put(ctx context.Context, spec nodeapi.JobSpec, j *Job) error {
	doc := nodeapi.Job{ID: j.ID, Node: j.Node, Kind: j.Kind, Expires: j.Expires.Unix(), Args: j.Args}
	if err := n.keys.sign(ctx, &doc); err != nil {
		return err
	}
	payload, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("job %s: %w", j.ID, err)
	}
	_, err = n.client.EnqueueContext(ctx, asynq.NewTask(j.Kind, payload), asynq.Queue(NodeQueue(j.Node)), asynq.TaskID(taskID(j)),
		asynq.MaxRetry(spec.Retries), asynq.Timeout(spec.Limit), asynq.Deadline(j.Expires.Add(spec.Limit)))
	if err != nil && !errors.Is(err, asynq.ErrTaskIDConflict) {
		return fmt.Errorf("enqueue job %s: %w", j.ID, err)
	}
	return n.publish(ctx, NodeQueue(j.Node))
}

// publish lists a queue for the inspector. asynq's client does so once in its life, and a Redis that lost everything has
// lost that too.
func (n *Nodes) publish(ctx context.Context, queue string) error {
	return n.redis.SAdd(ctx, "asynq:queues", queue).Err()
}

func taskID(j *Job) string { return fmt.Sprintf("%s.%d", j.ID, j.Attempt) }

// Store takes a node's answer. The same answer again is a no-op; an answer to somebody else's job is not found.
func (n *Nodes) Store(ctx context.Context, node string, r nodeapi.JobResult) error {
	if err := id.Check(id.Job, r.ID); err != nil {
		return errs.Bad("id", "%v", err)
	}
	if len(r.Output) > maxOutput || len(r.Error) > 4096 {
		return errs.Bad("output", "must have at most %d bytes, and the error at most 4096", maxOutput)
	}
	if len(r.Output) > 0 && !json.Valid(r.Output) {
		return errs.Bad("output", "must be valid JSON")
	}
	state := Done
	if !r.OK {
		state = Failed
	}
	return n.db.InSystem(ctx, func(tx *pg.Tx) error {
		rows, err := tx.Exec(ctx, `UPDATE job SET state = $3, error = $4, output = $5::jsonb, finished_at = $6
			WHERE id = $1 AND node_id = $2 AND (finished_at IS NULL OR state = 'expired')`,
			r.ID, node, state, r.Error, nullable(r.Output), tx.Now)
		if err != nil || rows == 1 {
			return err
		}
		known, err := tx.One(ctx, "SELECT 1 FROM job WHERE id = $1 AND node_id = $2", []any{r.ID, node}, new(int))
		if err == nil && !known {
			return errs.NotFound("job", r.ID)
		}
		return err
	})
}

const jobColumns = `id, node_id, kind, coalesce(args::text, ''), state, attempt, error, coalesce(output::text, ''), actor, created_at, expires_at, finished_at`

func scanJob(r pg.Row) (Job, error) {
	var j Job
	var args, output string
	err := r.Scan(&j.ID, &j.Node, &j.Kind, &args, &j.State, &j.Attempt, &j.Error, &output, &j.Actor, &j.Created, &j.Expires, &j.Finished)
	if args != "" {
		j.Args = json.RawMessage(args)
	}
	if output != "" {
		j.Output = json.RawMessage(output)
	}
	return j, err
}

// Get returns a job of the actor's tenants.
func (n *Nodes) Get(ctx context.Context, a actor.Actor, jid string) (*Job, error) {
	out, err := n.query(ctx, a, "id = $1", jid)
	if err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, errs.NotFound("job", jid)
	}
	return &out[0], nil
}

// List lists a node's jobs, newest first, older than the id before when it is given. An empty node means all.
func (n *Nodes) List(ctx context.Context, a actor.Actor, node, before string, limit int) ([]Job, error) {
	if limit < 1 || limit > maxPage+1 { // one more than a page tells whether there is another
		return nil, errs.Bad("limit", "must be between 1 and %d", maxPage)
	}
	return n.query(ctx, a, "($1 = '' OR node_id = $1) AND ($2 = '' OR id < $2) ORDER BY id DESC LIMIT $3", node, before, limit)
}

func (n *Nodes) query(ctx context.Context, a actor.Actor, where string, args ...any) ([]Job, error) {
	if err := a.Require(actor.May(actor.Nodes, actor.Read)); err != nil {
		return nil, err
	}
	out := []Job{}
	err := n.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		out = out[:0]
		return tx.Query(ctx, "SELECT "+jobColumns+" FROM job WHERE "+where, args, func(r pg.Row) error {
			j, err := scanJob(r)
			out = append(out, j)
			return err
		})
	})
	return out, err
}
