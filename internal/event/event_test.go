package event

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/money"
	"github.com/runrollup/runrollupprocessor/internal/outcome"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// member is a run that began at a second, with an outcome and a cost in dollars.
func member(id string, start int64, status outcome.Status, dollars int64, change ...func(*Member)) Member {
	m := Member{
		RunID: id, Part: 1, Start: start * 1e9, End: (start + 1) * 1e9,
		Outcome: outcome.Outcome{Status: status, Source: outcome.FromEmission, Time: (start + 1) * 1e9},
		Calls:   1, Total: money.Amount(dollars * 1e12), Known: true,
	}
	m.Anchor = run.SpanKey{Trace: [16]byte{byte(start), 1}, Span: [8]byte{1}}
	m.Identity[run.Workflow] = "refund"
	for _, c := range change {
		c(&m)
	}
	return m
}

func is(f run.Field, v string) func(*Member) { return func(m *Member) { m.Identity[f] = v } }

func attemptIs(n int) func(*Member) { return is(run.Attempt, strconv.Itoa(n)) }

// TestShapes has the shapes that events take (contract, section 7).
func TestShapes(t *testing.T) {
	const s, f = outcome.Success, outcome.Failed
	for _, tc := range []struct {
		name                   string
		members                []Member
		attempts, runs, others int
		status                 outcome.Status
		total, unsuccessful    int64 // dollars
	}{
		{"single run", []Member{member("a", 1, s, 5)}, 1, 1, 0, s, 5, 0},
		{"retries by lineage, clocks that disagree", []Member{
			member("c", 1, s, 4, attemptIs(3), is(run.RootRun, "a"), is(run.RetryOf, "b")),
			member("b", 2, f, 2, attemptIs(2), is(run.RootRun, "a"), is(run.RetryOf, "a")),
			member("a", 3, f, 1, attemptIs(1)),
		}, 3, 3, 0, s, 7, 3},
		{"retries by what they retry", []Member{
			member("a", 3, f, 1, attemptIs(1)), member("b", 2, f, 2, is(run.RetryOf, "a")), member("c", 1, s, 4, is(run.RetryOf, "b")),
		}, 3, 3, 0, s, 7, 3},
		{"retries with the lean identity alone, by start", []Member{
			member("a", 3, s, 4), member("b", 1, f, 1), member("c", 2, f, 2),
		}, 3, 3, 0, s, 7, 3},
		{"the last attempt fails", []Member{member("a", 1, s, 1), member("b", 2, f, 2)}, 2, 2, 0, f, 3, 2},
		{"an attempt of which the earlier ones were seen elsewhere", []Member{member("c", 1, s, 4, attemptIs(3))}, 3, 1, 0, s, 4, 0},
		{"nested, which fails and is made up for", []Member{
			member("a", 1, s, 1), member("n", 2, f, 2, is(run.ParentRun, "a"), is(run.Workflow, "lookup")),
		}, 1, 2, 0, s, 3, 0},
		{"nested in nested, beneath an attempt that fails", []Member{
			member("a", 1, f, 1, attemptIs(1)),
			member("n", 2, s, 2, is(run.ParentRun, "a"), is(run.Workflow, "lookup")),
			member("m", 3, s, 4, is(run.ParentRun, "n"), is(run.Workflow, "embed")),
			member("b", 5, s, 8, attemptIs(2)),
		}, 2, 4, 0, s, 15, 7},
		{"a nested run that is retried is no attempt at the event", []Member{
			member("a", 1, s, 1, attemptIs(1)),
			member("n", 2, f, 2, is(run.ParentRun, "a"), attemptIs(1)),
			member("m", 3, s, 4, is(run.ParentRun, "a"), attemptIs(2), is(run.RetryOf, "n")),
		}, 1, 3, 0, s, 7, 0},
		{"two workflows: the first is the event's", []Member{
			member("a", 2, f, 1, is(run.Workflow, "notify")), member("b", 1, s, 2), member("c", 3, s, 4),
		}, 2, 3, 1, s, 7, 1},
		{"a parent of another event is none", []Member{member("a", 1, s, 1, is(run.ParentRun, "elsewhere"))}, 1, 1, 0, s, 1, 0},
		{"outcome only on a nested run", []Member{
			member("a", 1, outcome.None, 1, func(m *Member) { m.Outcome.Source = outcome.FromNothing }),
			member("n", 2, s, 2, is(run.ParentRun, "a")),
		}, 1, 2, 0, outcome.None, 3, 0},
		{"parents in a circle", []Member{
			member("a", 1, s, 1, is(run.ParentRun, "b")), member("b", 2, s, 2, is(run.ParentRun, "a")),
		}, 1, 2, 0, s, 3, 0},
		{"two parts of a run", []Member{
			member("a", 1, f, 1), member("a", 9, s, 2, func(m *Member) { m.Part = 2 }),
		}, 1, 1, 0, s, 3, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var e Event
			for _, m := range tc.members {
				require.True(t, e.Put(m))
			}
			got := Summarize(e.Snapshot())
			assert.Equal(t, tc.attempts, got.Attempts, "attempts")
			assert.Equal(t, tc.runs, got.Runs, "runs")
			assert.Equal(t, tc.others, got.Others, "others")
			assert.Equal(t, tc.status, got.Outcome.Status, "status")
			assert.Equal(t, money.Amount(tc.total*1e12), got.Total, "total")
			assert.Equal(t, money.Amount(tc.unsuccessful*1e12), got.Unsuccessful, "unsuccessful")
			assert.Equal(t, billing.Exact, got.Accuracy)
			assert.True(t, got.Known)
		})
	}
}

// TestUnknownIsNeverZero (contract, section 5): runs whose calls have no price
// leave an event without a total, or with one that says it is too low.
func TestUnknownIsNeverZero(t *testing.T) {
	unpriced := func(m *Member) { m.Known, m.Total, m.Unpriced, m.Caveats = false, 0, 1, billing.UnpricedCalls }
	callless := func(m *Member) { m.Calls, m.Total = 0, 0 }
	for _, tc := range []struct {
		name     string
		members  []Member
		known    bool
		accuracy billing.Accuracy
	}{
		{"no price", []Member{member("a", 1, outcome.Success, 0, unpriced)}, false, billing.Unknown},
		{"no price, and a run without calls", []Member{member("a", 1, outcome.Success, 0, unpriced), member("b", 2, outcome.Success, 0, callless)}, false, billing.Unknown},
		{"one with a price", []Member{member("a", 1, outcome.Success, 0, unpriced), member("b", 2, outcome.Success, 3)}, true, billing.LowerBound},
		{"no calls", []Member{member("a", 1, outcome.Success, 0, callless)}, true, billing.Exact},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var e Event
			for _, m := range tc.members {
				e.Put(m)
			}
			got := Summarize(e)
			assert.Equal(t, tc.known, got.Known)
			assert.Equal(t, tc.accuracy, got.Accuracy)
		})
	}
	var e Event
	e.Say(Claim{Outcome: outcome.Outcome{Status: outcome.Failed, Source: outcome.FromEmission, Time: 5}})
	got := Summarize(e)
	assert.False(t, got.Known, "of no run it is unknown what it cost")
	assert.Equal(t, outcome.Failed, got.Outcome.Status)
}

// TestOutcomeThatComesAlone: the newest explicit word holds.
func TestOutcomeThatComesAlone(t *testing.T) {
	var e Event
	e.Put(member("a", 1, outcome.Success, 5))
	refund := Claim{Span: run.SpanKey{Span: [8]byte{7}}, Outcome: outcome.Outcome{Status: outcome.Failed, Source: outcome.FromEmission, Time: 100e9}}
	require.True(t, e.Say(refund))
	require.False(t, e.Say(refund), "the same span again")
	assert.Equal(t, outcome.Failed, Summarize(e).Outcome.Status)
	early := refund
	early.Span.Span[0], early.Outcome.Time, early.Outcome.Status = 8, 1, outcome.Partial
	require.True(t, e.Say(early))
	assert.Equal(t, outcome.Failed, Summarize(e).Outcome.Status)
	assert.Zero(t, Summarize(e).Unsuccessful, "what the run itself achieved stays as it was")
	for i := range 100 {
		c := early
		c.Span.Span[1] = byte(i + 1)
		e.Say(c)
	}
	assert.Equal(t, outcome.Failed, Summarize(e).Outcome.Status, "the most believed is kept at the limit")
	assert.Len(t, e.claims, ClaimLimit)
}

// world is a random event: runs with lineage of any kind, some of it wrong,
// some in parts, some in revisions.
func world(r *rand.Rand) []Member {
	var all []Member
	for i := range 1 + r.IntN(8) {
		id := fmt.Sprint("run-", i)
		for part := range 1 + r.IntN(2) {
			m := member(id, int64(r.IntN(10)), outcome.Status(r.IntN(7)), int64(r.IntN(100)))
			m.Part = uint64(part)
			m.Outcome.Source = outcome.Source(r.IntN(5))
			m.Outcome.Time = int64(r.IntN(5))
			m.Caveats = billing.Caveats(1 << r.IntN(20) & -r.IntN(2))
			m.Known = r.IntN(5) > 0
			if !m.Known {
				m.Total = 0
			}
			for _, f := range []run.Field{run.ParentRun, run.RootRun, run.RetryOf} {
				if r.IntN(3) == 0 {
					m.Identity[f] = fmt.Sprint("run-", r.IntN(9))
				}
			}
			if r.IntN(3) == 0 {
				m.Identity[run.Attempt] = strconv.Itoa(r.IntN(4))
			}
			if r.IntN(4) == 0 {
				m.Identity[run.Workflow] = "other"
			}
			for revision := range 1 + r.IntN(3) {
				m.Revision = revision
				m.Total += money.Amount(r.IntN(5))
				if !m.Known {
					m.Total = 0
				}
				all = append(all, m)
			}
		}
	}
	return all
}

// TestLaws: order, duplication and splitting never change an event; its total
// is the exact sum over the newest revisions of its runs' parts; what was
// unsuccessful is a part of it.
func TestLaws(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 6))
		all := world(r)
		var inOrder Event
		for _, m := range all {
			inOrder.Put(m)
		}
		want := Summarize(inOrder.Snapshot())
		var sum money.Amount
		calls := 0
		for _, m := range inOrder.Members() {
			sum += m.Total
			calls += m.Calls
		}
		require.Equal(t, sum, want.Total, "seed %d", seed)
		require.Equal(t, calls, want.Calls, "seed %d", seed)
		require.LessOrEqual(t, want.Unsuccessful, want.Total, "seed %d", seed)
		require.LessOrEqual(t, want.Others, want.Runs, "seed %d", seed)

		mixed := append(append([]Member{}, all...), all[:r.IntN(len(all)+1)]...)
		r.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
		var e Event
		for i, m := range mixed {
			e.Put(m)
			if i%3 == 0 {
				before := e.Snapshot()
				kept := Summarize(before)
				e.Put(member("passing", 0, outcome.Failed, 9))
				require.Equal(t, kept, Summarize(before), "a snapshot stays as it is")
				require.True(t, e.Remove("passing", 1))
			}
		}
		require.Equal(t, want, Summarize(e.Snapshot()), "seed %d", seed)
		require.Equal(t, inOrder.Bytes(), e.Bytes(), "seed %d", seed)

		// Split over two holders: the totals add up, whatever went where.
		var one, two Event
		for _, m := range inOrder.Members() {
			if r.IntN(2) == 0 {
				one.Put(*m)
			} else {
				two.Put(*m)
			}
		}
		require.Equal(t, want.Total, Summarize(one).Total+Summarize(two).Total, "seed %d", seed)
	}
}

// TestRevise: an event that is told again unchanged is not; the increases add up.
func TestRevise(t *testing.T) {
	var e Event
	e.Put(member("a", 5, outcome.Failed, 5))
	first := Summarize(e.Snapshot())
	told := first.Told()
	again := Summarize(e.Snapshot())
	require.False(t, again.Revise(&told))

	e.Put(member("b", 1, outcome.Success, 2)) // begins before the first
	second := Summarize(e.Snapshot())
	require.True(t, second.Revise(&told))
	assert.Equal(t, 1, second.Revision)
	assert.Equal(t, first.Anchor, second.Anchor, "fixed at the first revision")
	assert.Equal(t, money.Amount(2e12), second.Increase)
	assert.Nil(t, second.PreviousStatus, "the attempt that came later began before")

	told = second.Told()
	e.Put(member("c", 9, outcome.Success, 1))
	third := Summarize(e.Snapshot())
	require.True(t, third.Revise(&told))
	require.NotNil(t, third.PreviousStatus)
	assert.Equal(t, outcome.Failed, *third.PreviousStatus)
	third.Absorb(&second)
	assert.Equal(t, money.Amount(3e12), third.Increase)
}

// BenchmarkSummarize sums up an event of three attempts.
func BenchmarkSummarize(b *testing.B) {
	var e Event
	for i := range 3 {
		e.Put(member(fmt.Sprint("run-", i), int64(i), outcome.Failed, 1, attemptIs(i+1)))
	}
	b.ReportAllocs()
	b.ReportMetric(float64(e.Bytes()), "held-B")
	for b.Loop() {
		_ = Summarize(e)
	}
}
