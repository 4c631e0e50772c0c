package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/e2e/internal/peer"
	"github.com/runrollup/runrollupprocessor/e2e/internal/subject"
	"github.com/runrollup/runrollupprocessor/e2e/internal/synthetic"
	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// The downstream's script. Each act begins with runs that are sent to it, ends
// when the downstream has done so to that many requests of either kind, and is
// over when it has accepted all that it missed.
var acts = []struct {
	conduct         peer.Conduct
	spans, summary  int // requests
	runs            int
	recording, name string
}{
	{name: "accepts", conduct: peer.Accept, spans: 1, summary: 1, runs: 40},
	{name: "refuses", conduct: peer.Refuse, spans: 3, summary: 2, runs: 450, recording: "otel-openai"},
	{name: "hangs", conduct: peer.Hang, spans: 2, summary: 2, runs: 40, recording: "vercel-ai-v7"},
	{name: "takes and answers late", conduct: peer.Late, spans: 2, summary: 2, runs: 40, recording: "openlit"},
	{name: "breaks connections", conduct: peer.Cut, spans: 2, summary: 2, runs: 40},
}

// marked is the run whose summary the downstream refuses for good. It is one
// of those that pile up while the downstream refuses.
const (
	markedAct = 1
	marked    = "run-1-200"
)

// TestFaults holds that whatever the downstream does, as long as it comes
// back, the summaries that it has taken in the end state each run exactly
// once, with the exact cost.
func TestFaults(t *testing.T) {
	costs := recordedCosts(t)
	f := newFaults(t)
	for n := range acts {
		f.play(t, n)
		f.awaitAll(t, acts[n].name)
	}
	f.gone(t)
	f.awaitAll(t, "is gone")

	metrics, err := peer.Scrape(t.Context(), f.metrics)
	require.NoError(t, err)
	assert.EqualValues(t, 1, metrics.Values[peer.Own+"summaries_rejected"], "the marked one")
	assert.Zero(t, metrics.Values[peer.Own+"summaries_pending"])
	ctx, cancel := context.WithTimeout(t.Context(), stopLimit)
	defer cancel()
	require.NoError(t, f.collector.Stop(ctx))
	f.check(t, costs)
}

// TestOwnMetrics_surviveOddText holds that what a client calls its model cannot
// take the collector's metrics from whoever watches it.
func TestOwnMetrics_surviveOddText(t *testing.T) {
	f := newFaults(t)
	td := call(2)
	for span := range replay.Spans(td) {
		span.Attributes().PutStr("gen_ai.request.model", "model \xff")
	}
	_, err := f.client.Deliver(t.Context(), together(root(), td), nil)
	require.NoError(t, err)
	f.poll(t, "the summary", func() bool { return len(f.taken) == 1 })
	_, err = peer.Scrape(t.Context(), f.metrics)
	require.NoError(t, err)
}

// faults is a collector, the downstream that it sends to, and what has been
// sent and taken.
type faults struct {
	collector  *replay.Collector
	client     *peer.Client
	downstream *peer.Downstream
	metrics    string
	rng        *rand.Rand
	runs       []*synthetic.Run
	recordings []*replay.Capture
	sent       []ptrace.Traces

	mu       sync.Mutex // guards everything declared below
	conduct  peer.Conduct
	spans    int // requests met so in this act
	summary  int // those that hold summaries
	taken    []replay.Summary
	arrived  map[string]bool // spans, by trace and span ID
	rejected [][]replay.Summary
	tooBig   []string
}

func newFaults(t *testing.T) *faults {
	t.Helper()
	f := &faults{rng: rand.New(rand.NewPCG(1, 2)), arrived: map[string]bool{}}
	var err error
	f.downstream, err = peer.NewDownstream(f.meet, f.take)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.downstream.Close() })
	address, port := subject.Address(t)
	f.metrics = "http://" + address + "/metrics"
	f.collector = subject.Start(t, binary, filepath.Join("testdata", "fault.yaml"),
		"E2E_DOWNSTREAM="+f.downstream.URL(), "E2E_METRICS_PORT="+port)
	f.client = &peer.Client{Endpoint: f.collector.Endpoint, HTTP: &http.Client{Timeout: waitLimit}}
	return f
}

// meet is what the downstream does with a request.
func (f *faults) meet(r *peer.Request) peer.Conduct {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(r.Summaries); n > 200 || n > 1 && r.Bytes > 1<<20 {
		f.tooBig = append(f.tooBig, fmt.Sprintf("%d summaries, %d bytes", n, r.Bytes))
	}
	if len(r.Summaries) > 0 {
		f.summary++
	} else {
		f.spans++
	}
	isMarked := func(s replay.Summary) bool { return s.RunID == marked }
	if f.conduct == peer.Accept && slices.ContainsFunc(r.Summaries, isMarked) {
		f.rejected = append(f.rejected, r.Summaries)
		return peer.Reject
	}
	return f.conduct
}

func (f *faults) take(r *peer.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.taken = append(f.taken, r.Summaries...)
	for span := range replay.Spans(r.Traces) {
		f.arrived[span.TraceID().String()+span.SpanID().String()] = true
	}
}

// turn begins an act.
func (f *faults) turn(conduct peer.Conduct) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.conduct, f.spans, f.summary = conduct, 0, 0
}

// play sends the runs of an act while it lasts.
func (f *faults) play(t *testing.T, n int) {
	t.Helper()
	act := &acts[n]
	spans := f.late()
	var whole []ptrace.Traces
	for i := range act.runs {
		run := synthetic.New(fmt.Sprintf("run-%d-%d", n, i), f.rng)
		f.runs = append(f.runs, run)
		all := []ptrace.Traces{run.Root(), run.Inherited()}
		for range 1 + f.rng.IntN(5) {
			all = append(all, run.Call())
		}
		if run.ID == marked {
			whole = append(whole, synthetic.Together(all...)) // one request makes one revision
		} else {
			spans = append(spans, all...)
		}
	}
	requests := slices.Concat(whole, f.mixed(spans))
	if act.recording != "" {
		recording := capture(t, act.recording)
		f.recordings = append(f.recordings, recording)
		requests = append(requests, recording.Requests...)
	}
	f.sent = append(f.sent, requests...)
	f.turn(act.conduct)
	wait := f.send(t, requests)
	f.poll(t, act.name, func() bool { return f.spans >= act.spans && f.summary >= act.summary })
	f.turn(peer.Accept)
	wait()
}

// late are further calls of runs that have been summarised.
func (f *faults) late() []ptrace.Traces {
	var requests []ptrace.Traces
	for _, run := range f.runs[:min(20, len(f.runs))] {
		requests = append(requests, run.Call())
	}
	return requests
}

// mixed puts spans of many runs in each request, in any order, and some twice.
func (f *faults) mixed(spans []ptrace.Traces) []ptrace.Traces {
	for _, i := range f.rng.Perm(len(spans))[:len(spans)/10] {
		spans = append(spans, spans[i])
	}
	f.rng.Shuffle(len(spans), func(i, j int) { spans[i], spans[j] = spans[j], spans[i] })
	var requests []ptrace.Traces
	for some := range slices.Chunk(spans, max(1, len(spans)/20)) {
		requests = append(requests, synthetic.Together(some...))
	}
	return requests
}

// senders is how many requests are on their way at once.
const senders = 4

// send delivers requests, and returns a function that waits until all are.
func (f *faults) send(t *testing.T, requests []ptrace.Traces) (wait func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	queue := make(chan ptrace.Traces, len(requests))
	for _, r := range requests {
		queue <- r
	}
	close(queue)
	failures := make(chan error, senders)
	for range senders {
		go func() {
			for r := range queue {
				if _, err := f.client.Deliver(ctx, r, nil); err != nil {
					failures <- err
					return
				}
			}
			failures <- nil
		}()
	}
	return func() {
		defer cancel()
		for range senders {
			require.NoError(t, <-failures)
		}
	}
}

// gone closes the downstream until both a sender and the collector have met
// with that, and opens it again.
func (f *faults) gone(t *testing.T) {
	t.Helper()
	requests := f.mixed(f.late())
	f.sent = append(f.sent, requests...)
	refused := f.client.Refused()
	require.NoError(t, f.downstream.Close())
	wait := f.send(t, requests)
	f.poll(t, "is gone", func() bool {
		metrics, err := peer.Scrape(t.Context(), f.metrics)
		require.NoError(t, err)
		return f.client.Refused() >= refused+2 && metrics.Values[peer.Own+"summaries_pending"] > 0
	})
	require.NoError(t, f.downstream.Open())
	wait()
}

// awaitAll waits until the summaries taken so far tell the truth of every run
// but the marked one.
func (f *faults) awaitAll(t *testing.T, act string) {
	t.Helper()
	wrong := ""
	defer func() {
		if t.Failed() {
			t.Log("the last run that was wrong:", wrong)
		}
	}()
	f.poll(t, "the truth after the downstream "+act, func() bool {
		latest := f.latest()
		for _, run := range f.runs {
			if run.ID == marked {
				if len(f.rejected) == 0 || len(f.rejected[len(f.rejected)-1]) > 1 {
					wrong = "the marked one has not been refused alone"
					return false
				}
				continue
			}
			if told, err := synthetic.Told(latest[run.ID]); err != nil || told != run.Truth {
				wrong = fmt.Sprintf("%s: %v told, %v sent, %v", run.ID, told, run.Truth, err)
				return false
			}
		}
		return f.recordedAll(latest)
	})
}

// recordedAll reports whether all spans of the recordings are accounted for.
func (f *faults) recordedAll(latest map[string][]replay.Summary) bool {
	for _, recording := range f.recordings {
		spans := int64(0)
		for _, id := range recording.RunIDs() {
			for _, s := range latest[id] {
				spans += s.Int(botanu.SpanCount)
			}
		}
		if spans != int64(recording.SpanCount()) {
			return false
		}
	}
	return true
}

// latest are the summaries by run, of each part the highest revision.
func (f *faults) latest() map[string][]replay.Summary {
	byRun := map[string][]replay.Summary{}
	for _, s := range replay.Latest(f.taken) {
		byRun[s.RunID] = append(byRun[s.RunID], s)
	}
	return byRun
}

func (f *faults) poll(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	err := replay.Poll(ctx, func() (bool, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		return done(), nil
	})
	require.NoError(t, err, "waiting for: %s", what)
}

// check holds what was taken against what was sent.
func (f *faults) check(t *testing.T, costs map[string]string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	assert.Empty(t, f.tooBig, "batches of summaries are bounded")
	for span := range replay.Spans(f.sent...) {
		if id := span.TraceID().String() + span.SpanID().String(); !f.arrived[id] {
			assert.Fail(t, "lost", "span %s", id)
		}
	}
	latest := f.latest()
	assert.NotContains(t, latest, marked)
	delete(latest, marked)
	assert.Len(t, latest, len(f.runs)-1+len(costs), "no run but those that were sent")
	for _, run := range f.runs {
		if run.ID == marked {
			continue
		}
		told, err := synthetic.Told(latest[run.ID])
		require.NoError(t, err, run.ID)
		assert.Equal(t, run.Truth, told, run.ID)
	}
	for id, parts := range latest {
		if assert.Len(t, parts, 1, "one part of %s", id) && !strings.HasPrefix(id, "run-") {
			assert.Equal(t, costs[id], parts[0].Text(botanu.CostTotalExact), "the cost of recorded run %s", id)
		}
	}
	checkRevisions(t, f.taken)
	checkSplit(t, f.rejected)
	for i := range f.recordings {
		f.checkRecording(t, f.recordings[i].Name, latest)
	}
}

// checkRevisions holds that a summary that came twice is the same span, and
// that the increases of a part's revisions add up to its total.
func checkRevisions(t *testing.T, taken []replay.Summary) {
	t.Helper()
	type revision struct {
		part string
		n    int64
	}
	first := map[revision]*replay.Summary{}
	sums, twice, revised := map[string]synthetic.USD{}, 0, 0
	for i := range taken {
		s := &taken[i]
		r := revision{s.RunID + " " + s.Part, s.Revision}
		if before := first[r]; before != nil {
			twice++
			assert.Equal(t, before, s, "the same revision, sent again")
			continue
		}
		first[r] = s
		if s.Revision > 0 {
			revised++
		}
		if text := s.Text(botanu.CostIncrease); text != "" {
			increase, err := synthetic.ParseUSD(text)
			require.NoError(t, err)
			sums[r.part] += increase
		}
	}
	latest := replay.Latest(taken)
	for i := range latest {
		s := &latest[i]
		if text := s.Text(botanu.CostTotalExact); text != "" {
			total, err := synthetic.ParseUSD(text)
			require.NoError(t, err)
			assert.Equal(t, total, sums[s.RunID+" "+s.Part], "the increases of %s", s.RunID)
		}
	}
	assert.NotZero(t, twice, "what is answered late is sent again")
	assert.NotZero(t, revised)
	t.Logf("%d summaries taken, %d of them revisions, %d twice", len(taken), revised, twice)
}

// checkSplit holds that the batch that was rejected shrank until the marked
// summary was alone, and that it was not sent again.
func checkSplit(t *testing.T, rejected [][]replay.Summary) {
	t.Helper()
	require.NotEmpty(t, rejected)
	assert.Greater(t, len(rejected[0]), 1, "it was in a batch with others")
	assert.Len(t, rejected[len(rejected)-1], 1, "alone in the end")
	for _, batch := range rejected[:len(rejected)-1] {
		assert.Greater(t, len(batch), 1, "given up once it was alone")
	}
}

func (f *faults) checkRecording(t *testing.T, setup string, latest map[string][]replay.Summary) {
	for _, r := range readTruth(t, setup) {
		t.Run(setup+" "+r.Scenario+" "+r.Flavour+" "+r.RunID, func(t *testing.T) {
			require.Len(t, latest[r.RunID], 1)
			compare(t, setup, &r, &latest[r.RunID][0])
		})
	}
}

// recordedCosts are the costs of the recorded runs where nothing fails.
func recordedCosts(t *testing.T) map[string]string {
	t.Helper()
	c := start(t, outFile(t))
	spans := 0
	for i := range acts {
		if acts[i].recording != "" {
			recording := capture(t, acts[i].recording)
			spans += recording.SpanCount()
			c.play(t, recording)
		}
	}
	all := c.await(t, "the recorded runs", func(latest []replay.Summary) bool {
		n := int64(0)
		for i := range latest {
			n += latest[i].Int(botanu.SpanCount)
		}
		return n == int64(spans)
	})
	c.stop(t)
	costs := map[string]string{}
	for i := range all {
		costs[all[i].RunID] = all[i].Text(botanu.CostTotalExact)
	}
	return costs
}
