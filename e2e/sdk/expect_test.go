package sdk

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// facts are attributes of a summary as text, by name. What is absent is empty.
// The value $1 is the run ID of the event's second run, by start.
type facts map[string]string

// expectations is expect.json.
type expectations struct {
	Default perVersion `json:"default"` // of every run, unless its own facts say otherwise
	Events  []event    `json:"events"`
}

// event is one scenario. Its runs stand in the order of their starts.
type event struct {
	Name     string      `json:"event"` // the event ID; where the SDK sets none, the workflow
	Versions string      `json:"versions"`
	Runs     []run       `json:"runs"`
	Summary  *eventFacts `json:"summary"` // where there are several runs; that of one follows from the run
}

// run is one run's facts, and what each version of the SDK documents otherwise.
type run struct {
	Says    facts        `json:"says"`
	In      perVersion   `json:"in"`
	Differs []difference `json:"differs"`
}

// eventFacts are the facts of the event's own summary.
type eventFacts struct {
	Says facts      `json:"says"`
	In   perVersion `json:"in"`
}

// perVersion are facts by version of the SDK: a key is one version, several
// with spaces between, or *.
type perVersion map[string]facts

// difference is what a summary says in place of what is promised, as the SDK
// does not send it. One that is no longer needed fails the test.
type difference struct {
	Versions string `json:"versions"`
	Because  string `json:"because"`
	Says     facts  `json:"says"`
}

func covers(versions, version string) bool {
	return versions == "" || versions == "*" || slices.Contains(strings.Fields(versions), version)
}

func (p perVersion) addTo(f facts, version string) {
	for _, versions := range slices.Sorted(maps.Keys(p)) { // * comes before any version
		if covers(versions, version) {
			maps.Copy(f, p[versions])
		}
	}
}

func readExpectations(t *testing.T) *expectations {
	t.Helper()
	text, err := os.ReadFile("expect.json")
	require.NoError(t, err)
	var e expectations
	require.NoError(t, json.Unmarshal(text, &e))
	return &e
}

// of are the events that one version of the SDK plays.
func (e *expectations) of(version string) []event {
	return slices.DeleteFunc(slices.Clone(e.Events), func(ev event) bool { return !covers(ev.Versions, version) })
}

// Attributes of an event summary (contract, section 7).
const (
	eventRuns         = "botanu.event.runs"
	eventAttempts     = "botanu.event.attempts"
	eventTotal        = "botanu.event.cost.total_exact"
	eventUnsuccessful = "botanu.event.cost.unsuccessful"
)

// wantedOfEvent are the facts that the summary of an event must state, and
// false where there is none to expect, as the SDK named no event.
func (e *expectations) wantedOfEvent(ev *event, version string) (facts, bool) {
	first, _ := e.wanted(ev, 0, version)
	want := facts{botanu.EventID: ev.Name, botanu.Customer: first[botanu.Customer]}
	if len(ev.Runs) == 1 {
		maps.Copy(want, facts{
			eventRuns: "1", eventAttempts: "1", eventTotal: first[botanu.CostTotalExact],
			botanu.OutcomeStatus: first[botanu.OutcomeStatus],
		})
		switch first[botanu.OutcomeStatus] {
		case "failed", "timeout", "canceled", "abandoned":
			want[eventUnsuccessful] = first[botanu.CostTotalExact]
		default:
			want[eventUnsuccessful] = "0"
		}
		if first[botanu.CostTotalExact] == "" { // unknown, and with it the part that is lost
			delete(want, eventUnsuccessful)
		}
	}
	if ev.Summary != nil {
		maps.Copy(want, ev.Summary.Says)
		ev.Summary.In.addTo(want, version)
	}
	return want, first[botanu.EventID] != ""
}

// compareEvents is what compare is, of event summaries by event ID.
func (e *expectations) compareEvents(version string, found map[string]map[string]any) map[string][]string {
	wrong := map[string][]string{}
	for _, ev := range e.of(version) {
		want, expected := e.wantedOfEvent(&ev, version)
		attributes, is := found[ev.Name]
		if is != expected {
			wrong[ev.Name] = append(wrong[ev.Name], fmt.Sprintf("an event summary: %v, want %v", is, expected))
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(want)) {
			if got := text(attributes[key]); is && got != want[key] {
				wrong[ev.Name] = append(wrong[ev.Name], fmt.Sprintf("%s: %q, want %q", key, got, want[key]))
			}
		}
	}
	return wrong
}

// wanted are the facts that the summary of an event's run must state; problems
// are differences that differ from nothing.
func (e *expectations) wanted(ev *event, index int, version string) (want facts, problems []string) {
	want = facts{botanu.EventID: ev.Name, botanu.Workflow: ev.Name, botanu.RootRun: "$" + strconv.Itoa(index)}
	e.Default.addTo(want, version)
	maps.Copy(want, ev.Runs[index].Says)
	ev.Runs[index].In.addTo(want, version)
	for _, d := range ev.Runs[index].Differs {
		if !covers(d.Versions, version) {
			continue
		}
		for key, says := range d.Says {
			if want[key] == says {
				problems = append(problems, fmt.Sprintf("%s is listed as different (%s), but %q is what is promised", key, d.Because, says))
			}
			want[key] = says
		}
	}
	return want, problems
}

// compare holds the summaries of one play against the expectations, and says
// by event what does not agree.
func (e *expectations) compare(version string, latest []replay.Summary) map[string][]string {
	runs := byEvent(latest)
	wrong := map[string][]string{}
	for _, ev := range e.of(version) {
		found := runs[ev.Name]
		delete(runs, ev.Name)
		if len(found) != len(ev.Runs) {
			wrong[ev.Name] = append(wrong[ev.Name], fmt.Sprintf("%d runs, want %d", len(found), len(ev.Runs)))
			continue
		}
		for i := range found {
			want, problems := e.wanted(&ev, i, version)
			problems = append(problems, disagreements(want, &found[i], found)...)
			for _, p := range problems {
				wrong[ev.Name] = append(wrong[ev.Name], fmt.Sprintf("run %d: %s", i, p))
			}
		}
	}
	for name := range runs {
		wrong[name] = append(wrong[name], "no such event is expected")
	}
	return wrong
}

func disagreements(want facts, s *replay.Summary, runs []replay.Summary) []string {
	var wrong []string
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if got := symbolic(text(s.Attributes[key]), runs); got != want[key] {
			wrong = append(wrong, fmt.Sprintf("%s: %q, want %q", key, got, want[key]))
		}
	}
	for key := range s.Attributes {
		_, expected := want[key]
		switch {
		case strings.HasPrefix(key, "botanu.eval."):
			wrong = append(wrong, key+": content on a summary")
		case strings.HasPrefix(key, "botanu.outcome.metadata.") && !expected:
			wrong = append(wrong, key+": not expected")
		}
	}
	return wrong
}

// byEvent are the summaries by event, in the order of their starts. A run
// whose parts are several counts as several.
func byEvent(latest []replay.Summary) map[string][]replay.Summary {
	runs := map[string][]replay.Summary{}
	for _, s := range latest {
		name := cmp.Or(s.Text(botanu.EventID), s.Text(botanu.Workflow))
		runs[name] = append(runs[name], s)
	}
	for _, of := range runs {
		slices.SortFunc(of, func(a, b replay.Summary) int {
			return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.RunID, b.RunID))
		})
	}
	return runs
}

// symbolic writes $0 for the run ID of the first of the runs, and so on.
func symbolic(value string, runs []replay.Summary) string {
	i := slices.IndexFunc(runs, func(s replay.Summary) bool { return value != "" && s.RunID == value })
	if i < 0 {
		return value
	}
	return "$" + strconv.Itoa(i)
}

func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return fmt.Sprint(v)
}
