package runrollupprocessor

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confignet"
	"go.uber.org/zap"

	"github.com/runrollup/runrollupprocessor/internal/engine"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// runsPage answers "why is my run not summarised yet?": it shows the runs that
// are held, what each waits for, and what it has cost so far.
type runsPage struct {
	config *Config
	id     component.ID
	engine *engine.Engine
	logger *zap.Logger

	server *http.Server
	done   sync.WaitGroup
}

func newRunsPage(c *Config, id component.ID, e *engine.Engine, logger *zap.Logger) *runsPage {
	return &runsPage{config: c, id: id, engine: e, logger: logger}
}

// Bounds on the page: what it shows at once, and how long a request may take.
const (
	pageRuns    = 100
	pageTimeout = 10 * time.Second
)

// start serves the page, where one is asked for.
func (p *runsPage) start(ctx context.Context) error {
	if p.config.RunsPage.Endpoint == "" {
		return nil
	}
	address := confignet.NewDefaultAddrConfig()
	address.Transport, address.Endpoint = confignet.TransportTypeTCP, p.config.RunsPage.Endpoint
	listener, err := address.Listen(ctx)
	if err != nil {
		return fmt.Errorf("runs_page::endpoint: %w; give a port that is free", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", p)
	p.server = &http.Server{Handler: mux, ReadHeaderTimeout: pageTimeout, WriteTimeout: pageTimeout}
	p.done.Go(func() {
		if err := p.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			p.logger.Error("The page of runs is not served any more.", zap.Error(err))
		}
	})
	p.logger.Info("The runs that are held are shown on a page.", zap.String("endpoint", listener.Addr().String()))
	return nil
}

func (p *runsPage) close() {
	if p.server != nil {
		_ = p.server.Close()
		p.done.Wait()
	}
}

// runsView is what the page shows, and the JSON of it.
type runsView struct {
	Component string    `json:"component"`
	Now       time.Time `json:"now"`
	Sought    string    `json:"sought,omitempty"`
	Open      int       `json:"open_runs"`
	Late      int       `json:"late_runs"`
	Waiting   int       `json:"spans_waiting"`
	Pending   int       `json:"summaries_pending"`
	Runs      []runView `json:"runs"`
}

type runView struct {
	RunID    string     `json:"run_id"`
	Part     string     `json:"part"`
	Tenant   [][]string `json:"tenant,omitempty"`
	Event    string     `json:"event_id,omitempty"`
	Customer string     `json:"customer_id,omitempty"`
	Workflow string     `json:"workflow,omitempty"`
	State    string     `json:"state"` // open or summarised
	RootSeen bool       `json:"root_seen"`
	Spans    int        `json:"spans"`
	Traces   int        `json:"traces"`
	Began    time.Time  `json:"began"`
	LastSpan time.Time  `json:"last_span"`
	Due      time.Time  `json:"due"`
	Why      string     `json:"why"`
	Revision *int       `json:"last_revision,omitempty"`
	Calls    int        `json:"llm_calls"`
	Cost     string     `json:"cost_so_far_usd,omitempty"` // absent where unknown
	Accuracy string     `json:"cost_accuracy"`
}

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("runs").Parse(pageText))

// ServeHTTP shows the runs: all, or those with the run ID or trace ID in the
// query's id. With format=json it does so as JSON.
func (p *runsPage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A page of another site could reach a server on localhost through a name
	// that resolves to it; such a request names a host of its own.
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil { // the port is that of the scheme
		host = strings.Trim(r.Host, "[]")
	}
	if !isLoopback(host) {
		http.Error(w, "this page is served to this machine alone", http.StatusForbidden)
		return
	}
	v := p.view(strings.TrimSpace(r.URL.Query().Get("id")), time.Now())
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.URL.Query().Get("format") == "json" {
		w.Header().Set("Content-Type", "application/json")
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		_ = e.Encode(v) // whoever asked is gone
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'")
	_ = pageTemplate.Execute(w, v)
}

func (p *runsPage) view(sought string, now time.Time) runsView {
	g := p.engine.Gauges()
	v := runsView{
		Component: p.id.String(), Now: now, Sought: sought,
		Open: g.Open, Late: g.Late, Waiting: g.Waiting, Pending: g.Pending, Runs: []runView{},
	}
	var states []engine.RunState
	if sought == "" {
		states = p.engine.Runs(pageRuns)
	} else {
		states = p.engine.FindRun(sought, pageRuns)
		if trace, err := hex.DecodeString(sought); err == nil && len(trace) == 16 {
			states = append(states, p.engine.FindTrace([16]byte(trace), pageRuns)...)
		}
	}
	for i := range states {
		v.Runs = append(v.Runs, p.viewOf(&states[i], now))
	}
	return v
}

func (p *runsPage) viewOf(s *engine.RunState, now time.Time) runView {
	v := runView{
		RunID: s.ID, Part: fmt.Sprintf("%016x", s.Part), Tenant: s.Metadata,
		Event: s.Identity[run.Event], Customer: s.Identity[run.Customer], Workflow: s.Identity[run.Workflow],
		State: "open", RootSeen: s.RootSeen, Spans: s.Spans, Traces: s.Traces,
		Began: s.Began, LastSpan: s.LastSpan, Due: s.Due, Why: p.why(s, now),
		Calls: s.Cost.Calls, Accuracy: s.Cost.Accuracy.String(),
	}
	if s.Late {
		v.State = "summarised"
	}
	if s.Revision >= 0 {
		v.Revision = &s.Revision
	}
	if s.Cost.Known {
		v.Cost = s.Cost.Total.String()
	}
	return v
}

// why says what a run waits for.
func (p *runsPage) why(s *engine.RunState, now time.Time) string {
	left := cmp.Or(s.Due.Sub(now).Round(time.Second/10), 0)
	quiet := now.Sub(s.LastSpan).Round(time.Second / 10)
	switch {
	case s.Late:
		return fmt.Sprintf("summarised; a span that comes within %v raises a revision (late_window)", left)
	case s.Visit.Equal(s.Due):
		return fmt.Sprintf("spans keep coming, the last %v ago; summarised as it is in %v (max_duration), and stays open", quiet, left)
	case s.RootSeen:
		return fmt.Sprintf("its root span has arrived; summarised in %v if no further span comes (quiet_period)", left)
	default:
		return fmt.Sprintf("its root span has not arrived; summarised as idle in %v if no further span comes (idle_timeout)", left)
	}
}
