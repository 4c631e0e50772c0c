// Package digesttest holds digests against the types that they are of.
package digesttest

import (
	"crypto/sha256"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// EveryField changes every field of an S, at any depth, and asks for another
// digest each time; it says how many it changed. full makes an S in which no
// pointer is nil and no list empty. The relative fields, by a path of names such
// as Links.Revision, say nothing by themselves: changing one must not change the
// digest, and those that full leaves out are not looked into.
func EveryField[S any](t *testing.T, full func() *S, digest func(*S) [sha256.Size]byte, relative ...string) (changed int) {
	t.Helper()
	before := digest(full())
	seen := map[string]bool{}
	var visit func(at string, find func(*S) reflect.Value)
	hold := func(at string, s *S) {
		t.Helper()
		changed++
		if slices.ContainsFunc(relative, func(path string) bool { return at == path || strings.HasPrefix(at, path+".") }) {
			assert.Equal(t, before, digest(s), at)
		} else {
			assert.NotEqual(t, before, digest(s), at)
		}
	}
	visit = func(at string, find func(*S) reflect.Value) {
		isRelative := slices.Contains(relative, at)
		seen[at] = true
		switch v := find(full()); v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				visit(strings.TrimPrefix(at+"."+v.Type().Field(i).Name, "."), func(s *S) reflect.Value { return find(s).Field(i) })
			}
		case reflect.Interface:
			for _, other := range []any{"w", true, int64(1), 1.5} {
				s := full()
				find(s).Set(reflect.ValueOf(other))
				hold(at, s)
			}
		case reflect.Pointer:
			if isRelative && v.IsNil() {
				return
			}
			visit(at, func(s *S) reflect.Value { return find(s).Elem() })
		case reflect.Slice, reflect.Array:
			if isRelative && v.Len() == 0 {
				return
			}
			require.NotZero(t, v.Len(), "%s is empty", at)
			if v.Kind() == reflect.Slice {
				s := full()
				find(s).SetZero()
				hold(at, s)
			}
			for i := range v.Len() {
				visit(at, func(s *S) reflect.Value { return find(s).Index(i) })
			}
		default:
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
			hold(at, s)
		}
	}
	visit("", func(s *S) reflect.Value { return reflect.ValueOf(s).Elem() })
	for _, path := range relative {
		require.True(t, seen[path], "no field %s", path)
	}
	return changed
}
