package billing

// Accuracy is what a total may be taken for.
type Accuracy uint8

// The accuracies, from the strongest to the weakest. [Accuracy.With] joins
// two; it is the greater of the two in this order but for one pair: a total
// that may be too low for one reason and too high for another is no bound.
const (
	Exact      Accuracy = iota // as far as spans tell: nothing missing, nothing assumed
	LowerBound                 // the invoice is this or more
	UpperBound                 // the invoice is this or less
	Estimate                   // may be off either way
	Unknown                    // there is no total
)

var accuracies = [...]string{"exact", "lower_bound", "upper_bound", "estimate", "unknown"}

// String is the code of the accuracy.
func (a Accuracy) String() string {
	if int(a) < len(accuracies) {
		return accuracies[a]
	}
	return "unknown"
}

// ParseAccuracy is the accuracy with the given code; of a code that is not
// known, Unknown, for nothing can be claimed of it.
func ParseAccuracy(code string) Accuracy {
	for i, s := range accuracies {
		if s == code {
			return Accuracy(i)
		}
	}
	return Unknown
}

// With is what is left of two claims about one total. It is associative,
// commutative and idempotent, so parts of a run may be joined in any order.
func (a Accuracy) With(b Accuracy) Accuracy {
	if a == LowerBound && b == UpperBound || a == UpperBound && b == LowerBound {
		return Estimate
	}
	return max(a, b)
}

// Claim is the strongest accuracy that a total with these caveats may claim.
//
//	unpriced_calls, usage_missing    lower_bound  tokens or calls without money
//	residual                         lower_bound  what was not billed can only add
//	sampled, span_limit, overflow    lower_bound  what is not there can only add
//	currency                         lower_bound  a cost that was not read
//	cache_ttl_assumed                lower_bound  an hour costs more than five minutes
//	cache_unreported                 upper_bound  cached tokens priced as new ones
//	usage_inexact                    upper_bound  known defects that count too much; beside usage_missing, either way
//	possible_duplicate               upper_bound  billed as two, may be one
//	cache_assumed                    estimate     the wrong reading errs either way
//	usage_estimated, usage_conflict  estimate     numbers of unknown error
//	attribution_suspect              estimate     a call too many here is one too few elsewhere
//	tier_assumed, tier_unpriced      estimate     the rate may be the wrong one
//	cost_estimated                   estimate     somebody's list price, at some time
//	cost_unread                      estimate     what was stated may have been another price
//	unit_fallback                    estimate     cached input at the rate of new input, say
//
// A code is here even where the difference is likely to be nothing: a run
// marked exact although its spans gave a sign of the difference is the worst
// defect this project can have.
func (c Caveats) Claim() Accuracy {
	const (
		lower = UnpricedCalls | UsageMissing | ResidualLeft | Sampled | SpanLimit | Overflow | Currency | CacheTTLAssumed
		upper = CacheUnreported | UsageInexact | PossibleDuplicate
	)
	a := Exact
	if c&lower != 0 {
		a = a.With(LowerBound)
	}
	if c&upper != 0 {
		a = a.With(UpperBound)
	}
	if c&^(lower|upper) != 0 {
		a = a.With(Estimate)
	}
	return a
}
