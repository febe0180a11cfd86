package nodeapi_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"culvert/shared/nodeapi"
)

var update = flag.Bool("update", false, "rewrite testdata from the samples")

const (
	node    = "nod_06h01d0000000000000000000a"
	sub     = "sub_06h01d0000000000000000000b"
	ing     = "ing_06h01d0000000000000000000c"
	cert    = "crt_06h01d0000000000000000000d"
	job     = "job_06h01d0000000000000000000e"
	session = "ses_06h01d0000000000000000000f"
)

func bytesOf(n int, b byte) []byte { return bytes.Repeat([]byte{b}, n) }

// samples are one document of each kind, with every field set. What they look like on the wire is in testdata, which both
// halves must be able to read for ever.
func samples() map[string]any {
	key := nodeapi.JobKey{ID: "jk_1", Public: bytesOf(32, 7)}
	row := nodeapi.Subscriber{
		ID: sub, Name: "ann", Realm: "acme", Enabled: false, Reason: "suspended", Expires: 1795305600, Protocols: []string{"hysteria2", "socks5"},
		Metered: true, Period: 3, SpeedUp: 10_000_000, SpeedDown: 50_000_000, Devices: 2, Generation: 4,
		Password:   &nodeapi.Verifier{Salt: bytesOf(16, 1), Iterations: 4096, Hash: bytesOf(32, 2)},
		PasswordID: bytesOf(32, 3),
		Secrets:    []nodeapi.Secret{{Family: "hysteria2", SHA256: bytesOf(32, 4)}, {Family: "shadowsocks", Clear: "c2VjcmV0"}},
	}
	peer := nodeapi.Peer{Device: "dev_06h01d0000000000000000000g", PublicKey: bytesOf(32, 8), PresharedKey: bytesOf(32, 9), Number: 2, Ingress: ing}
	withPeer := nodeapi.Subscriber{ID: sub, Name: "ann", Enabled: true, Protocols: []string{"wireguard"}, Generation: 5, Peers: []nodeapi.Peer{peer}}
	enabled := nodeapi.Subscriber{ID: sub, Name: "ann", Enabled: true, Protocols: []string{}, Generation: 5}
	settings := nodeapi.Settings{
		ReportIntervalMS: 5000, HeartbeatIntervalMS: 5000, PollIntervalMS: 200, CompareIntervalMS: 60000, PasswordSalt: bytesOf(32, 5),
		JobKeys: []nodeapi.JobKey{key}, BlockPrivate: true, BlockPorts: []uint16{25},
	}
	newer := settings
	newer.DropOldest = true
	ingresses := []nodeapi.Ingress{{ID: ing, Kind: "hysteria2", Name: "hy", Listen: ":443", Certificate: cert, Options: json.RawMessage(`{"up":100}`)}}
	certs := []nodeapi.Certificate{{ID: cert, Chain: "PEM", Key: "PEM"}}
	use := nodeapi.SliceUse{Subscriber: sub, Period: 3, Spent: 1000}
	grant := nodeapi.Allowance{Subscriber: sub, Period: 3, Granted: 5000, Exhausted: true}
	return map[string]any{
		"enrol_request":  &nodeapi.EnrolRequest{Token: "cvt_x", CSR: "PEM", Version: "1.0", Capability: 1},
		"enrol_response": &nodeapi.EnrolResponse{Node: node, Certificate: "PEM", CA: "PEM", JobKeys: []nodeapi.JobKey{key}},
		"renew_request":  &nodeapi.RenewRequest{CSR: "PEM"},
		"renew_response": &nodeapi.RenewResponse{Certificate: "PEM", CA: "PEM"},
		"hello": &nodeapi.Hello{
			Version: "1.0", Capability: 1, OS: "linux", Arch: "amd64", Kinds: []string{"socks5"}, Epoch: 7, Revision: 12, Hash: "ab", Clock: 1795305600000,
		},
		"hello_response": &nodeapi.HelloResponse{Node: node, Capability: 1, Wanted: 13, Clock: 1795305600000},
		"agent_frame":    &nodeapi.AgentFrame{Applied: 12, Sessions: 3, Spooled: 1, Clock: 1795305600000, Fault: "spool: disk full"},
		"panel_frame":    &nodeapi.PanelFrame{Wanted: 13, Clock: 1795305600000},
		"update_full": &nodeapi.Update{
			Node: node, Revision: 12, Hash: "ab", Capability: 1, Settings: &settings, Ingresses: &ingresses, Certificates: &certs, Subscribers: []nodeapi.Subscriber{row},
		},
		"update_delta": &nodeapi.Update{Node: node, Base: 12, Revision: 13, Hash: "cd", Capability: 1, Subscribers: []nodeapi.Subscriber{enabled}, Removed: []string{sub}},
		"update_peers": &nodeapi.Update{Node: node, Base: 12, Revision: 13, Hash: "cd", Capability: 2, Settings: &newer, Subscribers: []nodeapi.Subscriber{withPeer}},
		"report_device": &nodeapi.Report{
			Epoch: 7, Seq: 2, From: 1795305600000, To: 1795305605000, Usage: []nodeapi.Usage{},
			Sessions: []nodeapi.SessionRecord{{ID: session, Subscriber: sub, Ingress: ing, Kind: "wireguard", Source: "203.0.113.7", Device: peer.Device, Opened: 1795305600000, Endpoint: "203.0.113.7:51820", Handshake: 1795305600000, RateUp: 8000, RateDown: 16000}},
		},
		"admit_request": &nodeapi.AdmitRequest{
			Ask: []nodeapi.DeviceUse{{Subscriber: sub, Device: "socks5 203.0.113.7"}}, Held: []nodeapi.DeviceUse{{Subscriber: sub, Device: peer.Device}},
			Gone: []nodeapi.DeviceUse{{Subscriber: sub, Device: "http 2001:db8::/64"}},
		},
		"admit_response": &nodeapi.AdmitResponse{Refused: []nodeapi.DeviceUse{{Subscriber: sub, Device: "socks5 203.0.113.7"}}},
		"ack_applied":    &nodeapi.Ack{Revision: 12, Hash: "ab", Applied: true},
		"ack_refused":    &nodeapi.Ack{Revision: 12, Hash: "ab", Path: "ingresses[0].listen", Reason: "port 443 is taken"},
		"report": &nodeapi.Report{
			Epoch: 7, Seq: 1, From: 1795305600000, To: 1795305605000, Unclean: true,
			Usage: []nodeapi.Usage{{Subscriber: sub, Ingress: ing, Exit: "direct", Period: 3, Up: 10, Down: 20}},
			Sessions: []nodeapi.SessionRecord{{
				ID: session, Subscriber: sub, Ingress: ing, Kind: "hysteria2", Source: "203.0.113.7", Opened: 1795305600000, Closed: 1795305604000,
				Cause: "kicked", Up: 10, Down: 20,
			}},
			Slices: []nodeapi.SliceUse{use},
		},
		"report_ack":           &nodeapi.ReportAck{Epoch: 7, Seq: 1, Allowances: []nodeapi.Allowance{grant}},
		"lease_request":        &nodeapi.LeaseRequest{Slices: []nodeapi.SliceUse{use}},
		"lease_response":       &nodeapi.LeaseResponse{Allowances: []nodeapi.Allowance{grant}},
		"job":                  &nodeapi.Job{ID: job, Node: node, Kind: "kick", Expires: 1795305600, Args: json.RawMessage(`{"subscriber":"` + sub + `"}`), Key: "jk_1", Signature: bytesOf(64, 6)},
		"job_result":           &nodeapi.JobResult{ID: job, OK: true, Output: json.RawMessage(`{"ended":2}`)},
		"job_result_failed":    &nodeapi.JobResult{ID: job, Error: "port is taken"},
		"problem":              &nodeapi.Problem{Code: nodeapi.CodeInvalid, Message: "must be at least 1", Path: "seq", Clock: 1795305600000},
		"args_apply":           &nodeapi.ApplyArgs{Revision: 13},
		"args_kick":            &nodeapi.KickArgs{Subscriber: sub, Session: session, Ingress: ing, Source: "203.0.113.7"},
		"args_check_ports":     &nodeapi.CheckPortsArgs{Ports: []nodeapi.Port{{Network: "udp", Listen: ":443"}}},
		"args_probe":           &nodeapi.ProbeArgs{Targets: []string{"example.com:443"}, TimeoutMS: 2000},
		"args_restart_ingress": &nodeapi.RestartIngressArgs{Ingress: ing},
		"args_upgrade":         &nodeapi.UpgradeArgs{Version: "1.1"},
		"args_log_tail":        &nodeapi.LogTailArgs{Lines: 50},
		"args_drain":           &nodeapi.DrainArgs{GraceMS: 60000},
		"args_drain_resume":    &nodeapi.DrainArgs{Resume: true},
		"out_apply":            &nodeapi.ApplyResult{Revision: 13, Hash: "cd"},
		"out_kick":             &nodeapi.KickResult{Ended: 2},
		"out_check_ports":      &nodeapi.CheckPortsResult{Ports: []nodeapi.PortState{{Port: nodeapi.Port{Network: "udp", Listen: ":443"}, Ours: true, Reason: "taken by an ingress of this node"}, {Port: nodeapi.Port{Network: "tcp", Listen: ":1080"}, Free: true}}},
		"out_probe":            &nodeapi.ProbeResult{Targets: []nodeapi.ProbeState{{Target: "example.com:443", OK: true, Address: "203.0.113.9:443", TookMS: 12, Error: "-"}}},
		"out_collect":          &nodeapi.CollectResult{Pending: 1},
		"out_diagnose": &nodeapi.DiagnoseResult{
			Version: "1.0", OS: "linux", Arch: "amd64", Kinds: []string{"socks5"}, Epoch: 7, Revision: 12, Hash: "ab", Sessions: 3, Spooled: 1, Fault: "-",
			UptimeMS: 1000, Clock: 1795305600000, SkewMS: -3, Goroutines: 40, HeapBytes: 1 << 20, Connected: true,
		},
		"out_log_tail": &nodeapi.LogTailResult{Lines: []string{"level=INFO msg=x"}},
		"out_drain":    &nodeapi.DrainResult{Cut: 3},
	}
}

func TestGolden(t *testing.T) { //nolint:paralleltest // -update writes files
	seen := map[string]bool{}
	for name, doc := range samples() {
		file := filepath.Join("testdata", name+".json")
		seen[file] = true
		want, err := json.MarshalIndent(doc, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, '\n')
		if *update {
			if err := os.WriteFile(file, want, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		stored, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
			continue
		}
		if !bytes.Equal(stored, want) {
			t.Errorf("%s is not what this build writes; a change of the language needs a new Capability and a note (PROTOCOL.md)", file)
		}
		back := reflect.New(reflect.TypeOf(doc).Elem()).Interface()
		if err := nodeapi.DecodeStrict(bytes.NewReader(stored), nodeapi.MaxBody, back); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if again, err := json.MarshalIndent(back, "", "  "); err != nil || !bytes.Equal(append(again, '\n'), want) {
			t.Errorf("%s does not survive reading and writing: %v", file, err)
		}
	}
	files, err := filepath.Glob("testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !seen[f] {
			t.Errorf("%s has no sample", f)
		}
	}
}

// Every exported field of every document is set in some sample: a field that nobody set is a field nobody tested.
func TestSamplesAreComplete(t *testing.T) {
	t.Parallel()
	empty := map[string]bool{}
	for _, doc := range samples() {
		visit(reflect.ValueOf(doc).Elem(), empty)
	}
	for field, e := range empty {
		if e && !strings.HasPrefix(field, "Job") { // Error and Output exclude each other
			t.Errorf("%s is empty in every sample", field)
		}
	}
}

func visit(v reflect.Value, empty map[string]bool) {
	switch v.Kind() { //nolint:exhaustive // the rest are leaves
	case reflect.Pointer:
		if !v.IsNil() {
			visit(v.Elem(), empty)
		}
	case reflect.Slice:
		for i := range v.Len() {
			visit(v.Index(i), empty)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			name := v.Type().Name() + "." + v.Type().Field(i).Name
			if was, known := empty[name]; !known || was {
				empty[name] = v.Field(i).IsZero()
			}
			visit(v.Field(i), empty)
		}
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{"update_full": true, "update_delta": true} {
		u, _ := samples()[name].(*nodeapi.Update)
		if err := u.Validate(); (err == nil) != ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	for want, change := range map[string]func(*nodeapi.Update){
		"node":                           func(u *nodeapi.Update) { u.Node = "x" },
		"revision":                       func(u *nodeapi.Update) { u.Revision = 0 },
		"capability":                     func(u *nodeapi.Update) { u.Capability = 0 },
		"base":                           func(u *nodeapi.Update) { u.Ingresses = nil },
		"settings.poll_interval_ms":      func(u *nodeapi.Update) { u.Settings.PollIntervalMS = 1 },
		"settings.password_salt":         func(u *nodeapi.Update) { u.Settings.PasswordSalt = nil },
		"settings.job_keys[0]":           func(u *nodeapi.Update) { u.Settings.JobKeys[0].Public = nil },
		"ingresses[0].listen":            func(u *nodeapi.Update) { (*u.Ingresses)[0].Listen = "host:1" },
		"ingresses[0].id":                func(u *nodeapi.Update) { (*u.Ingresses)[0].ID = "" },
		"ingresses[0].kind":              func(u *nodeapi.Update) { (*u.Ingresses)[0].Kind = "" },
		"subscribers[0].id":              func(u *nodeapi.Update) { u.Subscribers[0].ID = "" },
		"subscribers[0].name":            func(u *nodeapi.Update) { u.Subscribers[0].Name = "" },
		"subscribers[0].reason":          func(u *nodeapi.Update) { u.Subscribers[0].Reason = "" },
		"subscribers[0]":                 func(u *nodeapi.Update) { u.Subscribers[0].Devices = -1 },
		"subscribers[0].password":        func(u *nodeapi.Update) { u.Subscribers[0].Password.Hash = nil },
		"subscribers[0].password_id":     func(u *nodeapi.Update) { u.Subscribers[0].PasswordID = []byte{1} },
		"subscribers[0].secrets[0]":      func(u *nodeapi.Update) { u.Subscribers[0].Secrets[0].Clear = "both" },
		"subscribers[0].protocols":       func(u *nodeapi.Update) { u.Subscribers[0].Protocols[0] = "" },
		"removed[0]":                     func(u *nodeapi.Update) { u.Removed = []string{"x"} },
		"settings.report_interval_ms":    func(u *nodeapi.Update) { u.Settings.ReportIntervalMS = 0 },
		"settings.compare_interval_ms":   func(u *nodeapi.Update) { u.Settings.CompareIntervalMS = 1 << 40 },
		"settings.heartbeat_interval_ms": func(u *nodeapi.Update) { u.Settings.HeartbeatIntervalMS = -1 },
	} {
		u, _ := samples()["update_full"].(*nodeapi.Update)
		change(u)
		if path, _ := nodeapi.AsField(u.Validate()); path != want {
			t.Errorf("%s: refused for %q", want, path)
		}
	}
}
