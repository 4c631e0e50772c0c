package money

import (
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"testing"
)

func TestParse(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		a, err := Parse(in)
		if err != nil || a.String() != want {
			t.Errorf("Parse(%q) = %s, %v; want %s", in, a, err, want)
		}
	}
	f("0", "0")
	f("-0", "0")
	f("0.0075", "0.0075")
	f("+1", "1")
	f("-1.5", "-1.5")
	f("1.", "1")
	f(".5", "0.5")
	f("007", "7")
	f("1e-6", "0.000001")
	f("1.5E3", "1500")
	f("1e+2", "100")
	f("0.000000000001", "0.000000000001")
	f("0.0000000000010000000000", "0.000000000001")
	f("1000000000000e-12", "1")
	f("9223372.036854775807", "9223372.036854775807")
	f("-9223372.036854775808", "-9223372.036854775808")
	f("0.00e99999", "0")
	f("100.000000000000000000000000000000000", "100")
}

func TestParse_error(t *testing.T) {
	f := func(in string, want error) {
		t.Helper()
		if a, err := Parse(in); !errors.Is(err, want) {
			t.Errorf("Parse(%q) = %s, %v; want %v", in, a, err, want)
		}
	}
	for _, in := range []string{"", ".", "-", "+-1", "1..2", "1.2.3", "1e", "e5", "1e1.5", "0x10", "1_000", "1,5", " 1", "1 ", "Inf", "NaN", "1/3", "$1", "1e1234567", "٣"} {
		f(in, ErrSyntax)
	}
	f("0.0000000000001", ErrPrecision)
	f("1e-13", ErrPrecision)
	f("1e-99999", ErrPrecision)
	f("1.2345678901234567890123", ErrPrecision)
	f("9223372.036854775808", ErrOverflow)
	f("-9223372.036854775809", ErrOverflow)
	f("1e7", ErrOverflow)
	f("1e99999", ErrOverflow)
	f("99999999999999999999999999999999999999999999999999999999999999999999", ErrSyntax)
}

func TestFromFloat(t *testing.T) {
	f := func(in float64, want string) {
		t.Helper()
		a, err := FromFloat(in)
		if err != nil || a.String() != want {
			t.Errorf("FromFloat(%v) = %s, %v; want %s", in, a, err, want)
		}
	}
	f(0, "0")
	f(math.Copysign(0, -1), "0")
	f(0.1, "0.1")
	f(0.1+0.2, "0.3") // 0.30000000000000004
	f(0.0075, "0.0075")
	f(-0.25, "-0.25")
	f(1e-6, "0.000001")
	f(0.5e-12, "0") // half to even
	f(1.5e-12, "0.000000000002")
	f(2.5e-12, "0.000000000002")
	f(2.5000001e-12, "0.000000000003")
	f(-2.5e-12, "-0.000000000002")
	f(math.SmallestNonzeroFloat64, "0")
	f(9223372, "9223372")
}

func TestFromFloat_error(t *testing.T) {
	f := func(in float64, want error) {
		t.Helper()
		if a, err := FromFloat(in); !errors.Is(err, want) {
			t.Errorf("FromFloat(%v) = %s, %v; want %v", in, a, err, want)
		}
	}
	f(math.NaN(), ErrNotFinite)
	f(math.Inf(1), ErrNotFinite)
	f(math.Inf(-1), ErrNotFinite)
	f(9223373, ErrOverflow)
	f(-1e300, ErrOverflow)
}

func TestFromText(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		a, err := FromText(in)
		if err != nil || a.String() != want {
			t.Errorf("FromText(%q) = %s, %v; want %s", in, a, err, want)
		}
	}
	f("0.0000000000005", "0")
	f("0.0000000000015", "0.000000000002")
	f("0.1000000000000000055511151231257827", "0.1")
	f("-0.00000000000150000000000000000000001", "-0.000000000002")
	f("1e-99999", "0")
	if _, err := FromText("12e99"); !errors.Is(err, ErrOverflow) {
		t.Errorf("12e99: %v", err)
	}
	if _, err := FromText("1/3"); !errors.Is(err, ErrSyntax) {
		t.Errorf("1/3: %v", err)
	}
}

func TestPerUnit(t *testing.T) {
	f := func(in string, per int64, want Amount) {
		t.Helper()
		if a, err := PerUnit(in, per); err != nil || a != want {
			t.Errorf("PerUnit(%q, %d) = %d, %v; want %d", in, per, a, err, want)
		}
	}
	f("0.08333333333333334", 1e6, 83333)
	f("0.18000000000000002", 1e6, 180000)
	f("0.0000025", 1e6, 2)
	f("0.0000035", 1e6, 4)
}

func TestOverflow(t *testing.T) {
	f := func(name string, got Amount, err, want error) {
		t.Helper()
		if !errors.Is(err, want) || (want == nil) != (err == nil) {
			t.Errorf("%s = %d, %v; want %v", name, got, err, want)
		}
	}
	a, err := Max.Add(1)
	f("Max+1", a, err, ErrOverflow)
	a, err = Min.Add(-1)
	f("Min-1", a, err, ErrOverflow)
	a, err = Min.Sub(1)
	f("Min-1", a, err, ErrOverflow)
	a, err = Amount(0).Sub(Min)
	f("0-Min", a, err, ErrOverflow)
	a, err = Amount(-1).Sub(Min)
	f("-1-Min", a, err, nil)
	a, err = Max.Mul(2)
	f("Max*2", a, err, ErrOverflow)
	a, err = Min.Mul(-1)
	f("Min*-1", a, err, ErrOverflow)
	a, err = Min.Mul(1)
	f("Min*1", a, err, nil)
	a, err = Max.MulDiv(math.MaxInt64, math.MaxInt64)
	f("Max*max/max", a, err, nil)
	a, err = Max.MulDiv(1, 0)
	f("/0", a, err, ErrOverflow)
}

// Against arithmetic without limits, on numbers of every size.
func TestArithmetic_againstBig(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func() int64 { return int64(r.Uint64()) >> r.IntN(64) }
	for range 200_000 {
		a, n, per := Amount(pick()), pick(), pick()&math.MaxInt64|1
		check := func(name string, got Amount, err error, want *big.Int) {
			t.Helper()
			if want.IsInt64() != (err == nil) || (err == nil && int64(got) != want.Int64()) {
				t.Fatalf("%s of %d %d %d = %d, %v; want %s", name, a, n, per, got, err, want)
			}
		}
		x, y := big.NewInt(int64(a)), big.NewInt(n)
		sum, err := a.Add(Amount(n))
		check("Add", sum, err, new(big.Int).Add(x, y))
		diff, err := a.Sub(Amount(n))
		check("Sub", diff, err, new(big.Int).Sub(x, y))
		product := new(big.Int).Mul(x, y)
		got, err := a.Mul(n)
		check("Mul", got, err, product)
		got, err = a.MulDiv(n, per)
		check("MulDiv", got, err, halfEven(product, big.NewInt(per)))
	}
}

func halfEven(num, den *big.Int) *big.Int {
	quo, rem := new(big.Int).QuoRem(new(big.Int).Abs(num), den, new(big.Int))
	if c := rem.Lsh(rem, 1).Cmp(den); c > 0 || (c == 0 && quo.Bit(0) == 1) {
		quo.Add(quo, big.NewInt(1))
	}
	if num.Sign() < 0 {
		quo.Neg(quo)
	}
	return quo
}

func TestTimes(t *testing.T) {
	f := func(a Amount, d string, per int64, want Amount, exact bool) {
		t.Helper()
		dec, err := ParseDecimal(d)
		if err != nil {
			t.Fatal(err)
		}
		got, ok, err := a.Times(dec, per)
		if err != nil || got != want || ok != exact {
			t.Errorf("%d × %s ÷ %d = %d, %v, %v; want %d, %v", a, d, per, got, ok, err, want, exact)
		}
	}
	f(5*Dollar, "1e12", 1e12, 5*Dollar, true)
	f(Dollar, "0.5", 1, Dollar/2, true)
	f(1, "0.5", 1, 0, false)
	f(3, "0.5", 1, 2, false)
	f(Dollar, "1", 3, 333333333333, false)
	f(1, "1e-99", 1, 0, false)
	f(0, "1e99", 1, 0, true)
	f(-7, "0.5", 1, -4, false)
	if _, _, err := Dollar.Times(Decimal{Digits: 1, Exponent: 99}, 1); !errors.Is(err, ErrOverflow) {
		t.Errorf("1e99: %v", err)
	}
}

func TestFloat64_nearest(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 100_000 {
		a := Amount(int64(r.Uint64()) >> r.IntN(64))
		want, _ := strconv.ParseFloat(a.String(), 64)
		if got := a.Float64(); got != want {
			t.Fatalf("Float64 of %s = %v, want %v", a, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"0", "1.5", "-2e-6", "1e12", "0.000000000001", "9223372.036854775807", "00.10", "1/3", "0x1p4"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := Parse(s)
		rounded, roundedErr := FromText(s)
		if err != nil {
			return
		}
		if roundedErr != nil || rounded != a {
			t.Fatalf("Parse(%q) = %s, FromText = %s, %v", s, a, rounded, roundedErr)
		}
		if back, err := Parse(a.String()); err != nil || back != a {
			t.Fatalf("%q: %s parses back as %s, %v", s, a, back, err)
		}
		want, ok := new(big.Rat).SetString(s)
		got, _ := new(big.Rat).SetString(a.String())
		if len(s) < 20 && ok && want.Cmp(got) != 0 {
			t.Fatalf("Parse(%q) = %s, want %s", s, a, want)
		}
	})
}

func FuzzFromFloat(f *testing.F) {
	for _, x := range []float64{0, 0.1, 1e-12, 2.5e-12, 9223372, -1, 1e300} {
		f.Add(x)
	}
	f.Fuzz(func(t *testing.T, x float64) {
		a, err := FromFloat(x)
		if err != nil {
			return
		}
		if diff := math.Abs(a.Float64() - x); diff > 0.5e-12+math.Abs(x)*1e-15 {
			t.Fatalf("FromFloat(%v) = %s", x, a)
		}
		if again, err := FromFloat(a.Float64()); err != nil || (math.Abs(x) < 4000 && again != a) {
			t.Fatalf("%v: %s comes back as %s, %v", x, a, again, err)
		}
	})
}

func BenchmarkMulDiv(b *testing.B) {
	b.ReportAllocs()
	a := Amount(2_500_000)
	for b.Loop() {
		if _, err := a.MulDiv(1234, 1); err != nil {
			b.Fatal(err)
		}
	}
}
