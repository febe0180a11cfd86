package nodeapi_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"culvert/shared/nodeapi"
)

func TestSignedJobs(t *testing.T) {
	t.Parallel()
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := []nodeapi.JobKey{{ID: "old", Public: bytesOf(32, 1)}, {ID: "new", Public: pub}}
	now := time.Unix(1_795_305_600, 0)
	signed := func(change func(*nodeapi.Job)) *nodeapi.Job {
		j := &nodeapi.Job{ID: job, Node: node, Kind: "kick", Expires: now.Unix(), Args: json.RawMessage(`{"a": "<b>"}`), Key: "new"}
		j.Sign(priv)
		b, err := json.Marshal(j) // over the wire
		if err != nil {
			t.Fatal(err)
		}
		var back nodeapi.Job
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatal(err)
		}
		change(&back)
		return &back
	}
	for name, c := range map[string]struct {
		change func(*nodeapi.Job)
		at     time.Time
		path   string
	}{
		"good":          {func(*nodeapi.Job) {}, now, ""},
		"last second":   {func(*nodeapi.Job) {}, now.Add(999 * time.Millisecond), ""},
		"expired":       {func(*nodeapi.Job) {}, now.Add(time.Second), "expires"},
		"another node":  {func(j *nodeapi.Job) { j.Node = strings.Replace(node, "a", "b", 1) }, now, "node"},
		"no id":         {func(j *nodeapi.Job) { j.ID = "1" }, now, "id"},
		"other args":    {func(j *nodeapi.Job) { j.Args = json.RawMessage(`{}`) }, now, "signature"},
		"other kind":    {func(j *nodeapi.Job) { j.Kind = "drain" }, now, "signature"},
		"later expiry":  {func(j *nodeapi.Job) { j.Expires++ }, now, "signature"},
		"unknown key":   {func(j *nodeapi.Job) { j.Key = "x" }, now, "signature"},
		"other key":     {func(j *nodeapi.Job) { j.Key = "old" }, now, "signature"},
		"no signature":  {func(j *nodeapi.Job) { j.Signature = nil }, now, "signature"},
		"cut signature": {func(j *nodeapi.Job) { j.Signature = j.Signature[1:] }, now, "signature"},
	} {
		err := signed(c.change).Verify(node, keys, c.at)
		if path, _ := pathOf(err); path != c.path {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func pathOf(err error) (string, string) {
	if err == nil {
		return "", ""
	}
	return nodeapi.AsField(err)
}

func TestJobArguments(t *testing.T) {
	t.Parallel()
	for _, s := range nodeapi.JobSpecs() {
		if s.Limit <= 0 || s.Life <= 0 || s.Retries < 0 {
			t.Errorf("%s has limit %s, life %s, %d retries", s.Kind, s.Limit, s.Life, s.Retries)
		}
		if err := s.CheckArgs(json.RawMessage(`{"surprise":1}`)); err == nil {
			t.Errorf("%s takes an unknown argument", s.Kind)
		}
		if raw, err := json.Marshal(samples()["args_"+s.Kind]); err == nil && string(raw) != "null" {
			if err := s.CheckArgs(raw); err != nil {
				t.Errorf("%s refuses the sample: %v", s.Kind, err)
			}
		}
	}
	for _, c := range []struct{ kind, args, path string }{
		{nodeapi.JobApply, ``, ""},
		{nodeapi.JobApply, `{"revision":-1}`, "args.revision"},
		{nodeapi.JobKick, `{}`, "args"},
		{nodeapi.JobKick, `{"subscriber":"x"}`, "args.subscriber"},
		{nodeapi.JobKick, `{"source":"host"}`, "args.source"},
		{nodeapi.JobCheckPorts, `{"ports":[]}`, "args.ports"},
		{nodeapi.JobCheckPorts, `{"ports":[{"network":"sctp","listen":":1"}]}`, "args.ports[0].network"},
		{nodeapi.JobCheckPorts, `{"ports":[{"network":"tcp","listen":"x"}]}`, "args.ports[0].listen"},
		{nodeapi.JobProbe, `{"targets":["x"]}`, "args.targets[0]"},
		{nodeapi.JobProbe, `{"targets":["x:1"],"timeout_ms":99999}`, "args.timeout_ms"},
		{nodeapi.JobRestartIngress, `{}`, "args.ingress"},
		{nodeapi.JobUpgrade, `{}`, "args.version"},
		{nodeapi.JobLogTail, `{"lines":5000}`, "args.lines"},
		{nodeapi.JobDrain, `{"grace_ms":-1}`, "args.grace_ms"},
		{nodeapi.JobDrain, `{"resume":true,"grace_ms":1}`, "args.grace_ms"},
		{nodeapi.JobDiagnose, `[]`, "args"},
	} {
		s, ok := nodeapi.LookupJob(c.kind)
		if !ok {
			t.Fatalf("no kind %s", c.kind)
		}
		if path, rule := pathOf(s.CheckArgs(json.RawMessage(c.args))); path != c.path {
			t.Errorf("%s %s: %q %s", c.kind, c.args, path, rule)
		}
	}
	if _, ok := nodeapi.LookupJob("dance"); ok {
		t.Error("an unknown kind is known")
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, in        string
		strict, lenient bool
	}{
		{"good", `{"wanted":1,"clock":2}`, true, true},
		{"unknown field", `{"wanted":1,"new":2}`, false, true},
		{"two values", `{} {}`, false, false},
		{"cut", `{"wanted":`, false, false},
		{"too large", `{"wanted":1` + strings.Repeat(" ", 200) + `}`, false, false},
		{"wrong type", `{"wanted":"x"}`, false, false},
		{"empty", ``, false, false},
	} {
		var f nodeapi.PanelFrame
		if err := nodeapi.DecodeStrict(strings.NewReader(c.in), 100, &f); (err == nil) != c.strict {
			t.Errorf("%s, strictly: %v", c.name, err)
		}
		if err := nodeapi.Decode(strings.NewReader(c.in), 100, &f); (err == nil) != c.lenient {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
