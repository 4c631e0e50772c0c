package billing

import "github.com/runrollup/runrollupprocessor/internal/genai"

// most is the largest count that is believed of one call (contract, section
// 9). Package genai does not let more through; a sum over a run of records
// made by hand must not leave int64 either.
const most = 1_000_000_000_000

// numbers are the counts of a record, or of a sum of records, made ready to
// be compared with those of another instrumentation.
type numbers struct {
	n           int64 // how many records
	raw         int64 // input as written
	all, bare   int64 // input with all cached tokens, and without
	read, write int64
	out, reason int64 // output as written; reasoning
	full        int64 // output with reasoning, by the record's own reading
	claude      bool  // an Anthropic model: output may be off by what opens a stream
	guessed     bool  // the emitter is known to estimate
}

func clamp(c genai.Count) int64 { return min(max(c.N, 0), most) }

// writes is everything written to a cache, split or not.
func writes(c *genai.Counts) int64 {
	return max(clamp(c.CacheWrite), clamp(c.CacheWrite5m)+clamp(c.CacheWrite1h))
}

func count(rec *genai.Record, input genai.Reading, claude bool) numbers {
	c := &rec.Counts
	x := numbers{n: 1, raw: clamp(c.Input), read: clamp(c.CacheRead), write: writes(c), out: clamp(c.Output),
		reason: clamp(c.Reasoning), claude: claude, guessed: rec.Traits.Has(genai.Estimates)}
	cached := x.read + x.write
	if input == genai.Exclusive || x.raw < cached {
		x.all, x.bare = x.raw+cached, x.raw
	} else {
		x.all, x.bare = x.raw, x.raw-cached
	}
	x.full = x.out
	if rec.Output.Reading == genai.Exclusive || x.out < x.reason {
		x.full += x.reason
	}
	return x
}

func (x *numbers) add(o *numbers) {
	x.n += o.n
	x.raw += o.raw
	x.all += o.all
	x.bare += o.bare
	x.read += o.read
	x.write += o.write
	x.out += o.out
	x.reason += o.reason
	x.full += o.full
	x.claude = x.claude || o.claude
	x.guessed = x.guessed || o.guessed
}

func (x *numbers) sub(o *numbers) {
	x.n -= o.n
	x.raw -= o.raw
	x.all -= o.all
	x.bare -= o.bare
	x.read -= o.read
	x.write -= o.write
	x.out -= o.out
	x.reason -= o.reason
	x.full -= o.full
}

// agreement is how well two sets of numbers may be those of one call.
type agreement uint8

const (
	differ     agreement = iota
	outputOnly           // the inputs cannot be compared: one is an estimate
	tolerable            // a few tokens of output apart
	byReading            // equal once one is read as the other
	identical            // equal as written
)

// slackOutput is by how much two records of one Anthropic call may differ in
// output: instrumentations that read streams add the tokens of the opening
// event, a handful, to a count that already has them.
const slackOutput = 8

// agree compares what two records, or a record and a sum, say of tokens.
func agree(a, b *numbers) agreement {
	out := agreeOutput(a, b)
	if out == differ {
		return differ
	}
	if !agreeInput(a, b) {
		if (a.guessed || b.guessed) && out != tolerable && a.out > 0 {
			return outputOnly
		}
		return differ
	}
	if out == identical && (a.raw != b.raw || a.read != b.read || a.write != b.write) {
		return byReading
	}
	return out
}

func agreeOutput(a, b *numbers) agreement {
	switch {
	case a.out == b.out:
		return identical
	case a.full == b.full, a.out+a.reason == b.out, b.out+b.reason == a.out:
		return byReading
	case a.claude || b.claude:
		d := a.full - b.full
		if slack := slackOutput * max(a.n, b.n); -slack <= d && d <= slack {
			return tolerable
		}
	}
	return differ
}

// agreeInput reports whether some reading of the one input is some reading of
// the other. Where one side is blind to cached tokens, it may count them as
// input or leave them out, and does not say which.
func agreeInput(a, b *numbers) bool {
	if a.raw == b.raw || a.all == b.all {
		return true
	}
	if a.read > 0 && b.read > 0 && a.read != b.read || a.write > 0 && b.write > 0 && a.write != b.write {
		return false // both saw the cache, and saw different calls
	}
	x, nx := readings(a, b)
	y, ny := readings(b, a)
	for _, v := range x[:nx] {
		for _, w := range y[:ny] {
			if v == w {
				return true
			}
		}
	}
	return false
}

// readings lists what the input of x may be for one who is as blind as o.
func readings(x, o *numbers) (list [10]int64, n int) {
	put := func(v int64) {
		if v >= 0 {
			list[n] = v
			n++
		}
	}
	put(x.raw)
	put(x.raw + x.read + x.write)
	put(x.all)
	if o.read == 0 && x.read > 0 {
		put(x.raw + x.read)
		put(x.raw - x.read)
	}
	if o.write == 0 && x.write > 0 {
		put(x.raw + x.write)
		put(x.raw - x.write)
	}
	if o.read == 0 && o.write == 0 && x.read+x.write > 0 {
		put(x.bare)
		put(x.raw - x.read - x.write)
	}
	return list, n
}

// exceeds reports whether some part of b is more than a can contain, however
// a is read: then a is no sum that b is part of.
func exceeds(b, a *numbers) bool {
	return max(a.all, a.raw+a.read+a.write) < b.bare || max(a.full, a.out+a.reason) < b.out
}
