package outcome

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
)

// emitted is an explicit emission at a time.
func emitted(at int64, status string) Statement { return Statement{Time: at, Status: status} }

func worth(kind string, n float64) Statement { return Statement{ValueType: kind, Amount: Finite(n)} }

// TestOrderOfBelief names the rules of the contract's section 4.
func TestOrderOfBelief(t *testing.T) {
	root := func(c Claim) Span { return Span{ID: [8]byte{1}, End: 100, IsRoot: true, Claim: &c} }
	child := func(id byte, end int64, c Claim) Span { return Span{ID: [8]byte{id}, End: end, Claim: &c} }
	status := func(s string) Claim { return Claim{Attributes: Statement{Status: s}} }

	for _, tc := range []struct {
		name  string
		spans []Span
		idle  bool
		want  Outcome
	}{
		{
			name:  "1: the newest emission that states a status gives it",
			spans: []Span{root(Claim{Emissions: []Statement{emitted(10, "success"), emitted(20, "success"), {Time: 30}}})},
			want:  Outcome{Status: Success, Source: FromEmission, Time: 20, Emissions: 3},
		},
		{
			name: "1: an emission outranks the status attribute of its own span",
			spans: []Span{root(Claim{
				Attributes: Statement{Status: "success"},
				Emissions:  []Statement{emitted(10, "failed")},
			})},
			want: Outcome{Status: Failed, Source: FromEmission, Time: 10, Emissions: 1},
		},
		{
			name: "1: what the event lacks comes from its span, not from another",
			spans: []Span{
				child(2, 50, Claim{
					Attributes: Statement{Status: "success", Confidence: Finite(0.4), Reason: "needs_human"},
					Metadata:   []Metadata{{"ticket", "7"}},
					Emissions:  []Statement{emitted(10, "partial")},
				}),
				root(Claim{Attributes: Statement{Reason: "other"}}),
			},
			want: Outcome{
				Status: Partial, Source: FromEmission, Time: 10, Emissions: 1,
				Confidence: Finite(0.4), Reason: "needs_human", Metadata: []Metadata{{"ticket", "7"}},
			},
		},
		{
			name: "1: the value comes from the newest emission that states one, the status from the newest with a status",
			spans: []Span{root(Claim{Emissions: []Statement{
				emitted(10, "success"), {Time: 20, ValueType: "tickets", Amount: Finite(3)}, {Time: 30, ErrorType: "x"},
			}})},
			want: Outcome{Status: Success, Source: FromEmission, Time: 10, Emissions: 3, ValueType: "tickets", Amount: Finite(3)},
		},
		{
			name: "1: an emission without a status leaves it to the next rules, and gives the value",
			spans: []Span{root(Claim{
				Attributes: Statement{Confidence: Finite(0.9)},
				Emissions:  []Statement{{Time: 10, ValueType: "tickets", Amount: Finite(1)}},
				Completed:  emitted(20, "success"),
			})},
			want: Outcome{
				Status: Success, Source: FromCompleted, Time: 20, Emissions: 1,
				ValueType: "tickets", Amount: Finite(1), Confidence: Finite(0.9),
			},
		},
		{
			name:  "2: the status attribute of the root comes first",
			spans: []Span{child(2, 900, status("failed")), root(status("success"))},
			want:  Outcome{Status: Success, Source: FromAttribute, Time: 100},
		},
		{
			name:  "2: else that of the span that ended last",
			spans: []Span{child(2, 50, status("failed")), child(3, 60, status("partial")), root(Claim{})},
			want:  Outcome{Status: Partial, Source: FromAttribute, Time: 60},
		},
		{
			name:  "3: else run.completed",
			spans: []Span{root(Claim{Completed: Statement{Time: 90, Status: "failure", ErrorType: "ValueError"}})},
			want:  Outcome{Status: Failed, Source: FromCompleted, Time: 90, ErrorType: "ValueError"},
		},
		{
			name: "3: the error class of run.completed goes with a failure that an attribute states, as SDKs write it",
			spans: []Span{root(Claim{
				Attributes: Statement{Status: "failed"}, Completed: Statement{Time: 90, Status: "failure", ErrorType: "ToolTimeout"},
			})},
			want: Outcome{Status: Failed, Source: FromAttribute, Time: 100, ErrorType: "ToolTimeout"},
		},
		{
			name: "3: and not with another status",
			spans: []Span{root(Claim{
				Attributes: Statement{Status: "partial"}, Completed: Statement{Time: 90, Status: "failure", ErrorType: "ToolTimeout"},
			})},
			want: Outcome{Status: Partial, Source: FromAttribute, Time: 100},
		},
		{
			name:  "4: the run says it was cancelled",
			spans: []Span{root(Claim{Cancelled: true, Deadline: 50})},
			want:  Outcome{Status: Canceled, Source: FromInference, Time: 100},
		},
		{
			name:  "4: its deadline passed before its root ended",
			spans: []Span{{ID: [8]byte{1}, End: 100, IsRoot: true, Failed: true, Claim: &Claim{Deadline: 99}}},
			want:  Outcome{Status: Timeout, Source: FromInference, Time: 100},
		},
		{
			name:  "4: a deadline that was met says nothing",
			spans: []Span{root(Claim{Deadline: 100})},
			want:  Outcome{Source: FromNothing, Time: 100},
		},
		{
			name:  "4: the root ended in error",
			spans: []Span{{ID: [8]byte{1}, End: 100, IsRoot: true, Failed: true, Claim: &Claim{ErrorType: "TimeoutError"}}},
			want:  Outcome{Status: Failed, Source: FromInference, Time: 100, ErrorType: "TimeoutError"},
		},
		{
			name: "4: the root never ended and the idle timeout passed",
			idle: true,
			want: Outcome{Status: Abandoned, Source: FromInference},
		},
		{
			name: "4: without a root and before the idle timeout nothing is inferred",
			want: Outcome{Source: FromNothing},
		},
		{
			name:  "4: the root ended well and nothing was said",
			spans: []Span{{ID: [8]byte{1}, End: 100, IsRoot: true}},
			want:  Outcome{Source: FromNothing, Time: 100},
		},
		{
			name: "ties in time go to the worse status",
			spans: []Span{
				child(9, 50, Claim{Emissions: []Statement{emitted(10, "canceled")}}),
				child(2, 50, Claim{Emissions: []Statement{emitted(10, "timeout")}}),
			},
			want: Outcome{Status: Timeout, Source: FromEmission, Time: 10, Emissions: 2, Conflict: true},
		},
		{
			name: "then to the greater span ID",
			spans: []Span{
				child(9, 50, Claim{Emissions: []Statement{{Time: 10, Status: "success", ErrorType: "nine"}}}),
				child(2, 50, Claim{Emissions: []Statement{{Time: 10, Status: "success", ErrorType: "two"}}}),
			},
			want: Outcome{Status: Success, Source: FromEmission, Time: 10, Emissions: 2, ErrorType: "nine"},
		},
		{
			name:  "an unknown status is kept raw, and falls through",
			spans: []Span{root(Claim{Attributes: Statement{Status: "meh"}, Completed: emitted(90, "success")})},
			want:  Outcome{Status: Success, Source: FromCompleted, Time: 90, StatusRaw: "meh", BadStatus: 1},
		},
		{
			name: "emissions that differ in value are a conflict, and the newest wins",
			spans: []Span{root(Claim{Emissions: []Statement{
				{Time: 10, Status: "success", ValueType: "t", Amount: Finite(1)},
				{Time: 20, Status: "success", ValueType: "t", Amount: Finite(0)},
			}})},
			want: Outcome{Status: Success, Source: FromEmission, Time: 20, Emissions: 2, Conflict: true, ValueType: "t", Amount: Finite(0)},
		},
		{
			name: "an amount of one place never joins the type of another",
			spans: []Span{
				root(Claim{Attributes: worth("", 5)}),
				child(2, 50, Claim{Attributes: worth("tickets", 1)}),
			},
			want: Outcome{Source: FromNothing, Time: 100, Amount: Finite(5)},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			assert.Equal(t, tc.want, Resolve(tc.spans, tc.idle))
		})
	}
}

// TestSpellings: `failure error` are failed, `cancelled` is canceled, in any
// letter case.
func TestSpellings(t *testing.T) {
	for text, want := range map[string]Status{
		"success": Success, "SUCCESS": Success, " Partial ": Partial, "failed": Failed, "FAILURE": Failed, "Error": Failed,
		"timeout": Timeout, "canceled": Canceled, "Cancelled": Canceled, "abandoned": Abandoned,
	} {
		got, ok := ParseStatus(text)
		assert.True(t, ok, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "ok", "succes", "succeeded", "failed!", "\x00", "a very long status that is none at all"} {
		_, ok := ParseStatus(text)
		assert.False(t, ok, text)
	}
	for s := Success; s <= Failed; s++ {
		got, ok := ParseStatus(s.String())
		assert.True(t, ok)
		assert.Equal(t, s, got)
	}
}

func TestFinite(t *testing.T) {
	for _, n := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		assert.False(t, Finite(n).OK)
	}
	assert.Equal(t, Amount{N: -3, OK: true}, Finite(-3))
}

// TestRank: what stands on the absence of a root never outranks what a part
// with the root says, even where that is nothing.
func TestRank(t *testing.T) {
	for want, o := range map[int]Outcome{
		4: {Source: FromEmission}, 3: {Source: FromAttribute}, 2: {Source: FromCompleted},
		1: {Source: FromInference, Status: Failed}, 0: {Source: FromNothing},
	} {
		assert.Equal(t, want, o.Rank())
	}
	abandoned := Resolve(nil, true)
	assert.Equal(t, 0, abandoned.Rank())
	assert.Zero(t, abandoned.Time)
}

// TestOrderNeverMatters shuffles random claims.
func TestOrderNeverMatters(t *testing.T) {
	statuses := []string{"", "", "success", "failed", "FAILURE", "partial", "nonsense", "timeout"}
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 1))
		say := func() Statement {
			s := Statement{Time: 1 + r.Int64N(4), Status: statuses[r.IntN(len(statuses))]}
			if r.IntN(3) == 0 {
				s.ValueType, s.Amount = "t", Finite(float64(r.IntN(3)))
			}
			return s
		}
		spans := make([]Span, 1+r.IntN(6))
		for i := range spans {
			c := &Claim{Cancelled: r.IntN(20) == 0}
			for range r.IntN(3) {
				c.Emissions = append(c.Emissions, say())
			}
			if r.IntN(2) == 0 {
				c.Attributes = say()
				c.Attributes.Time = 0
			}
			if r.IntN(4) == 0 {
				c.Completed = say()
			}
			spans[i] = Span{ID: [8]byte{byte(i + 1)}, End: 1 + r.Int64N(4), Claim: c}
		}
		spans[0].IsRoot = r.IntN(2) == 0
		want := Resolve(spans, false)
		for range 5 {
			r.Shuffle(len(spans), func(i, j int) { spans[i], spans[j] = spans[j], spans[i] })
			if !assert.Equal(t, want, Resolve(spans, false), "seed %d", seed) {
				return
			}
		}
	}
}
