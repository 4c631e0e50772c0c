// Package ledgertest makes random ledgers of run summaries, and says what the
// relations that SQL makes of them must hold. It is for the tests of every SQL
// dialect: what one of them must answer, all must.
//
// Runs are put together here by contract section 6, in plain Go; events by
// package event, which the collector's own event summaries come from.
package ledgertest

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/event"
	"github.com/runrollup/runrollupprocessor/internal/money"
	"github.com/runrollup/runrollupprocessor/internal/outcome"
	"github.com/runrollup/runrollupprocessor/internal/replay"
	"github.com/runrollup/runrollupprocessor/internal/run"
	"github.com/runrollup/runrollupprocessor/internal/usage"
)

// Row is one row of a relation, by column: string, int64, float64,
// bool, []string, [money.Amount], [time.Time] in UTC, or nil for NULL.
type Row map[string]any

// World is one random event: its runs, with lineage of any kind, some of it
// wrong, some in parts, some in revisions, and what SQL must make of them.
type World struct {
	// Summaries are as a collector delivers them: each revision of each part,
	// in no order, some of them twice.
	Summaries []replay.Summary

	Runs  []Row // of relation runs, by run ID
	Usage []Row // of relation model_usage, by run ID, part, provider and model
	// Event is the row of relation events; nil where the runs name no event.
	Event Row
	// Circles says that parents may run in a circle. Which run of one counts as
	// top-level is nobody's promise, so [Uncertain] columns of Event may differ.
	Circles bool
}

// Uncertain are the columns of an event that hang on which run is top-level.
var Uncertain = []string{
	"attempts", "unsuccessful_cost", "workflow", "environment",
	"outcome_status", "outcome_value_type", "outcome_value_amount", "value_per_unit",
}

// prices are what the configuration says that a value type is worth.
var prices = map[string]float64{"orders": 12.5, "tickets": 0.75}

// New is the world of a seed. Worlds of different seeds have no run and no
// event in common; three customers have events of one ID, of whom one bears no
// name.
func New(seed uint64) World {
	g := generator{
		Rand: rand.New(rand.NewPCG(seed, 7)), prefix: fmt.Sprintf("%04d/", seed), circles: seed%5 == 0,
		customer: []string{"", "c", "d"}[seed%3], eventID: fmt.Sprintf("event-%04d", seed/3),
		day: time.Date(2026, 1, 1+int(seed%40), 23, 59, 55, 0, time.UTC).UnixNano(),
	}
	if seed%10 == 9 {
		g.eventID = ""
	}
	members := g.members()
	w := World{Circles: g.circles}
	var e event.Event
	for i := range members {
		e.Put(members[i])
		w.Summaries = append(w.Summaries, g.summary(&members[i]))
	}
	for _, s := range w.Summaries {
		if g.IntN(6) == 0 {
			w.Summaries = append(w.Summaries, s)
		}
	}
	g.Shuffle(len(w.Summaries), func(i, j int) { w.Summaries[i], w.Summaries[j] = w.Summaries[j], w.Summaries[i] })
	w.Runs, w.Usage = Runs(w.Summaries), Usage(w.Summaries)
	if g.eventID != "" {
		w.Event = eventRow(event.Summarize(e), g.eventID, g.customer)
	}
	return w
}

type generator struct {
	*rand.Rand
	prefix, customer, eventID string // the prefix tells run IDs apart from those of other worlds
	day                       int64
	circles                   bool

	order []int // so that parents come before and after their children by ID
}

func (g *generator) pick(values ...string) string { return values[g.IntN(len(values))] }

// name is the ID of a run of the event, or of one elsewhere.
func (g *generator) name(i int) string {
	if i >= len(g.order) {
		return g.prefix + "elsewhere"
	}
	return g.prefix + "run-" + strconv.Itoa(g.order[i])
}

func (g *generator) members() []event.Member {
	var all []event.Member
	runs := 1 + g.IntN(8)
	g.order = g.Perm(runs)
	for i := range runs {
		parts := 1 + g.IntN(3)
		for part := range parts {
			for revision := range 1 + g.IntN(3) {
				m := g.member(i)
				m.Part, m.Revision = uint64(part), revision
				if parts == 1 && m.Calls == 0 && g.IntN(3) == 0 {
					m.Total = money.Amount(g.Int64N(1e12)) // metered work, and no call
				}
				all = append(all, m)
			}
		}
	}
	return all
}

// member is one revision of a part of run i.
func (g *generator) member(i int) event.Member {
	start := g.day + g.Int64N(10)*1e9 + g.Int64N(2)
	m := event.Member{
		RunID: g.name(i), Rooted: g.IntN(2) == 0, Start: start, End: start + g.Int64N(5)*1e9,
		Calls: g.IntN(3), Known: true,
		Outcome: outcome.Outcome{Status: outcome.Status(g.IntN(7)), Source: outcome.Source(g.IntN(5))},
	}
	if g.IntN(4) > 0 {
		m.Outcome.Time = g.day + g.Int64N(3)
	}
	if g.IntN(2) == 0 {
		m.Outcome.ValueType = g.pick("orders", "tickets", "reviews")
		m.Outcome.Amount = outcome.Amount{N: float64(g.IntN(40)) / 4, OK: g.IntN(5) > 0}
	}
	m.Identity = g.identity(i)
	if m.Calls == 0 {
		return m
	}
	m.Tokens = usage.Tokens{Input: g.Int64N(1e6), CacheRead: g.Int64N(1e6), Output: g.Int64N(1e5), Reasoning: g.Int64N(1e5)}
	if g.IntN(4) == 0 {
		m.Known, m.Unpriced, m.Caveats = false, m.Calls, billing.UnpricedCalls
		return m
	}
	m.Total = money.Amount(g.Int64N(100e12))
	m.Caveats = []billing.Caveats{
		0, 0, 0, billing.Sampled, billing.PossibleDuplicate, billing.CacheAssumed,
		billing.Sampled | billing.CacheTTLAssumed, billing.Sampled | billing.PossibleDuplicate,
	}[g.IntN(8)]
	return m
}

// identity is what one part of run i says of it.
func (g *generator) identity(i int) (id run.Identity) {
	id[run.Event], id[run.Customer] = g.eventID, g.customer
	id[run.Workflow] = g.pick("refund", "refund", "other", "")
	id[run.Environment] = g.pick("prod", "test", "")
	for _, f := range []run.Field{run.Version, run.Tenant, run.Team, run.CostCenter, run.Region} {
		id[f] = g.pick(run.FieldNames[f]+" a", run.FieldNames[f]+" b", "")
	}
	for _, f := range []run.Field{run.ParentRun, run.RootRun, run.RetryOf} {
		if g.IntN(3) == 0 {
			id[f] = g.name(g.IntN(9))
		}
	}
	if !g.circles && id[run.ParentRun] != "" && i > 0 {
		id[run.ParentRun] = g.name(g.IntN(i))
	} else if !g.circles {
		id[run.ParentRun] = ""
	}
	if g.IntN(3) == 0 {
		id[run.Attempt] = strconv.Itoa(g.IntN(4))
	}
	return id
}

// summary is the summary that an event keeps as m. It leaves out what the
// collector leaves out.
func (g *generator) summary(m *event.Member) replay.Summary {
	a := map[string]any{
		botanu.RunID: m.RunID, botanu.Part: fmt.Sprintf("%016x", m.Part), botanu.Revision: int64(m.Revision),
		botanu.Completion: "idle", botanu.OutcomeRank: int64(m.Outcome.Rank()), botanu.OutcomeSource: m.Outcome.Source.String(),
		botanu.CostAccuracy: m.Caveats.Claim().String(),
		botanu.LLMCalls:     int64(m.Calls), botanu.LLMUnpricedCalls: int64(m.Unpriced),
		botanu.TokensInput: m.Tokens.InputTotal(), botanu.TokensOutput: m.Tokens.OutputTotal(),
	}
	if m.Rooted {
		a[botanu.Completion] = "root_ended"
	}
	text := map[string]string{
		botanu.OutcomeStatus: m.Outcome.Status.String(), botanu.OutcomeValueType: m.Outcome.ValueType,
	}
	for f, v := range m.Identity {
		text[run.FieldNames[f]] = v
	}
	delete(text, botanu.Attempt)
	for key, v := range text {
		if v != "" {
			a[key] = v
		}
	}
	if n, err := strconv.Atoi(m.Identity[run.Attempt]); err == nil {
		a[botanu.Attempt] = int64(n)
	}
	if m.Outcome.Time != 0 {
		a[botanu.OutcomeTime] = time.Unix(0, m.Outcome.Time).UTC().Format(stamp)
	}
	if m.Outcome.Amount.OK {
		a[botanu.OutcomeValueAmount] = m.Outcome.Amount.N
	}
	if price, ok := prices[m.Outcome.ValueType]; ok {
		a[botanu.OutcomeValuePerUnit] = price
	}
	if m.Known {
		a[botanu.CostTotalExact], a[botanu.CostTotal] = m.Total.String(), m.Total.Float64()
	} else {
		a[botanu.CostAccuracy] = "unknown"
	}
	if codes := m.Caveats.Codes(); len(codes) > 0 {
		list := make([]any, len(codes))
		for i, code := range codes {
			list[i] = code
		}
		a[botanu.CostCaveats] = list
	}
	s := replay.Summary{
		RunID: m.RunID, Part: a[botanu.Part].(string), Revision: int64(m.Revision),
		Start: time.Unix(0, m.Start).UTC(), End: time.Unix(0, m.End).UTC(), Attributes: a,
	}
	if m.Calls > 0 {
		s.Models = g.models()
	}
	return s
}

// models are what some models' calls came to. They need not add up to the run.
func (g *generator) models() []map[string]any {
	var list []map[string]any
	for _, name := range [][2]string{{"anthropic", "claude-sonnet-4-5"}, {"openai", "gpt-4o"}, {"", "local"}}[g.IntN(3):] {
		m := map[string]any{
			botanu.ModelName: name[1], botanu.UsageCalls: 1 + g.Int64N(5), botanu.UsageUnpricedCalls: int64(0),
			botanu.UsageInputUncached: g.Int64N(1e6), botanu.UsageCacheRead: g.Int64N(1e6),
			botanu.UsageCacheWrite: g.Int64N(1e6), botanu.UsageOutput: g.Int64N(1e6),
		}
		if name[0] != "" {
			m[botanu.ModelProvider] = name[0]
		}
		if g.IntN(4) > 0 {
			m[botanu.UsageCostExact] = money.Amount(g.Int64N(100e12)).String()
		} else {
			m[botanu.UsageUnpricedCalls] = m[botanu.UsageCalls]
		}
		list = append(list, m)
	}
	return list
}

// stamp is how a summary writes a time.
const stamp = "2006-01-02T15:04:05.000000000Z07:00"
