package money

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// Errors of [Parse], [FromFloat] and [FromText]; test with errors.Is.
var (
	ErrSyntax    = errors.New("not a decimal number")
	ErrPrecision = errors.New("more than 12 digits after the decimal point")
	ErrNotFinite = errors.New("not a finite number")
)

// maxText bounds what is read as a number; the longest exact amount has 21
// characters, and the longest decimal that a float64 prints has 25.
const maxText = 64

// Parse reads US dollars from a decimal such as "0.0075", "-1.5" or "2e-6",
// exactly. It returns [ErrPrecision] where the value is not a whole number of
// picodollars (zeros at the end do not count), [ErrOverflow] or [ErrSyntax].
// It is for prices that a person wrote down: a price that cannot be held is a
// mistake to be shown, not to be rounded.
func Parse(s string) (Amount, error) {
	return parse(s, false)
}

// FromText reads US dollars as something outside the program stated them, in
// digits, and rounds half to even to a whole picodollar. The sign is kept.
// It returns [ErrOverflow] or [ErrSyntax].
func FromText(s string) (Amount, error) {
	return parse(s, true)
}

// FromFloat reads US dollars from a float64 as something outside the program
// stated them: the shortest decimal that means this float64, which is what was
// meant by the one who wrote 0.1, rounded half to even to a whole picodollar.
// The sign is kept. It returns [ErrNotFinite] for NaN and infinities, and
// [ErrOverflow].
func FromFloat(f float64) (Amount, error) {
	d, err := DecimalOf(f)
	if err != nil {
		return 0, err
	}
	a, _, err := d.Amount()
	return a, err
}

func parse(s string, round bool) (Amount, error) {
	d, err := ParseDecimal(s)
	if round && errors.Is(err, ErrPrecision) {
		return PerUnit(s, 1)
	}
	if err != nil {
		return 0, err
	}
	a, exact, err := d.Amount()
	if err != nil {
		return 0, err
	}
	if !exact && !round {
		return 0, fmt.Errorf("%w: %q", ErrPrecision, s)
	}
	return a, nil
}

// Decimal is the number Digits × 10^Exponent, negated where Negative. Digits
// has no zeros at its end but for the number 0, which has Exponent 0.
type Decimal struct {
	Negative bool
	Digits   uint64
	Exponent int
}

// ParseDecimal reads a decimal number exactly: digits, at most one point, and
// an optional exponent. It returns [ErrSyntax], or [ErrPrecision] where the
// number has more than 19 significant digits.
//
// strconv and big.Rat were rejected: both accept hexadecimal, underscores,
// "Inf" and fractions, which in a price list are mistakes.
func ParseDecimal(s string) (Decimal, error) {
	mantissa, exponent, err := split(s)
	if err != nil {
		return Decimal{}, err
	}
	d := Decimal{Exponent: exponent}
	point := false
	pending := 0 // zeros wait until a digit follows, so that "1.000…0" of any length stays short
	for _, c := range []byte(mantissa) {
		switch c {
		case '+', '-':
			d.Negative = c == '-'
			continue
		case '.':
			point = true
			continue
		}
		if point {
			d.Exponent--
		}
		if c == '0' {
			pending++
			continue
		}
		for range pending + 1 {
			if d.Digits == 0 {
				break // leading zeros
			}
			if d.Digits > (math.MaxUint64-9)/10 {
				return Decimal{}, fmt.Errorf("%w: %q has more than 19 significant digits", ErrPrecision, s)
			}
			d.Digits *= 10
		}
		d.Digits += uint64(c - '0')
		pending = 0
	}
	d.Exponent += pending
	if d.Digits == 0 {
		return Decimal{}, nil
	}
	return d, nil
}

// split checks that s is a decimal number, and takes its exponent off.
func split(s string) (mantissa string, exponent int, err error) {
	if len(s) > maxText {
		return "", 0, fmt.Errorf("%w: %q… has %d characters, at most %d are read", ErrSyntax, s[:16], len(s), maxText)
	}
	mantissa = s
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa = s[:i]
		// strconv.Atoi takes a sign, and no underscores.
		if exponent, err = strconv.Atoi(s[i+1:]); err != nil || len(s)-i > 7 {
			return "", 0, fmt.Errorf("%w: %q", ErrSyntax, s)
		}
	}
	digits, points := 0, 0
	for i, c := range []byte(mantissa) {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c == '.' && points == 0:
			points++
		case (c == '-' || c == '+') && i == 0:
		default:
			return "", 0, fmt.Errorf("%w: %q", ErrSyntax, s)
		}
	}
	if digits == 0 {
		return "", 0, fmt.Errorf("%w: %q", ErrSyntax, s)
	}
	return mantissa, exponent, nil
}

// Amount is the decimal as US dollars, rounded by [RoundHalfEven]; exact says
// whether it did not have to be. It returns [ErrOverflow].
func (d Decimal) Amount() (a Amount, exact bool, err error) {
	return Dollar.Times(d, 1)
}

// Times is a × d ÷ per: the price of d units where a is the price of per of
// them. It is rounded by [RoundHalfEven]; exact says whether it did not have
// to be. It returns [ErrOverflow] where the result leaves the range or per is
// not above zero.
//
// It serves quantities that may have a fraction, where 128 bits do not hold
// every product; [Amount.MulDiv] serves counts.
func (a Amount) Times(d Decimal, per int64) (_ Amount, exact bool, err error) {
	if per <= 0 {
		return 0, false, ErrOverflow
	}
	if a == 0 || d.Digits == 0 {
		return 0, true, nil
	}
	switch {
	case d.Exponent > 40: // at least 10^41 ÷ 2^63 > 10^22 picodollars
		return 0, false, ErrOverflow
	case d.Exponent < -60: // at most 2^63 × 2^64 ÷ 10^61 < 10^-22 picodollars
		return 0, false, nil
	}
	num := new(big.Int).SetUint64(magnitude(int64(a)))
	num.Mul(num, new(big.Int).SetUint64(d.Digits))
	den := big.NewInt(per)
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(d.Exponent, -d.Exponent))), nil)
	if d.Exponent >= 0 {
		num.Mul(num, power)
	} else {
		den.Mul(den, power)
	}
	return roundBig((a < 0) != d.Negative, num, den)
}

// roundBig is [RoundHalfEven] for what does not fit 128 bits: it takes the
// whole part off, and lets the remainder of the division decide as one of
// four cases that a divisor of 4 can tell apart.
func roundBig(negative bool, num, den *big.Int) (Amount, bool, error) {
	quo, rem := new(big.Int).QuoRem(num, den, new(big.Int))
	if !quo.IsUint64() || quo.BitLen() > 63 {
		if !quo.IsUint64() || quo.Uint64() != 1<<63 || !negative {
			return 0, false, ErrOverflow
		}
	}
	exact := rem.Sign() == 0
	quarters := uint64(0)
	if !exact {
		quarters = uint64(2 + rem.Lsh(rem, 1).Cmp(den)) // 1 below the half, 2 at it, 3 above
	}
	hi, lo := quo.Uint64()>>62, quo.Uint64()<<2|quarters
	a, err := RoundHalfEven(negative, hi, lo, 4)
	return a, exact, err
}

// PerUnit reads the price of per units and rounds it half to even to whole
// picodollars for one. It takes any number of digits: it is for price data
// that went through somebody's float64, where [Parse] says [ErrPrecision].
func PerUnit(s string, per int64) (Amount, error) {
	if _, exponent, err := split(s); err != nil {
		return 0, err
	} else if exponent > 99 || per <= 0 {
		return 0, ErrOverflow
	} else if exponent < -199 {
		return 0, nil // at most 10^(62-200) dollars
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return 0, fmt.Errorf("%w: %q", ErrSyntax, s)
	}
	num := new(big.Int).Mul(r.Num(), big.NewInt(int64(Dollar)))
	den := new(big.Int).Mul(r.Denom(), big.NewInt(per))
	negative := num.Sign() < 0
	a, _, err := roundBig(negative, num.Abs(num), den)
	return a, err
}

// DecimalOf is the shortest decimal that means the float64: what was meant by
// the one who wrote 0.1. It returns [ErrNotFinite] for NaN and infinities.
func DecimalOf(f float64) (Decimal, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Decimal{}, ErrNotFinite
	}
	var buf [32]byte
	return ParseDecimal(string(strconv.AppendFloat(buf[:0], f, 'g', -1, 64)))
}
