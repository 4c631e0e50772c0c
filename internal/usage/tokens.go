// Package usage holds the unit every other part of the cost agrees on: the
// tokens of one call, cut into parts of which no two hold the same token.
package usage

import (
	"math/bits"

	"github.com/runrollup/runrollupprocessor/internal/digest"
)

// Tokens is a partition of the tokens of one call to a model provider: every
// token that the provider bills is in exactly one field, so a price is a sum
// of products. All counts are tokens and never negative.
//
// Instrumentations write overlapping numbers (an input that includes what was
// read from the cache, an output that includes reasoning). Undoing the overlap
// is the work of package billing; from here on there is none.
type Tokens struct {
	Input          int64 // input that was neither read from nor written to a cache, without audio
	CacheRead      int64 // input read from the provider's prompt cache, without audio
	CacheWrite5m   int64 // input written to the cache for five minutes, also where no lifetime is stated
	CacheWrite1h   int64 // input written to the cache for one hour
	InputAudio     int64 // audio input not read from a cache
	CacheReadAudio int64 // audio input read from a cache
	Output         int64 // output without reasoning and without audio
	Reasoning      int64 // output that the model spent on reasoning
	OutputAudio    int64 // audio output
}

// InputTotal is all input: what a provider whose API is inclusive calls input
// tokens, and what a context tier is chosen by.
func (t Tokens) InputTotal() int64 {
	return t.Input + t.CacheRead + t.CacheWrite5m + t.CacheWrite1h + t.InputAudio + t.CacheReadAudio
}

// InputUncached is the input that no cache was read or written for.
func (t Tokens) InputUncached() int64 { return t.Input + t.InputAudio }

// CacheReadTotal is the input read from a cache.
func (t Tokens) CacheReadTotal() int64 { return t.CacheRead + t.CacheReadAudio }

// CacheWrite is the input written to a cache, of any lifetime.
func (t Tokens) CacheWrite() int64 { return t.CacheWrite5m + t.CacheWrite1h }

// OutputTotal is all output, reasoning included.
func (t Tokens) OutputTotal() int64 { return t.Output + t.Reasoning + t.OutputAudio }

// IsZero reports whether no part holds a token.
func (t Tokens) IsZero() bool { return t == Tokens{} }

// Add is the sum part by part. A part that would leave int64 stays at its
// largest value: at the limit of 10^12 tokens a call (contract, section 9)
// that takes nine million calls in one run, far beyond what a run may hold.
func (t Tokens) Add(o Tokens) Tokens {
	return Tokens{
		Input:          add(t.Input, o.Input),
		CacheRead:      add(t.CacheRead, o.CacheRead),
		CacheWrite5m:   add(t.CacheWrite5m, o.CacheWrite5m),
		CacheWrite1h:   add(t.CacheWrite1h, o.CacheWrite1h),
		InputAudio:     add(t.InputAudio, o.InputAudio),
		CacheReadAudio: add(t.CacheReadAudio, o.CacheReadAudio),
		Output:         add(t.Output, o.Output),
		Reasoning:      add(t.Reasoning, o.Reasoning),
		OutputAudio:    add(t.OutputAudio, o.OutputAudio),
	}
}

// Sub is the difference part by part, which may be negative: what a revision
// takes back.
func (t Tokens) Sub(o Tokens) Tokens {
	return Tokens{
		Input:          t.Input - o.Input,
		CacheRead:      t.CacheRead - o.CacheRead,
		CacheWrite5m:   t.CacheWrite5m - o.CacheWrite5m,
		CacheWrite1h:   t.CacheWrite1h - o.CacheWrite1h,
		InputAudio:     t.InputAudio - o.InputAudio,
		CacheReadAudio: t.CacheReadAudio - o.CacheReadAudio,
		Output:         t.Output - o.Output,
		Reasoning:      t.Reasoning - o.Reasoning,
		OutputAudio:    t.OutputAudio - o.OutputAudio,
	}
}

func add(a, b int64) int64 {
	const most = 1<<63 - 1
	sum, carry := bits.Add64(uint64(a), uint64(b), 0)
	if carry != 0 || sum > most {
		return most
	}
	return int64(sum)
}

// Digest writes each kind of token.
func (t *Tokens) Digest(w *digest.Writer) {
	w.Numbers(t.Input, t.CacheRead, t.CacheWrite5m, t.CacheWrite1h, t.InputAudio, t.CacheReadAudio, t.Output, t.Reasoning, t.OutputAudio)
}
