package nodeapitest

import (
	"bufio"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"culvert/shared/nodeapi"
)

func (p *Panel) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(path string, serve func(w http.ResponseWriter, r *http.Request) *nodeapi.Problem) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			p.mu.Lock()
			problem := p.refuse[r.URL.Path]
			p.mu.Unlock()
			if problem == nil && r.URL.Path != nodeapi.PathEnrol && len(r.TLS.PeerCertificates) == 0 {
				problem = &nodeapi.Problem{Code: nodeapi.CodeCertificate, Message: "a node certificate is needed"}
			}
			if problem == nil {
				problem = serve(w, r)
			}
			if problem != nil {
				w.WriteHeader(http.StatusTeapot) // agents look at the code, not at the status
				answer(w, problem)
			}
		})
	}
	handle("POST "+nodeapi.PathEnrol, p.enrol)
	handle("POST "+nodeapi.PathRenew, p.renew)
	handle("POST "+nodeapi.PathHello, p.hello)
	handle("POST "+nodeapi.PathWatch, p.watch)
	handle("GET "+nodeapi.PathState, p.state)
	handle("POST "+nodeapi.PathAck, func(w http.ResponseWriter, r *http.Request) *nodeapi.Problem { return take(p, w, r, &p.acks) })
	handle("POST "+nodeapi.PathResult, func(w http.ResponseWriter, r *http.Request) *nodeapi.Problem { return take(p, w, r, &p.results) })
	handle("POST "+nodeapi.PathReport, p.report)
	handle("POST "+nodeapi.PathLease, p.lease)
	handle("POST "+nodeapi.PathAdmit, p.admit)
	return mux
}

func decode(r *http.Request, v any) *nodeapi.Problem {
	if err := nodeapi.DecodeStrict(r.Body, nodeapi.MaxBody, v); err != nil {
		return &nodeapi.Problem{Code: nodeapi.CodeInvalid, Message: err.Error()}
	}
	return nil
}

func take[T any](p *Panel, w http.ResponseWriter, r *http.Request, list *[]T) *nodeapi.Problem {
	var v T
	if problem := decode(r, &v); problem != nil {
		return problem
	}
	p.mu.Lock()
	*list = append(*list, v)
	p.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (p *Panel) enrol(w http.ResponseWriter, r *http.Request) *nodeapi.Problem {
	var q nodeapi.EnrolRequest
	if problem := decode(r, &q); problem != nil {
		return problem
	}
	if q.Token != Token {
		return &nodeapi.Problem{Code: nodeapi.CodeDenied, Message: "this enrolment token is not valid"}
	}
	chain, problem := p.issue(q.CSR)
	if problem == nil {
		answer(w, nodeapi.EnrolResponse{Node: p.Node, Certificate: chain, CA: p.caPEM(), JobKeys: p.JobKeys()})
	}
	return problem
}

func (p *Panel) renew(w http.ResponseWriter, r *http.Request) *nodeapi.Problem {
	var q nodeapi.RenewRequest
	if problem := decode(r, &q); problem != nil {
		return problem
	}
	chain, problem := p.issue(q.CSR)
	if problem == nil {
		p.mu.Lock()
		p.renewed++
		p.mu.Unlock()
		answer(w, nodeapi.RenewResponse{Certificate: chain, CA: p.caPEM()})
	}
	return problem
}

func (p *Panel) hello(w http.ResponseWriter, r *http.Request) *nodeapi.Problem {
	var h nodeapi.Hello
	if problem := decode(r, &h); problem != nil {
		return problem
	}
	p.mu.Lock()
	p.hellos = append(p.hellos, h)
	p.mu.Unlock()
	answer(w, nodeapi.HelloResponse{Node: p.Node, Capability: nodeapi.Capability, Wanted: p.wanted(), Clock: p.clock()})
	return nil
}

func (p *Panel) clock() int64 { return time.Now().Add(p.Skew).UnixMilli() }

func (p *Panel) wanted() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.update == nil {
		return 0
	}
	return p.update.Revision
}

func (p *Panel) watch(w http.ResponseWriter, r *http.Request) *nodeapi.Problem {
	wake, read := make(chan struct{}, 1), make(chan struct{})
	p.mu.Lock()
	p.streams[wake] = true
	p.mu.Unlock()
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(r.Body); lines.Scan(); {
			var f nodeapi.AgentFrame
			if json.Unmarshal(lines.Bytes(), &f) != nil {
				return
			}
			p.mu.Lock()
			p.beats = append(p.beats, f)
			p.mu.Unlock()
		}
	}()
	ctrl := http.NewResponseController(w)
	defer func() {
		p.mu.Lock()
		delete(p.streams, wake)
		p.mu.Unlock()
		_ = ctrl.SetReadDeadline(time.Unix(1, 0))
		<-read
	}()
	beat := time.NewTicker(p.Heartbeat)
	defer beat.Stop()
	for enc := json.NewEncoder(w); ; {
		if enc.Encode(nodeapi.PanelFrame{Wanted: p.wanted(), Clock: p.clock()}) != nil || ctrl.Flush() != nil {
			return nil
		}
		select {
		case <-r.Context().Done():
			return nil
		case <-read:
			return nil
		case <-wake:
		case <-beat.C:
		}
	}
}

func (p *Panel) state(w http.ResponseWriter, r *http.Request) *nodeapi.Problem {
	since, err := strconv.ParseInt(r.URL.Query().Get("since"), 10, 64)
	if err != nil {
		return &nodeapi.Problem{Code: nodeapi.CodeInvalid, Message: "must be a revision", Path: "since"}
	}
	p.mu.Lock()
	p.fetched = append(p.fetched, r.URL.RawQuery)
	u := p.update
	if u != nil && u.Base != since {
		u = p.full
	}
	if p.update != nil && p.update.Revision <= since {
		u = nil
	}
	p.mu.Unlock()
	if u == nil {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	answer(w, u)
	return nil
}

func (p *Panel) report(w http.ResponseWriter, r *http.Request) *nodeapi.Problem {
	var rep nodeapi.Report
	if problem := decode(r, &rep); problem != nil {
		return problem
	}
	p.mu.Lock()
	p.reports = append(p.reports, rep)
	ack := nodeapi.ReportAck{Epoch: rep.Epoch, Seq: rep.Seq, Allowances: p.grants}
	p.mu.Unlock()
	answer(w, ack)
	return nil
}

func (p *Panel) lease(w http.ResponseWriter, r *http.Request) *nodeapi.Problem {
	var q nodeapi.LeaseRequest
	if problem := decode(r, &q); problem != nil {
		return problem
	}
	p.mu.Lock()
	p.leases = append(p.leases, q)
	out := nodeapi.LeaseResponse{Allowances: p.grants}
	p.mu.Unlock()
	answer(w, out)
	return nil
}

func (p *Panel) admit(w http.ResponseWriter, r *http.Request) *nodeapi.Problem {
	var q nodeapi.AdmitRequest
	if problem := decode(r, &q); problem != nil {
		return problem
	}
	p.mu.Lock()
	p.admits = append(p.admits, q)
	var out nodeapi.AdmitResponse
	for _, u := range slices.Concat(q.Ask, q.Held) {
		if p.without[u] {
			out.Refused = append(out.Refused, u)
		}
	}
	p.mu.Unlock()
	answer(w, out)
	return nil
}

// NoRoom refuses these devices from now on.
func (p *Panel) NoRoom(in ...nodeapi.DeviceUse) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.without = map[nodeapi.DeviceUse]bool{}
	for _, u := range in {
		p.without[u] = true
	}
}

// Put makes u what the panel wants. full is what an agent gets that does not stand at u's base; nil when u is full.
func (p *Panel) Put(u, full *nodeapi.Update) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if full == nil {
		full = u
	}
	p.update, p.full = u, full
	for wake := range p.streams {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
}

// Grant is what every report and lease request is answered with.
func (p *Panel) Grant(a ...nodeapi.Allowance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.grants = a
}

// Refuse answers a path with a problem from now on; nil ends that.
func (p *Panel) Refuse(path string, problem *nodeapi.Problem) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse[path] = problem
}

// Seen is what agents have sent.
type Seen struct {
	Hellos  []nodeapi.Hello
	Beats   []nodeapi.AgentFrame
	Acks    []nodeapi.Ack
	Reports []nodeapi.Report
	Leases  []nodeapi.LeaseRequest
	Admits  []nodeapi.AdmitRequest
	Results []nodeapi.JobResult
	Fetched []string // queries of PathState
	Renewed int
	Streams int // held now
}

// Seen returns a copy of it.
func (p *Panel) Seen() Seen {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Seen{
		slices.Clone(p.hellos), slices.Clone(p.beats), slices.Clone(p.acks), slices.Clone(p.reports), slices.Clone(p.leases),
		slices.Clone(p.admits),
		slices.Clone(p.results), slices.Clone(p.fetched), p.renewed, len(p.streams),
	}
}
