package journal

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/runrollup/runrollupprocessor/internal/outcome"
	"github.com/runrollup/runrollupprocessor/internal/ratecard"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// filler makes values by what their types are, not by what they mean: a field
// that is added tomorrow is filled too, and fails the round trip until the
// journal writes it.
type filler struct {
	*rand.Rand
	full bool // nothing is left empty
}

func (r *filler) fill(v reflect.Value) error {
	if !v.CanSet() {
		return fmt.Errorf("the journal cannot write an unexported field of type %s", v.Type())
	}
	if !r.full && r.IntN(3) == 0 {
		v.SetZero()
		return nil
	}
	switch v.Interface().(type) {
	case outcome.Status:
		v.SetUint(uint64(1 + r.IntN(int(outcome.Failed))))
		return nil
	case outcome.Source:
		v.SetUint(uint64(1 + r.IntN(int(outcome.FromEmission))))
		return nil
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(r.number()) | 1)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(r.number()<<(64-v.Type().Bits())>>(64-v.Type().Bits()) | 1)
	case reflect.Float64:
		v.SetFloat([]float64{1, -1, 0.1, 1e300, -5e-324, r.NormFloat64()}[r.IntN(6)])
	case reflect.String:
		v.SetString(r.text())
	case reflect.Array, reflect.Struct, reflect.Slice, reflect.Pointer:
		return r.compose(v)
	case reflect.Interface:
		v.Set(reflect.ValueOf([]any{r.text(), true, false, int64(r.number()), r.NormFloat64()}[r.IntN(5)]))
	default:
		return fmt.Errorf("the journal has no way to write a %s", v.Type())
	}
	return nil
}

func (r *filler) compose(v reflect.Value) error {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if err := r.fill(v.Field(i)); err != nil {
				return fmt.Errorf("%s.%s: %w", v.Type(), v.Type().Field(i).Name, err)
			}
		}
		return nil
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return r.fill(v.Elem())
	case reflect.Slice:
		n := r.IntN(4)
		if r.full {
			n++
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
	}
	for i := range v.Len() {
		if err := r.fill(v.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

// number is small as often as large.
func (r *filler) number() uint64 { return r.Uint64() >> r.IntN(64) }

// text repeats itself often: that is what the dictionaries are for.
func (r *filler) text() string {
	if r.IntN(20) == 0 {
		return fmt.Sprintf("%0*d", 1+r.IntN(300), r.IntN(1000))
	}
	return []string{"a", "gpt-4o", "service", "\x00\xff", "ünïcode"}[r.IntN(5)]
}

// records makes n records, of every kind in turn or of any.
func (r *filler) records(t testing.TB, n int) records {
	t.Helper()
	kinds := allKinds()
	var l records
	for i := range n {
		k := kinds[i%len(kinds)]
		if !r.full {
			k = kinds[r.IntN(len(kinds))]
		}
		var values []any
		for _, sample := range samples[k] {
			v := reflect.New(reflect.TypeOf(sample))
			if err := r.fill(v.Elem()); err != nil {
				t.Fatal(err)
			}
			values = append(values, v.Elem().Interface())
		}
		_ = l.add(k, values...)
	}
	return l
}

func TestEveryKindHasASample(t *testing.T) {
	for k := kind(1); k < kinds; k++ {
		if _, ok := samples[k]; !ok || kindNames[k] == "" {
			t.Errorf("kind %d (%q) has no sample or no name", byte(k), kindNames[k])
		}
	}
}

// What was written is read, field by field, whatever the fields hold.
func TestRoundTrip(t *testing.T) {
	var w Writer // one for all: nothing of an entry may reach the next one
	for seed := range uint64(600) {
		r := &filler{Rand: rand.New(rand.NewPCG(seed, 1)), full: seed%2 == 0}
		want := r.records(t, 1+r.IntN(60))
		want.write(&w)
		if w.Len() == 0 {
			t.Fatal("nothing written")
		}
		entry := w.Take()
		if w.Len() != 0 || w.Take() != nil {
			t.Fatal("the writer is not empty after Take")
		}
		var got records
		if err := Read(entry, &got); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if len(got) != len(want) {
			t.Fatalf("seed %d: %d records, want %d", seed, len(got), len(want))
		}
		for i := range want {
			if !reflect.DeepEqual(got[i], want[i]) {
				t.Fatalf("seed %d, record %d:\n got %+v\nwant %+v", seed, i, got[i], want[i])
			}
		}
	}
}

// The same values make the same bytes, though the hashes differ by writer.
func TestSameBytes(t *testing.T) {
	l := (&filler{Rand: rand.New(rand.NewPCG(1, 2))}).records(t, 500)
	one, other := l.entry(), l.entry()
	if !bytes.Equal(one, other) {
		t.Error("two writers, two entries")
	}
}

// Quotes are shared after reading where they were equal before.
func TestQuotesStayShared(t *testing.T) {
	r := &filler{Rand: rand.New(rand.NewPCG(3, 4)), full: true}
	var a, b, c ratecard.Quote
	for _, q := range []*ratecard.Quote{&a, &b} {
		if err := r.fill(reflect.ValueOf(q).Elem()); err != nil {
			t.Fatal(err)
		}
	}
	c = a
	var l records
	for _, q := range []*ratecard.Quote{&a, &b, &a, &c, &c, &b} {
		_ = l.add(kindFact, uint64(1), run.Fact{Detail: &run.Detail{Quote: q}})
	}
	var got records
	if err := Read(l.entry(), &got); err != nil {
		t.Fatal(err)
	}
	quote := func(i int) *ratecard.Quote { return got[i].values[1].(run.Fact).Detail.Quote }
	if quote(0) != quote(2) || quote(0) != quote(3) || quote(0) != quote(4) || quote(1) != quote(5) || quote(0) == quote(1) {
		t.Error("equal quotes are not one, or different ones are")
	}
	if !reflect.DeepEqual(*quote(0), a) || !reflect.DeepEqual(*quote(1), b) {
		t.Error("a quote changed")
	}
}

// Every status and source that has a spelling is read, and no other: one
// without would panic in the summary.
func TestStatusesAreThoseWithASpelling(t *testing.T) {
	spelled := func(say func() string) (ok bool) {
		defer func() { ok = recover() == nil }()
		_ = say()
		return true
	}
	for i := range 256 {
		o := outcome.Outcome{Status: outcome.Status(i), Source: outcome.Source(i)}
		status, source := reader{entry: []byte{byte(i)}, end: 1}, reader{entry: []byte{byte(i)}, end: 1}
		status.status()
		source.source()
		if want := spelled(o.Status.String); want != (status.fault == "") {
			t.Errorf("status %d: spelled %v, read %v", i, want, !want)
		}
		if want := spelled(o.Source.String); want != (source.fault == "") {
			t.Errorf("source %d: spelled %v, read %v", i, want, !want)
		}
	}
}

// Past the limit a dictionary lets its memory go, and works on.
func TestHugeEntry(t *testing.T) {
	var w Writer
	for range 2 {
		var want records
		for i := range 3 * keptLimit {
			f := run.Fact{Key: run.SpanKey{Trace: [16]byte{byte(i), byte(i >> 8)}}, Service: fmt.Sprint(i)}
			f.Identity[run.Event] = fmt.Sprint(i)
			_ = want.add(kindFact, uint64(i), f)
		}
		want.write(&w)
		var got records
		if err := Read(w.Take(), &got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatal("it is not what was written")
		}
		if w.names.numbers == nil || len(w.names.numbers) != 0 || w.identities.values != nil {
			t.Error("the dictionaries are not empty")
		}
	}
}
