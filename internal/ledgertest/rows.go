package ledgertest

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/event"
	"github.com/runrollup/runrollupprocessor/internal/money"
	"github.com/runrollup/runrollupprocessor/internal/replay"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// The columns that a dialect of a database has, in this order, those of the
// contract first.
var (
	RunColumns = []string{
		"run_id", "event_id", "customer_id", "workflow", "environment", "attempt",
		"outcome_status", "outcome_value_type", "outcome_value_amount", "value_per_unit",
		"total_cost", "cost_accuracy", "llm_calls", "input_tokens", "output_tokens",
		"started_at", "ended_at", "parts", "revision",
		"parent_run_id", "root_run_id", "retry_of_run_id", "unpriced_calls",
		"cost_caveats", "may_be_higher", "may_be_lower",
		"workflow_version", "tenant_id", "team", "cost_center", "region",
	}
	EventColumns = []string{
		"event_id", "customer_id", "workflow", "environment",
		"outcome_status", "outcome_value_type", "outcome_value_amount", "value_per_unit",
		"attempts", "runs", "total_cost", "unsuccessful_cost", "cost_accuracy",
		"llm_calls", "input_tokens", "output_tokens", "started_at", "ended_at", "unpriced_calls",
	}
	UsageColumns = []string{
		"run_id", "part", "day", "provider", "model", "calls", "unpriced_calls",
		"input_uncached", "cache_read", "cache_write", "output", "cost",
	}
)

// Runs are the rows of relation runs by contract section 6, by run ID.
func Runs(summaries []replay.Summary) []Row {
	var rows []Row
	latest := replay.Latest(summaries) // by run, then part
	for len(latest) > 0 {
		n := 1
		for n < len(latest) && latest[n].RunID == latest[0].RunID {
			n++
		}
		rows = append(rows, merge(latest[:n]))
		latest = latest[n:]
	}
	return rows
}

// merge puts the parts of one run together.
func merge(parts []replay.Summary) Row {
	row := Row{"run_id": parts[0].RunID, "parts": int64(len(parts))}
	row.identify(parts)
	row.believe(parts)
	row.add(parts)
	row.doubt(parts)
	var revision int64
	start, end := parts[0].Start, parts[0].End
	for i := range parts {
		p := &parts[i]
		revision = max(revision, p.Revision)
		if p.Start.Before(start) {
			start = p.Start
		}
		if p.End.After(end) {
			end = p.End
		}
	}
	row["revision"], row["started_at"], row["ended_at"] = revision, start, end
	return row
}

// identify takes each field from the part that knows the run best: one that saw
// its root, else the one that began first, else the next.
func (row Row) identify(parts []replay.Summary) {
	order := slices.Clone(parts)
	unrooted := func(s *replay.Summary) int {
		if s.Text(botanu.Completion) == "root_ended" {
			return 0
		}
		return 1
	}
	slices.SortFunc(order, func(a, b replay.Summary) int {
		return cmp.Or(cmp.Compare(unrooted(&a), unrooted(&b)), a.Start.Compare(b.Start), cmp.Compare(a.Part, b.Part))
	})
	for column, key := range map[string]string{
		"event_id": botanu.EventID, "customer_id": botanu.Customer, "workflow": botanu.Workflow,
		"environment": botanu.Environment, "attempt": botanu.Attempt,
		"parent_run_id": botanu.ParentRun, "root_run_id": botanu.RootRun, "retry_of_run_id": botanu.RetryOf,
		"workflow_version": botanu.SummaryVersion, "tenant_id": botanu.Tenant,
		"team": botanu.Team, "cost_center": botanu.CostCenter, "region": botanu.Region,
	} {
		row[column] = nil
		for i := range order {
			if v, ok := order[i].Attributes[key]; ok {
				row[column] = v
				break
			}
		}
	}
}

// believe takes the outcome with the greatest (rank, time, part), whole.
func (row Row) believe(parts []replay.Summary) {
	best := slices.MaxFunc(parts, func(a, b replay.Summary) int {
		return cmp.Or(
			cmp.Compare(a.Int(botanu.OutcomeRank), b.Int(botanu.OutcomeRank)),
			cmp.Compare(a.Text(botanu.OutcomeTime), b.Text(botanu.OutcomeTime)), cmp.Compare(a.Part, b.Part),
		)
	})
	for column, key := range map[string]string{
		"outcome_status": botanu.OutcomeStatus, "outcome_value_type": botanu.OutcomeValueType,
		"outcome_value_amount": botanu.OutcomeValueAmount, "value_per_unit": botanu.OutcomeValuePerUnit,
	} {
		row[column] = best.Attributes[key]
	}
}

// add adds up what parts add up. There is no total where no part with calls has
// one.
func (row Row) add(parts []replay.Summary) {
	var total money.Amount
	known := false
	accuracy := billing.Exact
	sums := map[string]int64{}
	for i := range parts {
		p := &parts[i]
		for column, key := range map[string]string{
			"llm_calls": botanu.LLMCalls, "unpriced_calls": botanu.LLMUnpricedCalls,
			"input_tokens": botanu.TokensInput, "output_tokens": botanu.TokensOutput,
		} {
			sums[column] += p.Int(key)
			row[column] = sums[column]
		}
		accuracy = accuracy.With(billing.ParseAccuracy(p.Text(botanu.CostAccuracy)))
		if text := p.Text(botanu.CostTotalExact); text != "" {
			total += amount(text)
			known = known || p.Int(botanu.LLMCalls) > 0
		}
	}
	row["cost_accuracy"], row["total_cost"] = accuracy.String(), nil
	if known || sums["llm_calls"] == 0 {
		row["total_cost"] = total
	}
}

// doubt says why the cost may differ from the invoice, and which way. What is
// unknown is at least what is known of it.
func (row Row) doubt(parts []replay.Summary) {
	caveats := []string{}
	higher, lower := false, false
	for i := range parts {
		codes, _ := parts[i].Attributes[botanu.CostCaveats].([]any)
		for _, code := range codes {
			caveats = append(caveats, code.(string))
		}
		switch billing.ParseAccuracy(parts[i].Text(botanu.CostAccuracy)) {
		case billing.Exact:
		case billing.LowerBound, billing.Unknown:
			higher = true
		case billing.UpperBound:
			lower = true
		case billing.Estimate:
			higher, lower = true, true
		}
	}
	slices.Sort(caveats)
	row["cost_caveats"], row["may_be_higher"], row["may_be_lower"] = slices.Compact(caveats), higher, lower
}

// Usage are the rows of relation model_usage: what the newest revision of each
// part says of each model, by run, part, provider and model.
func Usage(summaries []replay.Summary) []Row {
	var rows []Row
	for _, s := range replay.Latest(summaries) {
		for _, m := range s.Models {
			row := Row{
				"run_id": s.RunID, "part": s.Part, "day": s.Start.Format(time.DateOnly),
				"provider": m[botanu.ModelProvider], "model": m[botanu.ModelName],
				"calls": m[botanu.UsageCalls], "unpriced_calls": m[botanu.UsageUnpricedCalls],
				"input_uncached": m[botanu.UsageInputUncached], "cache_read": m[botanu.UsageCacheRead],
				"cache_write": m[botanu.UsageCacheWrite], "output": m[botanu.UsageOutput], "cost": nil,
			}
			if text, ok := m[botanu.UsageCostExact].(string); ok {
				row["cost"] = amount(text)
			}
			rows = append(rows, row)
		}
	}
	key := func(r Row) string { return fmt.Sprint(r["run_id"], r["part"], r["provider"], r["model"]) }
	slices.SortFunc(rows, func(a, b Row) int { return cmp.Compare(key(a), key(b)) })
	return rows
}

// amount reads what this package wrote.
func amount(text string) money.Amount {
	a, err := money.Parse(text)
	if err != nil {
		panic(fmt.Sprintf("amount %q: %v", text, err))
	}
	return a
}

// eventRow is what the collector says of an event.
func eventRow(s event.Summary, eventID, customer string) Row {
	row := Row{
		"event_id": eventID, "customer_id": nullable(customer),
		"workflow": nullable(s.Identity[run.Workflow]), "environment": nullable(s.Identity[run.Environment]),
		"outcome_status": nullable(s.Outcome.Status.String()), "outcome_value_type": nullable(s.Outcome.ValueType),
		"outcome_value_amount": nil, "value_per_unit": nil,
		"attempts": int64(s.Attempts), "runs": int64(s.Runs), "total_cost": nil, "unsuccessful_cost": nil,
		"cost_accuracy": s.Accuracy.String(),
		"llm_calls":     int64(s.Calls), "input_tokens": s.Tokens.InputTotal(), "output_tokens": s.Tokens.OutputTotal(),
		"started_at": time.Unix(0, s.Start).UTC(), "ended_at": time.Unix(0, s.End).UTC(), "unpriced_calls": int64(s.Unpriced),
	}
	if s.Outcome.Amount.OK {
		row["outcome_value_amount"] = s.Outcome.Amount.N
	}
	if price, ok := prices[s.Outcome.ValueType]; ok {
		row["value_per_unit"] = price
	}
	if s.Known {
		row["total_cost"], row["unsuccessful_cost"] = s.Total, s.Unsuccessful
	}
	return row
}

func nullable(text string) any {
	if text == "" {
		return nil
	}
	return text
}
