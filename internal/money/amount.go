// Package money holds exact amounts of US dollars.
//
// Every operation is exact or says that it is not: nothing wraps, nothing
// saturates, and no float takes part in a sum. The only rounding is
// [RoundHalfEven], and only what is read from outside the program or divided
// ever comes to it.
package money

import (
	"errors"
	"math"
	"math/bits"
	"strconv"
)

// Amount is an amount of US dollars in picodollars (10^-12 USD), in the manner
// of time.Duration.
//
// Picodollars, because the finest price in use, 0.003625 USD per million
// tokens, is 3625 of them for one token: nanodollars are too coarse. An int64
// of them reaches ±9.2 million USD, where a float64 stops being exact at
// 9,007 USD. A wider type was rejected: a run that spends nine million dollars
// is an error in the data, and [ErrOverflow] says so.
type Amount int64

// The units of an [Amount].
const (
	Picodollar Amount = 1
	Dollar     Amount = 1_000_000_000_000

	// Max and Min are the ends of the range, about ±9,223,372 USD.
	Max Amount = math.MaxInt64
	Min Amount = math.MinInt64
)

// fractionDigits is the number of decimal digits after the point that an
// Amount in US dollars can hold.
const fractionDigits = 12

// ErrOverflow says that a result lies outside [Min] and [Max].
var ErrOverflow = errors.New("amount of money outside ±9223372 USD")

// Add is the exact sum a + b, or [ErrOverflow].
func (a Amount) Add(b Amount) (Amount, error) {
	sum := a + b
	if (sum > a) != (b > 0) && b != 0 {
		return 0, ErrOverflow
	}
	return sum, nil
}

// Sub is the exact difference a - b, or [ErrOverflow].
func (a Amount) Sub(b Amount) (Amount, error) {
	diff := a - b
	if (diff < a) != (b > 0) && b != 0 {
		return 0, ErrOverflow
	}
	return diff, nil
}

// Mul is the exact product of a price for one and a count, or [ErrOverflow].
func (a Amount) Mul(count int64) (Amount, error) {
	return a.MulDiv(count, 1)
}

// MulDiv is a × count ÷ per, rounded by [RoundHalfEven] where per does not
// divide the product: the price of count units where a is the price of per of
// them. The product itself is held in 128 bits and never overflows. It returns
// [ErrOverflow] where the quotient leaves the range or per is not above zero.
func (a Amount) MulDiv(count, per int64) (Amount, error) {
	if per <= 0 {
		return 0, ErrOverflow
	}
	hi, lo := bits.Mul64(magnitude(int64(a)), magnitude(count))
	return RoundHalfEven((a < 0) != (count < 0), hi, lo, uint64(per))
}

// RoundHalfEven is the one place where an amount is rounded: the quotient of
// the 128-bit magnitude hi:lo and per, to the nearest picodollar, and to the
// even one of two that are equally near. It returns [ErrOverflow] where the
// quotient leaves the range or per is zero.
func RoundHalfEven(negative bool, hi, lo, per uint64) (Amount, error) {
	if hi >= per { // also where per is 0; bits.Div64 would panic
		return 0, ErrOverflow
	}
	quo, rem := bits.Div64(hi, lo, per)
	if up := per - rem; rem > up || (rem == up && quo&1 == 1) {
		quo++ // cannot wrap: per >= 2 here, so quo <= 2^64 / 2 or hi was not below per
		if quo == 0 {
			return 0, ErrOverflow
		}
	}
	switch {
	case quo <= math.MaxInt64 && negative:
		return Amount(-int64(quo)), nil
	case quo <= math.MaxInt64:
		return Amount(quo), nil
	case quo == 1<<63 && negative:
		return Min, nil
	}
	return 0, ErrOverflow
}

// String is the amount in US dollars as a plain decimal: no exponent, no
// trailing zeros, "0.0075", "0", "-1.5". [Parse] reads it back exactly.
func (a Amount) String() string {
	return string(a.AppendText(nil))
}

// AppendText appends what [Amount.String] returns.
func (a Amount) AppendText(b []byte) []byte {
	if a < 0 {
		b = append(b, '-')
	}
	m := magnitude(int64(a))
	b = strconv.AppendUint(b, m/uint64(Dollar), 10)
	fraction := m % uint64(Dollar)
	if fraction == 0 {
		return b
	}
	var digits [1 + fractionDigits]byte
	digits[0] = '.'
	end := 0 // after the last digit that is not a zero
	for i := fractionDigits; i > 0; i-- {
		digits[i] = byte('0' + fraction%10)
		if end == 0 && digits[i] != '0' {
			end = i + 1
		}
		fraction /= 10
	}
	return append(b, digits[:end]...)
}

// Float64 is the float64 of US dollars nearest to the amount. It is for what
// leaves the program as a double and must never come back into a sum.
//
// It parses the decimal: float64(a)/1e12 rounds twice, once above 2^53
// picodollars and once by the division.
func (a Amount) Float64() float64 {
	if m := magnitude(int64(a)); m < 1<<53 {
		return float64(a) / 1e12 // both operands exact, so one rounding
	}
	f, _ := strconv.ParseFloat(a.String(), 64) // the text of a number in range is always well formed
	return f
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}
