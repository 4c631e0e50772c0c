package offline

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/internal/extract"
	"github.com/runrollup/runrollupprocessor/internal/ratecard"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// link is a span by its number, its parent's, and the run it names.
type link struct {
	trace, id, parent byte
	run               string
}

func assigned(links ...link) string {
	spans := make([]extract.Owned, len(links))
	for i, l := range links {
		spans[i] = extract.Owned{Run: l.run, Fact: run.Fact{
			Key: run.SpanKey{Trace: [16]byte{l.trace}, Span: [8]byte{l.id}}, Parent: [8]byte{l.parent},
		}}
		if l.parent == 0 {
			spans[i].Flags |= run.NoParent
		}
	}
	Assign(spans)
	var runs []string
	for i := range spans {
		runs = append(runs, spans[i].Run)
	}
	return strings.Join(runs, ",")
}

// TestAssign names the rules of the contract's section 3.
func TestAssign(t *testing.T) {
	for _, tc := range []struct{ name, want, got string }{
		{"the nearest ancestor that has one", "a,b,b,b", assigned(
			link{1, 1, 0, "a"}, link{1, 2, 1, "b"}, link{1, 3, 2, ""}, link{1, 4, 3, ""})},
		{"however late it arrives", "a,a", assigned(link{1, 2, 1, ""}, link{1, 1, 0, "a"})},
		{"where the chain is broken, the trace's only run", "a,a", assigned(link{1, 1, 0, "a"}, link{1, 3, 2, ""})},
		{"and none where the trace has several", "a,b,", assigned(link{1, 1, 0, "a"}, link{1, 2, 1, "b"}, link{1, 4, 3, ""})},
		{"a whole chain without a run has none", "a,,", assigned(link{1, 1, 0, "a"}, link{1, 2, 0, ""}, link{1, 3, 2, ""})},
		{"another trace's run is none", "a,", assigned(link{1, 1, 0, "a"}, link{2, 2, 1, ""})},
		{"a circle of parents counts as broken", "a,a,a", assigned(link{1, 1, 0, "a"}, link{1, 2, 3, ""}, link{1, 3, 2, ""})},
	} {
		assert.Equal(t, tc.want, tc.got, tc.name)
	}
}

func TestReadKeepsOneOfEachSpan(t *testing.T) {
	card, err := ratecard.Embedded()
	require.NoError(t, err)
	line := `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"00000000000000000000000000000001","spanId":"0000000000000001",` +
		`"startTimeUnixNano":"1795341456213000000","endTimeUnixNano":"1795341456270436390"}]}]}]}`
	spans, err := Read(strings.NewReader(line+"\n\n"+line), extract.New(Config(card)))
	require.NoError(t, err)
	assert.Len(t, spans, 1)
}

// TestReadSettlesAsARunDoes: of a span that comes again with a later end, the
// later one counts, in whichever order they stand.
func TestReadSettlesAsARunDoes(t *testing.T) {
	card, err := ratecard.Embedded()
	require.NoError(t, err)
	line := func(end string) string {
		return `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"00000000000000000000000000000001","spanId":"0000000000000001",` +
			`"startTimeUnixNano":"1795341456213000000","endTimeUnixNano":"` + end + `"}]}]}]}` + "\n"
	}
	early, late := line("1795341456270000000"), line("1795341456280000000")
	for _, text := range []string{early + late, late + early, early + late + early} {
		spans, err := Read(strings.NewReader(text), extract.New(Config(card)))
		require.NoError(t, err)
		require.Len(t, spans, 1)
		assert.Equal(t, int64(1795341456280000000), spans[0].End)
	}
}
