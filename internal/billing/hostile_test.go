package billing

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/runrollup/runrollupprocessor/internal/genai"
	"github.com/runrollup/runrollupprocessor/internal/money"
)

// many draws n spans by a rule.
func many(n int, rule func(i int, x *Span)) []Span {
	spans := make([]Span, n)
	for i := range spans {
		binary.BigEndian.PutUint64(spans[i].ID[:], uint64(i+1))
		spans[i].Start, spans[i].End = int64(i)*ms, int64(i+10)*ms
		rule(i, &spans[i])
	}
	return spans
}

func under(x *Span, i int) { binary.BigEndian.PutUint64(x.Parent[:], uint64(i+1)) }

// hostile are shapes that make a careless rule quadratic, or endless.
var hostile = map[string]func(n int) []Span{
	"a chain of leaves, all different": func(n int) []Span {
		return many(n, func(i int, x *Span) {
			x.Start, x.End, x.Record = int64(i), int64(2*n-i), chat(fmt.Sprint("s", i%5), int64(i+1), int64(i+1))
			if i > 0 {
				under(x, i-1)
			}
		})
	},
	"a chain of aggregates over as many calls": func(n int) []Span {
		return many(n, func(i int, x *Span) {
			x.Record = chat("a", int64(i+1), 1)
			if i < n/2 {
				x.Record.Kind = genai.Aggregate
			}
			if i > 0 {
				under(x, min(i, n/2)-1)
			}
		})
	},
	"a chain of silent leaves over silent failures": func(n int) []Span {
		return many(n, func(i int, x *Span) {
			x.Record = mute(chat("a", 0, 0))
			if i >= n/2 {
				x.Record.Traits = genai.Failed
			}
			if i > 0 {
				under(x, min(i, n/2)-1)
			}
		})
	},
	"one cycle": func(n int) []Span {
		return many(n, func(i int, x *Span) { x.Record = chat("a", 1, 1); under(x, (i+1)%n) })
	},
	"every span its own parent": func(n int) []Span {
		return many(n, func(i int, x *Span) { x.Record = chat("a", 1, 1); under(x, i) })
	},
	"one span, again and again": func(n int) []Span {
		return many(n, func(i int, x *Span) { x.ID, x.Record = [8]byte{1}, chat("a", int64(i%3), 1) })
	},
	"identical calls at one moment on two scopes": func(n int) []Span {
		return many(n, func(i int, x *Span) {
			x.Start, x.End, x.Record = 0, ms, chat([]string{"a", "b"}[i%2], 10, 1)
		})
	},
	"identical calls at one moment on a thousand scopes": func(n int) []Span {
		return many(n, func(i int, x *Span) { x.Start, x.End, x.Record = 0, ms, chat(fmt.Sprint(i%1000), 10, 1) })
	},
	"silent calls at one moment on two scopes": func(n int) []Span {
		return many(n, func(i int, x *Span) {
			x.Start, x.End, x.Record = 0, ms, mute(chat([]string{"a", "b"}[i%2], 0, 0))
		})
	},
	"long calls of growing length on ten scopes": func(n int) []Span {
		return many(n, func(i int, x *Span) {
			x.Start, x.End, x.Record = int64(n-i)*ms, int64(n+i)*ms, chat(fmt.Sprint(i%10), 10, 1)
		})
	},
	"one response ID, all usage different": func(n int) []Span {
		return many(n, func(i int, x *Span) { x.Record = id(chat(fmt.Sprint(i%7), int64(i), int64(i)), "msg_1") })
	},
	"one response ID, polled": func(n int) []Span {
		return many(n, func(i int, x *Span) { x.Record = id(chat("a", 10, 1), "msg_1") })
	},
	"agents over all time, each with the sum of some": func(n int) []Span {
		return many(n, func(i int, x *Span) {
			x.Record = chat("calls", 10, 1)
			if i%2 == 0 {
				x.Start, x.End, x.Record = 0, int64(2*n)*ms, aggregate(chat("agents", int64(10*(i%50)), int64(i%50)))
			} else {
				x.Trace[0] = byte(i)
			}
		})
	},
	"a trace for every span, and every model another": func(n int) []Span {
		return many(n, func(i int, x *Span) {
			binary.BigEndian.PutUint32(x.Trace[:], uint32(i))
			x.Record = with(chat(fmt.Sprint(i%4), 10, 1), func(r *genai.Record) { r.RequestModel = fmt.Sprint("m", i) })
		})
	},
	"identical calls of all time on sixty scopes": func(n int) []Span {
		return many(n, func(i int, x *Span) {
			x.Start, x.End, x.Record = int64(i), int64(n), claude(fmt.Sprint(i%60), 10, 0, 0, int64(1+i%9))
		})
	},
	"a chain of agents over as many calls, all with costs": func(n int) []Span {
		return many(n, func(i int, x *Span) {
			x.Record = cost(chat("a", 10, 1), genai.GatewayCost, 2)
			if i < n/2 {
				x.Record = cost(aggregate(chat("a", 10*int64(n/2), int64(n/2))), genai.GatewayCost, money.Amount(n))
			}
			if i > 0 {
				under(x, min(i, n/2)-1)
			}
		})
	},
	"as many hits of the application's cache as calls at one moment": func(n int) []Span {
		return many(n, func(i int, x *Span) {
			x.Start, x.End, x.Record = 0, ms, id(chat([]string{"a", "b"}[i%2], 10, 1), fmt.Sprint("msg_", i/4))
			if i%2 == 0 {
				x.Record.Traits = genai.SemanticHit
			}
		})
	},
	"times and counts without sense": func(n int) []Span {
		return many(n, func(i int, x *Span) {
			x.Start, x.End = -1<<63+int64(i), 1<<63-1
			x.Record = claude(fmt.Sprint(i%3), 1<<62, 1<<62, -5, 1<<63-1)
		})
	},
}

// TestHostile: spans of any shape are resolved in a time that a quadratic rule
// would not keep to, here and with the race detector. A hundred thousand take
// from 30 ms to 6 s; see BenchmarkHostile.
func TestHostile(t *testing.T) {
	const n = 10_000
	for name, draw := range hostile {
		t.Run(name, func(t *testing.T) {
			spans := draw(n)
			start := time.Now()
			b := Resolve(spans)
			if took := time.Since(start); took > 30*time.Second {
				t.Errorf("took %v", took)
			} else {
				t.Logf("%v, %d calls, %s", took.Round(time.Millisecond), len(b.Calls), b.Caveats)
			}
		})
	}
}

// TestManyIdentical: ten thousand identical calls at one moment, each on two
// scopes, are ten thousand calls.
func TestManyIdentical(t *testing.T) {
	b := Resolve(hostile["identical calls at one moment on two scopes"](20_000))
	check(t, b, 10_000, 100_000, 10_000, 0)
}

func FuzzResolve(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, a, b uint64) {
		rng := rand.New(rand.NewPCG(a, b))
		spans := drawAny(rng)
		bill := Resolve(spans)
		seen := map[int]bool{}
		for _, c := range bill.Calls {
			if len(c.Records) == 0 || c.APICalls < 1 {
				t.Fatalf("call without a record or a request: %+v", c)
			}
			tok := c.Tokens
			for _, n := range []int64{tok.Input, tok.CacheRead, tok.CacheWrite5m, tok.CacheWrite1h, tok.InputAudio,
				tok.CacheReadAudio, tok.Output, tok.Reasoning, tok.OutputAudio} {
				if n < 0 {
					t.Fatalf("negative part: %+v", tok)
				}
			}
			for _, i := range c.Records {
				if seen[i] {
					t.Fatalf("span %d in two calls", i)
				}
				seen[i] = true
			}
			if c.Caveats&^bill.Caveats != 0 {
				t.Fatalf("call has %s, bill %s", c.Caveats, bill.Caveats)
			}
		}
		discarded := discardsOf(bill)
		for i := range spans { // what is said is billed, or discarded for a reason
			if says(spans[i].Record) && !seen[i] && discarded[i] == notDiscarded {
				t.Fatalf("span %d is lost", i)
			}
		}
		other := shuffled(rng, spans)
		if x, y := fmt.Sprint(described(spans, bill)), fmt.Sprint(described(other, Resolve(other))); x != y {
			t.Fatalf("shuffled\n%s\nwas\n%s", y, x)
		}
	})
}

func BenchmarkResolve(b *testing.B) {
	for _, n := range []int{10, 1000, 100_000} {
		spans := many(n, func(i int, x *Span) { // an agent, chats on two scopes, and spans between
			switch i % 5 {
			case 0:
				x.Record = aggregate(chat("framework", 30, 3))
			case 1, 2:
				under(x, i-i%5)
				x.Start, x.End, x.Record = int64(i-i%5+1)*ms, int64(i-i%5+9)*ms, chat([]string{"framework", "client"}[i%2], 30, 3)
			default:
				under(x, i-i%5)
			}
		})
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Resolve(spans)
			}
		})
	}
}

func BenchmarkHostile(b *testing.B) {
	for name, draw := range hostile {
		spans := draw(100_000)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				Resolve(spans)
			}
		})
	}
}
