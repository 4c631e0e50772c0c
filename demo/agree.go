package main

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/money"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// compared is what the view says of an event, in the order of [told].
const compared = `SELECT customer_id, event_id, workflow, environment, outcome_status, attempts, runs, total_cost_pico,
	unsuccessful_cost_pico, cost_accuracy, llm_calls, input_tokens, output_tokens FROM events`

// told is what an event summary says of its event.
func told(attributes map[string]any) ([]any, error) {
	var line []any
	for _, key := range []string{
		botanu.Customer, botanu.EventID, botanu.Workflow, botanu.Environment, botanu.OutcomeStatus,
		botanu.EventAttempts, botanu.EventRuns, botanu.EventCostTotalExact, botanu.EventCostUnsuccessfulExact,
		botanu.EventCostAccuracy, botanu.EventLLMCalls, botanu.EventTokensInput, botanu.EventTokensOutput,
	} {
		v := attributes[key]
		if exact, ok := v.(string); ok && strings.HasSuffix(key, "_exact") {
			amount, err := money.Parse(exact)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			v = int64(amount)
		}
		line = append(line, v)
	}
	return line, nil
}

// agree holds the view events, computed from runs, against the event summaries
// that the collector wrote by itself. It returns how many events there are, and an
// error where the two say different things: here all of an event's runs came
// to one collector, so each knows what the other does.
func agree(ctx context.Context, db *sql.DB, tds []ptrace.Traces) (int, error) {
	summaries := map[string]string{} // by customer and event; the last revision
	for span := range replay.Spans(tds...) {
		if span.Name() != botanu.EventSummary {
			continue
		}
		line, err := told(span.Attributes().AsRaw())
		if err != nil {
			return 0, err
		}
		summaries[fmt.Sprint(line[:2]...)] = fmt.Sprintln(line...)
	}
	events, err := ask(ctx, db, compared)
	if err != nil {
		return 0, err
	}
	for _, row := range events.rows {
		key, line := fmt.Sprint(row[:2]...), fmt.Sprintln(row...)
		if summaries[key] != line {
			return 0, fmt.Errorf("the view events and the collector's event summaries disagree:\n%s%s", line, summaries[key])
		}
	}
	if len(summaries) != len(events.rows) {
		return 0, fmt.Errorf("the view events has %d events, the collector summarised %d", len(events.rows), len(summaries))
	}
	return len(events.rows), nil
}
