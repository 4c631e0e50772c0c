package attrs

import (
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

func TestMarks(t *testing.T) {
	table := NewTable()
	a, b := table.Add("a"), table.Add("b")
	table.Add("plain")
	first, second := table.NewMark(), table.NewMark()
	if first == second {
		t.Fatal("two marks are one")
	}
	table.Mark(a, first)
	table.Mark(b, first|second)
	r := NewReader(table, nil)
	for _, c := range []struct {
		names []string
		want  uint64
	}{
		{nil, 0}, {[]string{"plain", "unknown"}, 0}, {[]string{"a"}, first}, {[]string{"a", "b"}, first | second}, {[]string{"plain"}, 0},
	} {
		m := pcommon.NewMap()
		for _, name := range c.names {
			m.PutBool(name, true)
		}
		if r.Read(m); r.Marks() != c.want {
			t.Errorf("%v: %b, want %b", c.names, r.Marks(), c.want)
		}
	}
}
