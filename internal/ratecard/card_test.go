package ratecard

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/runrollup/runrollupprocessor/internal/money"
	"github.com/runrollup/runrollupprocessor/internal/usage"
)

func embedded(t testing.TB) *Card {
	t.Helper()
	c, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ofEach is tokens with a count of n in every part.
func ofEach(n func() int64) usage.Tokens {
	return usage.Tokens{
		Input: n(), CacheRead: n(), CacheWrite5m: n(), CacheWrite1h: n(), InputAudio: n(), CacheReadAudio: n(),
		Output: n(), Reasoning: n(), OutputAudio: n(),
	}
}

func TestEmbedded_isWhatItsDescriptionSays(t *testing.T) {
	m, err := EmbeddedMeta()
	if err != nil {
		t.Fatal(err)
	}
	data, err := embeddedJSON()
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != m.SHA256 {
		t.Errorf("SHA-256 %x, described as %s", sum, m.SHA256)
	}
	c, err := DecodeCatalog(data)
	if err != nil {
		t.Fatal(err)
	}
	if p, mo, v := c.Count(); p != m.Providers || mo != m.Models || v != m.Values {
		t.Errorf("%d providers, %d models, %d values; described as %d, %d, %d", p, mo, v, m.Providers, m.Models, m.Values)
	}
	rounded, err := c.Check()
	if err != nil || fmt.Sprint(rounded) != fmt.Sprint(m.Rounded) {
		t.Errorf("rounded %v, %v; described as %v", rounded, err, m.Rounded)
	}
	card := embedded(t)
	if want := m.Source + "-" + m.Version; card.ID() != want || card.Dated().Format(time.RFC3339) != m.Published[:19]+"Z" {
		t.Errorf("id %s, dated %s", card.ID(), card.Dated())
	}
	if card.Ref() != card.ID()+"@"+card.Digest() || len(card.Digest()) != 12 || !strings.HasPrefix(m.SHA256, card.Digest()) {
		t.Errorf("ref %s", card.Ref())
	}
}

func TestEmbedded_everyModelHasAPrice(t *testing.T) {
	var empty []string
	for _, p := range embedded(t).layers[0].catalog.providers {
		for _, m := range p.models {
			for _, offer := range m.offer.standard {
				if offer.quote == nil {
					empty = append(empty, p.id+"/"+m.id)
					continue
				}
				price, err := offer.quote.Price(ofEach(func() int64 { return 1 }))
				if err != nil {
					t.Errorf("%s/%s: %v", p.id, m.id, err)
				}
				if total, err := price.Total(); err != nil || total < 0 || total > money.Dollar {
					t.Errorf("%s/%s: nine tokens cost %s, %v", p.id, m.id, total, err)
				}
			}
		}
	}
	// Entries that state no price at all are unpriced, not free. There are a
	// few, of models that are in preview.
	if len(empty) > 20 {
		t.Errorf("%d models without any price: %v", len(empty), empty)
	}
}

func TestEmbedded_commonModels(t *testing.T) {
	c := embedded(t)
	for _, line := range strings.Split(strings.TrimSpace(`
openai gpt-4o                                               openai/gpt-4o
openai gpt-4o-2024-11-20                                    openai/gpt-4o
openai gpt-4o-20240806                                      openai/gpt-4o
openai gpt-4o-mini-2024-07-18                               openai/gpt-4o-mini
openai gpt-4.1-2025-04-14                                   openai/gpt-4.1
openai gpt-4.1-mini                                         openai/gpt-4.1-mini
openai gpt-4-turbo-2024-04-09                               openai/gpt-4-turbo
openai gpt-3.5-turbo-0125                                   openai/gpt-3.5-turbo
openai gpt-5-2025-08-07                                     openai/gpt-5
openai gpt-5-mini-2025-08-07                                openai/gpt-5-mini
openai gpt-5-nano                                           openai/gpt-5-nano
openai gpt-5.1-2025-11-13                                   openai/gpt-5.1
openai gpt-5.4                                              openai/gpt-5.4
openai o1-2024-12-17                                        openai/o1
openai o3-mini                                              openai/o3-mini
openai o4-mini-2025-04-16                                   openai/o4-mini
openai.responses gpt-4o                                     openai/gpt-4o
openai text-embedding-3-small                               openai/text-embedding-3-small
openai text-embedding-3-large                               openai/text-embedding-3-large
openai text-embedding-ada-002                               openai/text-embedding-ada-002
azure.ai.openai gpt-4o-2024-08-06                           openai/gpt-4o
azure.ai.inference gpt-4.1                                  openai/gpt-4.1
azure_openai gpt-5-mini                                     openai/gpt-5-mini
anthropic claude-3-5-sonnet-20241022                        anthropic/claude-3-5-sonnet
anthropic claude-3-5-haiku-latest                           anthropic/claude-3-5-haiku-latest
anthropic claude-3-7-sonnet-20250219                        anthropic/claude-3-7-sonnet-latest
anthropic claude-sonnet-4-20250514                          anthropic/claude-sonnet-4-0
anthropic claude-sonnet-4-5-20250929                        anthropic/claude-sonnet-4-5
anthropic claude-opus-4-1-20250805                          anthropic/claude-opus-4-1
anthropic claude-haiku-4-5                                  anthropic/claude-haiku-4-5
anthropic anthropic/claude-haiku-4-5                        anthropic/claude-haiku-4-5
aws.bedrock anthropic.claude-3-haiku-20240307-v1:0          aws/regional.anthropic.claude-3-haiku-20240307-v1:0
aws.bedrock us.anthropic.claude-sonnet-4-5-20250929-v1:0    aws/regional.anthropic.claude-sonnet-4-5-20250929-v1:0
bedrock global.anthropic.claude-sonnet-4-5-20250929-v1:0    aws/global.anthropic.claude-sonnet-4-5-20250929-v1:0
aws.bedrock amazon.nova-pro-v1:0                            aws/amazon.nova-pro-v1:0
litellm bedrock/converse/us.amazon.nova-lite-v1:0           aws/amazon.nova-lite-v1:0
gcp.gemini gemini-2.5-pro                                   google/gemini-2.5-pro
gcp.gen_ai gemini-2.5-flash                                 google/gemini-2.5-flash
gcp.vertex_ai publishers/google/models/gemini-2.0-flash-001 google/gemini-2.0-flash
vertex_ai claude-3-5-sonnet@20240620                        google/claude-3-5-sonnet
google-gla gemini-2.5-flash-lite                            google/gemini-2.5-flash-lite
mistral_ai mistral-large-latest                             mistral/mistral-large
mistral_ai mistral-small-latest                             mistral/mistral-small-latest
cohere command-r-plus-08-2024                               cohere/command-r-plus
deepseek deepseek-chat                                      deepseek/deepseek-chat
deepseek deepseek-reasoner                                  deepseek/deepseek-reasoner
x_ai grok-4                                                 x-ai/grok-4-0709
groq llama-3.3-70b-versatile                                groq/llama-3.3-70b-versatile
perplexity sonar-pro                                        perplexity/sonar-pro
moonshot_ai kimi-k2.5                                       moonshotai/kimi-k2.5
openrouter anthropic/claude-sonnet-4.5                      openrouter/anthropic/claude-sonnet-4.5
openrouter openrouter/anthropic/claude-sonnet-4.5           openrouter/anthropic/claude-sonnet-4.5
litellm vertex_ai/gemini-2.5-pro                            google/gemini-2.5-pro
litellm gemini/gemini-2.5-pro                               google/gemini-2.5-pro
litellm litellm_proxy/openai/gpt-4o                         openai/gpt-4o
- openai:gpt-4o                                             openai/gpt-4o
- gpt-4o                                                    openai/gpt-4o
- claude-opus-4-1-20250805                                  anthropic/claude-opus-4-1
- gemini-2.5-pro                                            google/gemini-2.5-pro
- text-embedding-3-small                                    openai/text-embedding-3-small
langchain deepseek-chat                                     deepseek/deepseek-chat
`), "\n") {
		f := strings.Fields(line)
		provider := strings.TrimPrefix(f[0], "-")
		q, reason := c.Quote(Query{Provider: provider, ResponseModel: f[1], At: september})
		got := string(reason)
		if q != nil {
			got = q.Provider + "/" + q.Model
		}
		if got != f[2] {
			t.Errorf("%s %s: %s, want %s", f[0], f[1], got, f[2])
		}
	}
}

func TestQuote_unpriced(t *testing.T) {
	c := embedded(t)
	f := func(q Query, want Reason) {
		t.Helper()
		if quote, reason := c.Quote(q); quote != nil || reason != want {
			t.Errorf("%+v: %+v, %q, want %q", q, quote, reason, want)
		}
	}
	f(Query{Provider: "openai"}, NoModel)
	f(Query{Provider: "openai", RequestModel: "  "}, NoModel)
	f(Query{Provider: "openai", RequestModel: "gpt-4o-super"}, UnknownModel)
	f(Query{Provider: "openai", RequestModel: "anthropic/claude-sonnet-4-5"}, UnknownModel)
	f(Query{Provider: "ollama", RequestModel: "gpt-4o"}, UnknownProvider)
	f(Query{Provider: "openai_compatible", RequestModel: "gpt-4o"}, UnknownProvider)
	f(Query{Provider: "ibm.watsonx.ai", RequestModel: "gpt-4o"}, UnknownProvider)
	f(Query{Provider: "langchain", RequestModel: "llama-3.3-70b-versatile"}, Ambiguous)
	f(Query{RequestModel: "my-claude-3-5-sonnet-20241022"}, Ambiguous) // only Bedrock's "contains" fits
	f(Query{RequestModel: "glm-5.2"}, Ambiguous)                       // two makers, two prices
	f(Query{RequestModel: "anthropic.claude-v2:1"}, Ambiguous)
	f(Query{RequestModel: "deepseek-r1:7b"}, Ambiguous) // Ollama's
	f(Query{RequestModel: "my-deployment"}, UnknownModel)
	f(Query{Provider: "openai", RequestModel: strings.Repeat("gpt-4o", 1000)}, UnknownModel)
	f(Query{RequestModel: "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/claude-3-haiku-20240307"}, UnknownModel)
	f(Query{Provider: "gcp.vertex_ai", RequestModel: "projects/p/locations/l/endpoints/1234"}, UnknownModel)
	f(Query{Provider: "openrouter", RequestModel: "google/lyria-3-pro-preview"}, NoRates)
}

func TestQuote_whoIsAsked(t *testing.T) {
	c := embedded(t)
	f := func(q Query, want string) {
		t.Helper()
		quote, reason := c.Quote(q)
		got := string(reason)
		if quote != nil {
			got = quote.Provider + "/" + quote.Model
		}
		if got != want {
			t.Errorf("%+v: %s, want %s", q, got, want)
		}
	}
	f(Query{ServerAddress: "api.groq.com", RequestModel: "llama-3.3-70b-versatile"}, "groq/llama-3.3-70b-versatile")
	f(Query{ServerAddress: "https://API.openai.com:443/v1", RequestModel: "gpt-4o"}, "openai/gpt-4o")
	f(Query{ServerAddress: "bedrock-runtime.eu-central-1.amazonaws.com", RequestModel: "eu.anthropic.claude-3-haiku-20240307-v1:0"}, "aws/regional.anthropic.claude-3-haiku-20240307-v1:0")
	// OpenAI's SDK says openai, whatever it talks to.
	f(Query{Provider: "openai", ServerAddress: "api.groq.com", RequestModel: "llama-3.3-70b-versatile"}, "groq/llama-3.3-70b-versatile")
	f(Query{Provider: "openai", ServerAddress: "openrouter.ai", RequestModel: "openai/gpt-4o"}, "openrouter/openai/gpt-4o")
	f(Query{Provider: "openai", ServerAddress: "acme.openai.azure.com", RequestModel: "gpt-4o"}, "openai/gpt-4o")
	f(Query{Provider: "anthropic", ServerAddress: "api.openai.com", RequestModel: "claude-sonnet-4-5"}, "anthropic/claude-sonnet-4-5")
	f(Query{Provider: "openai", ServerAddress: "localhost", RequestModel: "llama-3.3-70b-versatile"}, "unknown_model")
	// The model that answered comes before the one asked for.
	f(Query{Provider: "openai", ResponseModel: "gpt-4o-mini-2024-07-18", RequestModel: "gpt-4o"}, "openai/gpt-4o-mini")
	f(Query{Provider: "azure.ai.openai", ResponseModel: "gpt-4o-2024-08-06", RequestModel: "prod"}, "openai/gpt-4o")
	f(Query{Provider: "openai", ResponseModel: "surprise", RequestModel: "gpt-4o"}, "openai/gpt-4o")
	// A free model says so in its name.
	f(Query{Provider: "openrouter", RequestModel: "deepseek/deepseek-r1:free"}, "openrouter/deepseek/deepseek-r1:free")
}

func TestQuote_costsNothingTheSecondTime(t *testing.T) {
	c := embedded(t)
	q := Query{Provider: "aws.bedrock", ServerAddress: "bedrock-runtime.us-east-1.amazonaws.com", ResponseModel: "us.anthropic.claude-sonnet-4-5-20250929-v1:0", RequestModel: "x", At: september, Tier: "flex"}
	miss := Query{Provider: "ollama", RequestModel: "llama3", At: september}
	tokens := usage.Tokens{Input: 1000, CacheRead: 500, Output: 20}
	c.Quote(q)
	c.Quote(miss)
	if n := testing.AllocsPerRun(100, func() {
		quote, _ := c.Quote(q)
		if _, err := quote.Price(tokens); err != nil {
			t.Fatal(err)
		}
		c.Quote(miss)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestQuote_memoryIsBounded(t *testing.T) {
	c := load(t, acme, pinned(t))
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 3000 {
				c.Quote(Query{Provider: "openai", RequestModel: fmt.Sprintf("m-%d-%d", w, i)})
				c.Quote(Query{Provider: "openai", RequestModel: "gpt-4o"})
			}
		})
	}
	wg.Wait()
	c.Quote(Query{Provider: "openai", RequestModel: strings.Repeat("x", memoName+1)})
	if n := len(c.memo.entries); n > memoEntries {
		t.Errorf("%d entries", n)
	}
	for k := range c.memo.entries {
		if len(k.request) > memoName {
			t.Errorf("a name of %d bytes is kept", len(k.request))
		}
	}
}

// Below all tiers a price is a sum: two calls cost what one call with the
// tokens of both costs, but for the fee of each request.
func TestPrice_additive(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	tokens := func() usage.Tokens {
		return ofEach(func() int64 { return r.Int64N(10_000) })
	}
	for _, p := range embedded(t).layers[0].catalog.providers {
		for _, m := range p.models {
			q := m.offer.standard[0].quote
			if q == nil || q.Rates.Per != 1 {
				continue
			}
			a, b := tokens(), tokens()
			if len(q.Context) > 0 && a.Add(b).InputTotal() > q.Context[0].Over {
				continue
			}
			got := total(t, q, a) + total(t, q, b)
			if want := total(t, q, a.Add(b)) + money.Amount(q.Rates.Request); got != want {
				t.Errorf("%s/%s: %s and not %s", p.id, m.id, got, want)
			}
		}
	}
}

func total(t *testing.T, q *Quote, u usage.Tokens) money.Amount {
	t.Helper()
	p, err := q.Price(u)
	if err != nil {
		t.Fatal(err)
	}
	a, err := p.Total()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestPrice_limits(t *testing.T) {
	q, _ := pinned(t).Quote(Query{Provider: "openai", RequestModel: "gpt-5.5", At: september})
	const most = math.MaxInt64
	if _, err := q.Price(usage.Tokens{Input: most}); !errors.Is(err, money.ErrOverflow) {
		t.Errorf("overflow: %v", err)
	}
	if _, err := q.Price(ofEach(func() int64 { return most })); !errors.Is(err, money.ErrOverflow) {
		t.Errorf("overflow: %v", err)
	}
	if _, err := q.Price(usage.Tokens{Output: -1}); !errors.Is(err, ErrNegative) {
		t.Errorf("negative: %v", err)
	}
	// Inputs that do not fit an int64 together are above every tier.
	free := Quote{Rates: Rates{Per: 1, Priced: 1<<Leaves - 1}, Context: []ContextRates{{Over: most - 1, Rates: Rates{Per: 1, Request: 7}}}}
	if got := total(t, &free, usage.Tokens{Input: most, CacheRead: most}); got != 7 {
		t.Errorf("saturated input: %s", got)
	}
}

func TestPrice_fallbacks(t *testing.T) {
	c := load(t, `schema: ratecard/v1
rates:
  - { match: { exact: plain }, price: { input_mtok: 1, output_mtok: 2 } }
  - { match: { exact: input-only }, price: { input_mtok: 1 } }
  - { match: { exact: hours }, price: { audio_hours: 3 } }
  - { match: { exact: full }, price: { input_mtok: 1, cache_read_mtok: 0.1, cache_write_mtok: 1.25, cache_write_1h_mtok: 2, input_audio_mtok: 10, cache_audio_read_mtok: 5, output_mtok: 4, output_reasoning_mtok: 3, output_audio_mtok: 40, requests_kcount: 5 } }
  - { match: { exact: images }, price: { input_mtok: 1, input_image_mtok: 1, cache_read_mtok: 1, output_mtok: 2, output_image_mtok: 30 } }
  - { match: { exact: halves }, price: { input_mtok: "0.5", output_mtok: "0.0000015", output_video_mtok: "0.0000015", cache_read_mtok: "0.1", cache_image_read_mtok: "0.2" } }
  - { match: { exact: odd }, price: { input_mtok: "0.000001", output_mtok: "0.000002", cache_read_mtok: "0.0000005" } }
`, nil)
	f := func(model string, u usage.Tokens, want string) {
		t.Helper()
		q, reason := c.Quote(Query{Provider: "p", RequestModel: model})
		if q == nil {
			t.Fatalf("%s: %s", model, reason)
		}
		p, err := q.Price(u)
		got := fmt.Sprint(p.Input, " ", p.CacheRead, " ", p.CacheWrite, " ", p.Output)
		if p.UnitFallback {
			got += " fallback"
		}
		if p.Unpriced > 0 {
			got += fmt.Sprintf(" unpriced %d", p.Unpriced)
		}
		if err != nil || got != want {
			t.Errorf("%s %+v: %s, %v, want %s", model, u, got, err, want)
		}
	}
	const m = 1_000_000
	f("plain", usage.Tokens{Input: m, Output: m, Reasoning: m}, "1 0 0 4")
	f("plain", usage.Tokens{CacheRead: m}, "0 1 0 0 fallback")
	f("plain", usage.Tokens{CacheWrite5m: m}, "0 0 1 0 fallback")
	f("plain", usage.Tokens{CacheWrite1h: m}, "0 0 1 0 fallback")
	f("plain", usage.Tokens{InputAudio: m, OutputAudio: m}, "1 0 0 2 fallback")
	f("images", usage.Tokens{Input: m}, "1 0 0 0") // as dear as text
	f("images", usage.Tokens{Output: m}, "0 0 0 2 fallback")
	f("images", usage.Tokens{Reasoning: m}, "0 0 0 2")
	f("halves", usage.Tokens{Output: m}, "0 0 0 0.0000015")
	f("halves", usage.Tokens{CacheRead: m}, "0 0.1 0 0 fallback")
	f("input-only", usage.Tokens{Input: m, Output: 3, Reasoning: 4}, "1 0 0 0 unpriced 7")
	f("hours", usage.Tokens{Input: 5, Output: 6}, "0 0 0 0 unpriced 11")
	f("full", ofEach(func() int64 { return m }), "11.005 5.1 3.25 47")
	// Half a picodollar is rounded to even, once for all of a part.
	f("odd", usage.Tokens{Input: 1, CacheRead: 1, Output: 1}, "0.000000000001 0 0 0.000000000002")
	f("odd", usage.Tokens{CacheRead: 3}, "0 0.000000000002 0 0")
}

func TestWhen_window(t *testing.T) {
	night := when{from: math.MinInt64, to: math.MaxInt64, daily: []window{{start: 22 * 3600, end: 6 * 3600}}}
	f := func(at string, want bool) {
		t.Helper()
		v, err := time.Parse(time.RFC3339Nano, at)
		if err != nil {
			t.Fatal(err)
		}
		if night.holds(v) != want {
			t.Errorf("%s: %v", at, !want)
		}
	}
	f("2026-01-01T22:00:00Z", true)
	f("2026-01-01T21:59:59.999999999Z", false)
	f("2026-01-02T05:59:59.999999999Z", true)
	f("2026-01-02T06:00:00Z", false)
	f("2026-01-02T07:00:00+09:00", true) // 22:00 UTC
	f("1969-12-31T23:00:00Z", true)
	f("1969-12-31T12:00:00Z", false)
}

// No card and no call makes it panic, wrap around, or go below zero.
func FuzzCard(f *testing.F) {
	f.Add([]byte(acme), "openai", "gpt-5.4", "priority", int64(1_790_000_000), int64(300_000), int64(5))
	f.Add([]byte(`[{"id":"a","models":[{"id":"m","match":{"regex":"^(?!x)m"},"prices":{"input_mtok":{"base":1,"tiers":[{"start":3,"price":2}]}}}]}]`), "a", "m", "", int64(0), int64(math.MaxInt64), int64(math.MaxInt64))
	f.Add([]byte("schema: ratecard/v1\nadjust: [{provider: a, multiply: 0.333333333333}]\nrates: [{provider: a, match: {glob: '*'}, price: {input_mtok: 0.000000000001}}]"), "a", "arn:a:b:c:d:e:f/g", "flex", int64(-1), int64(-1), int64(7))
	base := pinned(f)
	f.Fuzz(func(t *testing.T, data []byte, provider, model, tier string, at, input, output int64) {
		card := base
		if file, err := Parse(data); err == nil {
			if c, err := New(file, base); err == nil {
				card = c
			}
		}
		q, reason := card.Quote(Query{Provider: provider, ServerAddress: provider, ResponseModel: model, RequestModel: string(data), At: time.Unix(at, 0), Tier: tier})
		if (q == nil) == (reason == "") {
			t.Fatalf("quote %v and reason %q", q, reason)
		}
		for _, m := range card.Meters() {
			if a, err := m.Price(input); err == nil && a < 0 {
				t.Fatalf("%d of %s cost %s", input, m.Attribute, a)
			}
		}
		if q == nil {
			return
		}
		p, err := q.Price(usage.Tokens{Input: input, CacheRead: input, CacheWrite1h: output, Output: output, Reasoning: input})
		if err != nil {
			return
		}
		sum, err := p.Total()
		if err != nil || min(sum, p.Input, p.CacheRead, p.CacheWrite, p.Output) < 0 || sum < max(p.Input, p.CacheRead, p.CacheWrite, p.Output) {
			t.Fatalf("%+v, total %s, %v", p, sum, err)
		}
	})
}

func BenchmarkQuotePrice(b *testing.B) {
	c := embedded(b)
	q := Query{Provider: "openai", ServerAddress: "api.openai.com", ResponseModel: "gpt-5.4-2026-03-05", RequestModel: "gpt-5.4", At: september}
	tokens := usage.Tokens{Input: 300_000, CacheRead: 500, Output: 20, Reasoning: 7}
	b.ReportAllocs()
	for b.Loop() {
		quote, _ := c.Quote(q)
		if _, err := quote.Price(tokens); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkQuote_first(b *testing.B) {
	c := embedded(b)
	b.ReportAllocs()
	for b.Loop() {
		c.memo.entries = nil
		c.Quote(Query{Provider: "openrouter", ResponseModel: "google/unknown", RequestModel: "unknown", At: september})
	}
}

func BenchmarkEmbedded(b *testing.B) {
	data, err := embeddedJSON()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := fromCatalog("x", data, time.Time{}); err != nil {
			b.Fatal(err)
		}
	}
}
