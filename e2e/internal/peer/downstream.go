package peer

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// Conduct is what a downstream does with a request.
type Conduct int

const (
	Accept Conduct = iota
	Refuse         // answers 503, which is retryable
	Reject         // answers 400, which is for good
	Hang           // does not answer until the client has given up, and takes nothing
	Late           // takes the request, and does not answer until the client has given up
	Cut            // takes nothing, and breaks the connection
	Lose           // takes the request, and breaks the connection: the answer is lost
)

// Request is one request as it came.
type Request struct {
	Traces    ptrace.Traces
	Summaries []replay.Summary
	Bytes     int
}

// Downstream is what a collector exports to. It asks conduct of each request
// what to do, and gives take those that it accepts; it calls both from many
// goroutines at once.
type Downstream struct {
	conduct func(*Request) Conduct
	take    func(*Request)

	address string
	server  *http.Server
	done    chan error
}

// NewDownstream listens on a free port of the loopback interface.
func NewDownstream(conduct func(*Request) Conduct, take func(*Request)) (*Downstream, error) {
	return replay.OnFreePort(func() (*Downstream, error) {
		address, err := replay.FreeAddress()
		if err != nil {
			return nil, fmt.Errorf("open downstream: %w", err)
		}
		d := &Downstream{conduct: conduct, take: take, address: address}
		return d, d.Open()
	})
}

// URL is where to export to.
func (d *Downstream) URL() string { return "http://" + d.address }

// Open listens, where it listened before.
func (d *Downstream) Open() error {
	l, err := net.Listen("tcp", d.address)
	if err != nil {
		return fmt.Errorf("open downstream: %w", err)
	}
	server, done := &http.Server{Handler: d}, make(chan error, 1)
	d.address, d.server, d.done = l.Addr().String(), server, done
	go func() { done <- server.Serve(l) }()
	return nil
}

// Close breaks all connections and listens no more.
func (d *Downstream) Close() error {
	err := d.server.Close()
	if serve := <-d.done; !errors.Is(serve, http.ErrServerClosed) {
		err = errors.Join(err, serve)
	}
	return err
}

// ServeHTTP does what the request's conduct says.
func (d *Downstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	request, err := read(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	switch d.conduct(request) {
	case Accept:
		d.take(request)
		w.Header().Set("Content-Type", protobuf) // an empty answer is one without a partial success
	case Refuse:
		http.Error(w, "not now", http.StatusServiceUnavailable)
	case Reject:
		http.Error(w, "never", http.StatusBadRequest)
	case Hang:
		<-r.Context().Done()
	case Late:
		d.take(request)
		<-r.Context().Done()
	case Lose:
		d.take(request)
		panic(http.ErrAbortHandler)
	case Cut:
		panic(http.ErrAbortHandler)
	}
}

func read(body io.Reader) (*Request, error) {
	bytes, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	var u ptrace.ProtoUnmarshaler // a request of OTLP is what TracesData is, byte for byte
	td, err := u.UnmarshalTraces(bytes)
	if err != nil {
		return nil, err
	}
	r := &Request{Traces: td, Bytes: len(bytes)}
	if td.ResourceSpans().Len() > 0 && hasSummary(td) {
		r.Summaries = replay.Summaries([]ptrace.Traces{td})
	}
	return r, nil
}

func hasSummary(td ptrace.Traces) bool {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			if ss.Scope().Name() == botanu.Scope {
				return true
			}
		}
	}
	return false
}
