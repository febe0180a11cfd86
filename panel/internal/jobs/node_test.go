package jobs_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/jobs"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/tenant"
	"culvert/shared/id"
	"culvert/shared/nodeapi"
)

func (w *world) nodeJobs(t *testing.T, start bool) *jobs.Nodes {
	t.Helper()
	n := jobs.NewNodes(jobs.NodesConfig{DB: w.db, Redis: w.redis.Options(), Keys: jobs.NewKeys(w.db, w.vault), Log: w.log})
	if start {
		if err := n.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = n.Close(context.Background()) })
	return n
}

// pending returns the signed jobs that wait in a node's queue.
func (w *world) pending(t *testing.T, node string) []nodeapi.Job {
	t.Helper()
	ins := asynq.NewInspector(asynq.RedisClientOpt{
		Network: "unix", Addr: w.redis.Options().Addr, Username: w.redis.Options().Username, Password: w.redis.Options().Password,
	})
	defer func() { _ = ins.Close() }()
	list, err := ins.ListPendingTasks(jobs.NodeQueue(node))
	if err != nil {
		return nil // the queue does not exist
	}
	var out []nodeapi.Job
	for _, x := range list {
		out = append(out, decode[nodeapi.Job](t, x.Payload))
	}
	return out
}

func TestJobsAreSignedAndAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n, ctx := w.nodeJobs(t, false), t.Context()
	node, other := w.node(t, "active"), w.node(t, "active")
	j, err := n.Enqueue(ctx, w.op, node, nodeapi.JobLogTail, nodeapi.LogTailArgs{Lines: 10})
	if err != nil {
		t.Fatal(err)
	}
	got := w.pending(t, node)
	if len(got) != 1 || len(w.pending(t, other)) != 0 {
		t.Fatalf("%d tasks in the queue", len(got))
	}
	keys, err := jobs.NewKeys(w.db, w.vault).Public(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := got[0].Verify(node, keys, time.Now()); err != nil {
		t.Errorf("verify: %v", err)
	}
	if err := got[0].Verify(other, keys, time.Now()); err == nil {
		t.Error("another node would take the job")
	}
	if err := n.Store(ctx, other, nodeapi.JobResult{ID: j.ID, OK: true}); !errs.Is(err, errs.Missing) {
		t.Errorf("another node's answer gives %v", err)
	}
	answer := nodeapi.JobResult{ID: j.ID, OK: true, Output: json.RawMessage(`{"lines":["a"]}`)}
	for range 2 {
		if err := n.Store(ctx, node, answer); err != nil {
			t.Fatalf("store: %v", err)
		}
	}
	late := nodeapi.JobResult{ID: j.ID, OK: false, Error: "second thoughts"}
	if err := n.Store(ctx, node, late); err != nil {
		t.Fatal(err)
	}
	back, err := n.Get(ctx, w.op, j.ID)
	if err != nil || back.State != jobs.Done || string(back.Output) != `{"lines": ["a"]}` || back.Finished == nil {
		t.Errorf("job is %+v, %v", back, err)
	}
}

func TestJobArgumentsAndNodesAreChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n, ctx := w.nodeJobs(t, false), t.Context()
	node := w.node(t, "active")
	for name, c := range map[string]struct {
		node, kind string
		args       any
		want       errs.Kind
	}{
		"unknown kind":     {node, "dance", nil, errs.Invalid},
		"kick of nobody":   {node, nodeapi.JobKick, nodeapi.KickArgs{}, errs.Invalid},
		"unknown argument": {node, nodeapi.JobApply, map[string]int{"revison": 3}, errs.Invalid},
		"unknown node":     {id.New(id.Node), nodeapi.JobApply, nil, errs.Missing},
		"waiting node":     {w.node(t, "waiting"), nodeapi.JobApply, nil, errs.State},
		"revoked node":     {w.node(t, "revoked"), nodeapi.JobApply, nil, errs.State},
	} {
		if _, err := n.Enqueue(ctx, w.op, c.node, c.kind, c.args); !errs.Is(err, c.want) {
			t.Errorf("%s gives %v", name, err)
		}
	}
	child, err := (&tenant.Service{DB: w.db}).Create(ctx, w.op, tenant.New{Name: "R", Realm: "rr"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	reseller := actor.Actor{Tenant: child.ID, Home: child.ID, Kind: actor.Login, Name: "r", Permissions: actor.Full()}
	if _, err := n.Enqueue(ctx, reseller, node, nodeapi.JobApply, nil); !errs.Is(err, errs.Denied) {
		t.Errorf("a reseller's job gives %v", err)
	}
	own, err := n.EnqueueFor(ctx, reseller, node, nodeapi.JobKick, nodeapi.KickArgs{Subscriber: id.New(id.Subscriber)})
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := n.Enqueue(ctx, w.op, node, nodeapi.JobCollect, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Get(ctx, reseller, own.ID); err != nil {
		t.Errorf("a reseller does not see its own job: %v", err)
	}
	if _, err := n.Get(ctx, reseller, theirs.ID); !errs.Is(err, errs.Missing) {
		t.Errorf("the operator's job, asked for by a reseller, gives %v", err)
	}
	if list, err := n.List(ctx, w.op, node, "", 10); err != nil || len(list) != 2 || list[0].ID != theirs.ID {
		t.Errorf("list is %v, %v", list, err)
	}
}

func TestJobsSurviveTheLossOfRedis(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n, ctx := w.nodeJobs(t, true), t.Context()
	node := w.node(t, "active")
	sent, err := n.Enqueue(ctx, w.op, node, nodeapi.JobCollect, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.redis.Kill()
	if _, err := n.Enqueue(ctx, w.op, node, nodeapi.JobDiagnose, nil); err != nil {
		t.Fatalf("a job is stored even while Redis is away: %v", err)
	}
	w.redis.Restart()
	eventually(t, 20*time.Second, "the waiting job is sent", func() bool { return len(w.pending(t, node)) >= 1 })
	err = w.db.InSystem(ctx, func(tx *pg.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE job SET created_at = $2 WHERE id = $1", sent.ID, tx.Now.Add(-time.Minute))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, 20*time.Second, "the lost job is sent again", func() bool { return len(w.pending(t, node)) == 2 })
	if v, err := n.View(ctx, w.op, node); err != nil || v.Pending != 2 {
		t.Errorf("view is %+v, %v", v, err)
	}
}

func TestJobsExpire(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n, ctx := w.nodeJobs(t, true), t.Context()
	node := w.node(t, "active")
	j, err := n.Enqueue(ctx, w.op, node, nodeapi.JobCollect, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = w.db.InSystem(ctx, func(tx *pg.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE job SET expires_at = $2 WHERE id = $1", j.ID, tx.Now.Add(-time.Hour))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, 20*time.Second, "the job expires", func() bool {
		back, err := n.Get(ctx, w.op, j.ID)
		return err == nil && back.State == jobs.Expired && back.Error != ""
	})
	eventually(t, 10*time.Second, "its task is gone", func() bool { return len(w.pending(t, node)) == 0 })
}

func TestGarbageInANodesQueueIsItsOwnAffair(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n, ctx := w.nodeJobs(t, false), t.Context()
	bad, good := w.node(t, "active"), w.node(t, "active")
	if _, err := n.Enqueue(ctx, w.op, good, nodeapi.JobCollect, nil); err != nil {
		t.Fatal(err)
	}
	cli := asynqRedis(t, w)
	if err := cli.Do(ctx, "ZADD", jobs.KeyPrefix(jobs.NodeQueue(bad))+"completed", 1, "no-such-task").Err(); err != nil {
		t.Fatal(err)
	}
	if v, err := n.View(ctx, w.op, bad); err != nil || v.Fault == "" {
		t.Errorf("view of the bad queue is %+v, %v", v, err)
	}
	if v, err := n.View(ctx, w.op, good); err != nil || v.Pending != 1 || v.Fault != "" {
		t.Errorf("view of the good queue is %+v, %v", v, err)
	}
}

func TestKeysRotateWithOverlap(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	k, replica := jobs.NewKeys(w.db, w.vault), jobs.NewKeys(w.db, w.vault)
	before, err := k.Public(ctx)
	if err != nil || len(before) != 1 {
		t.Fatalf("%v, %v", before, err)
	}
	if same, err := replica.Public(ctx); err != nil || same[0].ID != before[0].ID {
		t.Fatalf("a second replica has other keys: %v, %v", same, err)
	}
	if err := k.Rotate(ctx, w.op); err != nil {
		t.Fatal(err)
	}
	after, err := k.Public(ctx)
	if err != nil || len(after) != 2 || after[0].ID != before[0].ID {
		t.Fatalf("after rotation: %v, %v", after, err)
	}
	if there, err := replica.Public(ctx); err != nil || len(there) != 2 || there[1].ID != after[1].ID {
		t.Errorf("the replica that handles the rotation tells nodes of %v, %v", there, err)
	}
	if err := k.Rotate(ctx, w.op); !errs.Is(err, errs.State) {
		t.Errorf("a second rotation at once gives %v", err)
	}
	n := jobs.NewNodes(jobs.NodesConfig{DB: w.db, Redis: w.redis.Options(), Keys: k, Log: w.log})
	t.Cleanup(func() { _ = n.Close(context.Background()) })
	node := w.node(t, "active")
	if _, err := n.Enqueue(ctx, w.op, node, nodeapi.JobCollect, nil); err != nil {
		t.Fatal(err)
	}
	if got := w.pending(t, node)[0]; got.Key != before[0].ID {
		t.Errorf("signed by %s, which nodes have not learnt yet", got.Key)
	}
	err = w.db.InSystem(ctx, func(tx *pg.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE installation SET created_at = created_at - interval '1 hour' WHERE name = 'job_key'")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := jobs.NewKeys(w.db, w.vault).Rotate(ctx, w.op); err != nil {
		t.Fatal(err)
	}
	last, err := jobs.NewKeys(w.db, w.vault).Public(ctx)
	if err != nil || len(last) != 2 || last[0].ID != after[1].ID {
		t.Errorf("after the second rotation: %v, %v", last, err)
	}
}

func TestPollInterval(t *testing.T) {
	t.Parallel()
	for nodes, want := range map[int]time.Duration{1: 200 * time.Millisecond, 1000: 200 * time.Millisecond, 10_000: 2 * time.Second} {
		if got := jobs.PollInterval(nodes); got != want {
			t.Errorf("%d nodes poll every %s, want %s", nodes, got, want)
		}
	}
}
