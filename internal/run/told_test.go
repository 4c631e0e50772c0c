package run

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/internal/cost"
	"github.com/runrollup/runrollupprocessor/internal/outcome"
)

// relative are the fields of a summary that say how it differs from the one
// before, or explain it: they are not part of what it says of the run.
var relative = map[string]bool{
	"Revision": true, "PreviousStatus": true, "Increase": true, "ModelIncrease": true, "Notes": true,
}

// TestDigestTellsEveryFieldApart changes every field that a summary has, at
// any depth, and asks for another digest: a field that is added and forgotten
// in the digest would make revisions that change only it disappear.
func TestDigestTellsEveryFieldApart(t *testing.T) {
	full := func() *Summary {
		return &Summary{
			Root:  &Root{Copied: []Attribute{{Key: "k", Value: "v"}}},
			Links: []SpanKey{{}}, Services: []string{""},
			Outcome: outcome.Outcome{Metadata: []outcome.Metadata{{}}},
			Cost:    cost.Bill{Cards: []string{""}, Caveats: []string{""}, Models: []cost.Model{{}}},
		}
	}
	before := full().digest()
	changed := 0
	var visit func(at string, find func(*Summary) reflect.Value)
	visit = func(at string, find func(*Summary) reflect.Value) {
		switch v := find(full()); v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				if name := v.Type().Field(i).Name; at != "" || !relative[name] {
					visit(at+"."+name, func(s *Summary) reflect.Value { return find(s).Field(i) })
				}
			}
		case reflect.Pointer, reflect.Interface:
			if v.Kind() == reflect.Interface {
				for _, other := range []any{"w", true, int64(1), 1.5} {
					s := full()
					find(s).Set(reflect.ValueOf(other))
					assert.NotEqual(t, before, s.digest(), "%s as %T", at, other)
				}
				return
			}
			visit(at, func(s *Summary) reflect.Value { return find(s).Elem() })
		case reflect.Slice, reflect.Array:
			if v.Kind() == reflect.Slice {
				s := full()
				find(s).SetZero()
				assert.NotEqual(t, before, s.digest(), "%s without an element", at)
			}
			for i := range v.Len() {
				visit(at, func(s *Summary) reflect.Value { return find(s).Index(i) })
			}
		default:
			changed++
			s := full()
			switch f := find(s); {
			case f.CanInt():
				f.SetInt(7)
			case f.CanUint():
				f.SetUint(7)
			case f.CanFloat():
				f.SetFloat(7)
			case f.Kind() == reflect.Bool:
				f.SetBool(true)
			case f.Kind() == reflect.String:
				f.SetString("seven")
			default:
				t.Fatalf("%s is a %s", at, f.Kind())
			}
			assert.NotEqual(t, before, s.digest(), at)
		}
	}
	visit("", func(s *Summary) reflect.Value { return reflect.ValueOf(s).Elem() })
	require.Greater(t, changed, 100)
	for name := range relative {
		_, ok := reflect.TypeFor[Summary]().FieldByName(name)
		require.True(t, ok, name)
	}
}

// TestRevisionThatChangesNothingIsNone (contract, section 6).
func TestRevisionThatChangesNothingIsNone(t *testing.T) {
	first := Summary{RunID: "a", SpanCount: 2}
	told := first.Told()
	again := first
	require.False(t, again.Revise(&told))
	again.SpanCount++
	require.True(t, again.Revise(&told))
	require.Equal(t, 1, again.Revision)
}
