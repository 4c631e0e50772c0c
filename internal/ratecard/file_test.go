package ratecard

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/runrollup/runrollupprocessor/internal/usage"
)

const acme = `schema: ratecard/v1
currency: USD
id: acme-2026q4
mode: overlay
provider_aliases: { corp-gw: openai }
model_aliases:
  - { provider: azure, model: My-Prod-Deployment, is: openai/gpt-4o-2024-08-06 }
  - { provider: aws, model: a1b2c3d4e5f6, is: aws/us.anthropic.claude-sonnet-4-5-20250929-v1:0 }
rates:
  - provider: openai
    match: { exact: [gpt-5.4, gpt-5.4-2026-03-05] }
    from: 2026-01-01
    to: 2027-01-01
    price: { input_mtok: "2.40", cache_read_mtok: "0.25", output_mtok: "15", web_searches_kcount: "10" }
    tiers: [ { input_tokens_over: 271999, price: { input_mtok: "5", cache_read_mtok: "0.5", output_mtok: "22.5" } } ]
    variants: [ { when: { service_tier: [priority, fast] }, price: { input_mtok: "5", output_mtok: "30" } } ]
    windows: [ { utc: "00:30-16:30", price: { input_mtok: "0.27" } } ]
  - provider: vllm
    match: { prefix: llama- }
    price: { input_mtok: 1e-6, output_mtok: 0 }
  - provider: vllm
    match: { glob: "llama-*-70b" }
    price: { input_mtok: "3", output_mtok: "4" }
  - provider: vllm
    match: { regex: "llama-3\\.[0-9]+-.*" }
    price: { input_mtok: "9", output_mtok: "9" }
  - match: { exact: house-model }
    price: { input_mtok: "7", output_mtok: "7" }
adjust:
  - { provider: anthropic, multiply: "0.88", from: 2026-04-01, reason: committed spend }
usage:
  - attribute: botanu.warehouse.bytes_scanned
    where: { botanu.vendor: snowflake }
    per: "1000000000000"
    price: "5.00"
`

func load(t testing.TB, text string, base *Card) *Card {
	t.Helper()
	f, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(f, base)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var september = time.Date(2026, 9, 20, 20, 0, 0, 0, time.UTC)

// cost is what a million input and a million output tokens come to, or why
// there is no price.
func cost(t testing.TB, c *Card, q Query) string {
	t.Helper()
	if q.At.IsZero() {
		q.At = september
	}
	quote, reason := c.Quote(q)
	if quote == nil {
		return string(reason)
	}
	p, err := quote.Price(usage.Tokens{Input: 100_000, Output: 1_000_000})
	if err != nil {
		return err.Error()
	}
	return p.Input.String() + " " + p.Output.String()
}

func TestUserCard(t *testing.T) {
	c := load(t, acme, pinned(t))
	f := func(name string, q Query, want string) {
		t.Helper()
		if got := cost(t, c, q); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	gpt := Query{Provider: "openai", RequestModel: "GPT-5.4"}
	f("own rate", gpt, "0.24 15")
	gpt.At = september.Add(-12 * time.Hour)
	f("in the window", gpt, "0.027 15")
	gpt.At = time.Date(2025, 12, 31, 23, 59, 59, 0, time.UTC)
	f("before from: the card beneath", gpt, "0.25 15")
	gpt.At = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	f("at to: the card beneath", gpt, "0.25 15")
	gpt.At, gpt.Tier = time.Time{}, "Priority"
	f("variant", gpt, "0.5 30")
	gpt.Tier = "flex"
	f("tier without variant", gpt, "0.24 15")
	f("provider alias", Query{Provider: "Corp-GW", RequestModel: "gpt-4o"}, "0.25 10")
	f("deployment", Query{Provider: "azure.ai.openai", RequestModel: "my-prod-deployment"}, "0.25 10")
	f("deployment elsewhere", Query{Provider: "groq", RequestModel: "my-prod-deployment"}, "unknown_model")
	f("application inference profile", Query{
		Provider: "aws.bedrock", RequestModel: "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6",
	}, "0.33 16.5")
	f("prefix, tiny price", Query{Provider: "vllm", RequestModel: "llama-3"}, "0.0000001 0")
	f("longest pattern", Query{Provider: "vllm", RequestModel: "llama-3.1-70b"}, "0.3 4")
	f("regex after patterns", Query{Provider: "vllm", RequestModel: "llama-3.1-8b"}, "0.0000001 0")
	f("any provider", Query{Provider: "whoever", RequestModel: "house-model"}, "0.7 7")
	f("any provider, none named", Query{RequestModel: "house-model"}, "0.7 7")
	f("rule's provider, none named", Query{RequestModel: "llama-9"}, "0.0000001 0")
	f("adjusted", Query{Provider: "anthropic", RequestModel: "claude-sonnet-4-5"}, "0.264 13.2")
	f("before the adjustment", Query{Provider: "anthropic", RequestModel: "claude-sonnet-4-5", At: time.Date(2026, 3, 31, 23, 0, 0, 0, time.UTC)}, "0.3 15")
	f("unknown provider", Query{Provider: "elsewhere", RequestModel: "gpt-4o"}, "unknown_provider")

	quote, _ := c.Quote(Query{Provider: "anthropic", RequestModel: "claude-sonnet-4-5", At: september})
	if want := pinned(t).Ref() + "+" + c.Ref(); quote.Card != want {
		t.Errorf("adjusted quote is from %s, want %s", quote.Card, want)
	}
	quote, _ = c.Quote(Query{Provider: "openai", RequestModel: "gpt-5.4", At: september, Tier: "flex"})
	if quote.Card != c.Ref() || !quote.TierUnpriced || !quote.FirstParty || quote.Model != "gpt-5.4" {
		t.Errorf("%+v", quote)
	}
	if a, ok, err := quote.Fee("web_searches_kcount", 3); a.String() != "0.03" || !ok || err != nil {
		t.Errorf("fee %s, %v, %v", a, ok, err)
	}
	if !c.Dated().Equal(pinned(t).Dated()) || c.ID() != "acme-2026q4" || len(c.Digest()) != 12 {
		t.Errorf("%s %s %s", c.Dated(), c.ID(), c.Digest())
	}
}

func TestUserCard_tiers(t *testing.T) {
	c := load(t, acme, pinned(t))
	quote, _ := c.Quote(Query{Provider: "openai", RequestModel: "gpt-5.4", At: september})
	f := func(tokens usage.Tokens, want string) {
		t.Helper()
		p, err := quote.Price(tokens)
		if err != nil {
			t.Fatal(err)
		}
		if total, err := p.Total(); err != nil || total.String() != want {
			t.Errorf("%+v: %s, %v, want %s", tokens, total, err, want)
		}
	}
	f(usage.Tokens{Input: 171_999, CacheRead: 100_000}, "0.4377976")
	f(usage.Tokens{Input: 172_000, CacheRead: 100_000}, "0.91")
	f(usage.Tokens{Input: 172_000, CacheRead: 99_999, CacheWrite5m: 1, Output: 2}, "0.9100495") // the write at the input rate
}

func TestUserCard_replace(t *testing.T) {
	text := strings.Replace(strings.Replace(acme, "mode: overlay", "mode: replace", 1), "model_aliases:", "model_aliases: []\n#", 1)
	// Without the card beneath, the aliases would name models without a price.
	text = strings.Replace(text, "  - { provider: azure, model: My-Prod-Deployment, is: openai/gpt-4o-2024-08-06 }\n", "", 1)
	text = strings.Replace(text, "  - { provider: aws, model: a1b2c3d4e5f6, is: aws/us.anthropic.claude-sonnet-4-5-20250929-v1:0 }\n", "", 1)
	c := load(t, text, pinned(t))
	if got := cost(t, c, Query{Provider: "openai", RequestModel: "gpt-4o"}); got != "unknown_model" {
		t.Errorf("gpt-4o: %s", got)
	}
	if got := cost(t, c, Query{Provider: "openai", RequestModel: "gpt-5.4", At: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}); got != "not_in_force" {
		t.Errorf("after to: %s", got)
	}
	if got := cost(t, c, Query{Provider: "anthropic", RequestModel: "claude-sonnet-4-5"}); got != "unknown_provider" {
		t.Errorf("anthropic: %s", got)
	}
	if !c.Dated().IsZero() {
		t.Errorf("dated %s", c.Dated())
	}
}

func TestMeters(t *testing.T) {
	m := load(t, acme, pinned(t)).Meters()
	if len(m) != 1 || m[0].Attribute != "botanu.warehouse.bytes_scanned" || m[0].Where["botanu.vendor"] != "snowflake" {
		t.Fatalf("%+v", m)
	}
	f := func(price func() (interface{ String() string }, error), want string) {
		t.Helper()
		a, err := price()
		if err != nil || a.String() != want {
			t.Errorf("%s, %v, want %s", a, err, want)
		}
	}
	f(func() (interface{ String() string }, error) { return m[0].Price(2_500_000_000_001) }, "12.500000000005")
	f(func() (interface{ String() string }, error) { return m[0].PriceFloat(0.1) }, "0")
	f(func() (interface{ String() string }, error) { return m[0].PriceFloat(2.5e12) }, "12.5")
	f(func() (interface{ String() string }, error) { return m[0].PriceText("1e12") }, "5")
	if _, err := m[0].Price(-1); !errors.Is(err, ErrNegative) {
		t.Error(err)
	}
	if _, err := m[0].PriceFloat(-1e-9); !errors.Is(err, ErrNegative) {
		t.Error(err)
	}
	if _, err := m[0].PriceText("many"); err == nil {
		t.Error("many has a price")
	}
}

func TestParse_json(t *testing.T) {
	c := load(t, "{\n\t\"schema\": \"ratecard/v1\",\n\t\"rates\": [\n\t\t{\"provider\": \"x_ai\", \"match\": {\"exact\": \"grok-9\"}, \"price\": {\"input_mtok\": 2.50, \"output_mtok\": 1e1}}\n\t]\n}", nil)
	if got := cost(t, c, Query{Provider: "xai", ResponseModel: "grok-9"}); got != "0.25 10" {
		t.Error(got)
	}
}

func TestParse_genaiPrices(t *testing.T) {
	const models = `[{"id":"acme","name":"Acme","api_pattern":"https://api\\.acme\\.ai","extractors":[{}],"models":[
		{"id":"m","match":{"regex":"^(?!.*-tts$)m-"},"prices":[{"prices":{"input_mtok":2}},{"constraint":{"type":"start_date","start_date":"2026-01-01"},"prices":{"input_mtok":1,"new_key":3,"output_mtok":{"base":1,"tiers":[{"start":10,"price":2}]}}}],
		 "price_variants":[{"when":{"service_tier":"flex"},"constraint":{"start_date":"2026-06-01"},"prices":{"input_mtok":0.5}},{"when":{"speed":"fast"},"prices":{"input_mtok":9}}]}]}]`
	for _, text := range []string{models, `{"units":{"input_tokens":{"per":1000000,"price_key":"input_mtok"}},"providers":` + models + `}`} {
		c := load(t, text, pinned(t))
		f := func(q Query, want string) {
			t.Helper()
			q.ServerAddress = "api.acme.ai:443"
			if got := cost(t, c, q); got != want {
				t.Errorf("%+v: %s, want %s", q, got, want)
			}
		}
		f(Query{ResponseModel: "m-1"}, "0.1 2")
		f(Query{ResponseModel: "m-1-tts"}, "unknown_model")
		f(Query{ResponseModel: "m-1", At: time.Date(2025, 12, 31, 0, 0, 0, 0, time.UTC)}, "0.2 0")
		f(Query{ResponseModel: "m-1", Tier: "flex"}, "0.05 2")
		f(Query{ResponseModel: "m-1", Tier: "flex", At: time.Date(2026, 5, 31, 0, 0, 0, 0, time.UTC)}, "0.1 2")
		if got := cost(t, c, Query{Provider: "openai", ResponseModel: "gpt-4o"}); got != "0.25 10" {
			t.Errorf("the card beneath: %s", got)
		}
	}
	for text, want := range map[string]string{
		`{"units":{"input_tokens":{"per":1000,"price_key":"input_mtok"}},"providers":[]}`:                                             "input_mtok is priced per 1000",
		`[{"id":"a","models":[{"id":"m","match":{"regex":"(?<=a)b"},"prices":{"input_mtok":1}}]}]`:                                    "regexp",
		`[{"id":"a","models":[{"id":"m","match":{"like":"b"},"prices":{"input_mtok":1}}]}]`:                                           `unknown match "like"`,
		`[{"id":"a","models":[{"id":"m","match":{"contains":""},"prices":{"input_mtok":1}}]}]`:                                        "empty",
		`[{"id":"a","models":[{"id":"m","match":{"equals":"b"},"prices":{"input_mtok":-1}}]}]`:                                        "negative",
		`[{"id":"a","models":[{"id":"m","match":{"equals":"b"},"prices":{"cache_read_mtok":1}}]}]`:                                    "input_mtok",
		`[{"id":"a","models":[{"id":"m","prices":{"input_mtok":1}}]}]`:                                                                "no match",
		`[{"id":"a","models":[]},{"id":"a","models":[]}]`:                                                                             "twice",
		`[{"id":"a","models":[{"id":"m","match":{"equals":"b"},"prices":[{"constraint":{"weekday":3},"prices":{"input_mtok":1}}]}]}]`: "constraint",
		`[{"id":"a","models":[{"id":"m","match":{"equals":"b"},"prices":{"input_mtok":1e300}}]}]`:                                     "outside",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// What a person sees who has made a mistake: where, what, and what to do.
func TestParse_mistakes(t *testing.T) {
	rate := func(body string) string { return "schema: ratecard/v1\nrates:\n  - provider: openai\n" + body }
	for _, c := range []struct{ name, text, want string }{
		{"empty", ``, `the card is empty; begin it with schema: ratecard/v1`},
		{"no schema", `id: x`, `line 1: schema: is missing; state it`},
		{"schema", "schema: ratecard/v2", `line 1: schema: "ratecard/v2": is not known; write ratecard/v1`},
		{"key", "schema: ratecard/v1\nrate: []", `line 2: rate: is not a key of this card; the keys here are schema, currency, id, mode, provider_aliases, model_aliases, rates, adjust, usage`},
		{"currency", "schema: ratecard/v1\ncurrency: EUR", `line 2: currency: "EUR": is not read; state all prices in USD`},
		{"id", "schema: ratecard/v1\nid: a b", `line 2: id: "a b": is no id; use at most 64 letters, digits, dots, dashes and underscores`},
		{"mode", "schema: ratecard/v1\nmode: merge", `line 2: mode: "merge": is not known; write overlay or replace`},
		{"twice", "schema: ratecard/v1\nid: a\nid: b", `line 3: id: is given twice; remove one`},
		{"documents", "schema: ratecard/v1\n---\nid: b\n", `line 2: a second document begins; write one card to a file`},
		{"not a list", "schema: ratecard/v1\nrates: {}", `line 2: rates: is keys with values, not a list; begin each entry with a dash`},
		{"nested key", rate("    match: { exact: m }\n    prices: { input_mtok: 1 }\n"), `line 5: rates[0].prices: is not a key of this card; the keys here are provider, match, from, to, price, tiers, variants, windows`},
		{"no price", rate("    match: { exact: m }\n"), `line 3: rates[0].price: is missing; write price: { input_mtok: "2.50", output_mtok: "10" }`},
		{"empty price", rate("    match: { exact: m }\n    price: {}\n"), `line 5: rates[0].price: is empty; write a price; a model that is free says so: { input_mtok: "0", output_mtok: "0" }`},
		{"comma", rate("    match: { exact: m }\n    price:\n      input_mtok: \"2,5\"\n"), `line 6: rates[0].price.input_mtok: "2,5": is not a decimal number; write USD like "2.50"`},
		{"negative", rate("    match: { exact: m }\n    price: { input_mtok: -1 }\n"), `line 5: rates[0].price.input_mtok: "-1": is negative; write 0 or more`},
		{"digits", rate("    match: { exact: m }\n    price: { input_mtok: 0.0000000000001 }\n"), `line 5: rates[0].price.input_mtok: "0.0000000000001": has more than 12 decimal places; round it`},
		{"large", rate("    match: { exact: m }\n    price: { input_mtok: 1e9 }\n"), `line 5: rates[0].price.input_mtok: "1e9": is too large; write USD, below 9 million`},
		{"unit", rate("    match: { exact: m }\n    price: { input: 1 }\n"), `line 5: rates[0].price.input: "1": is no unit that can be priced; use a key such as input_mtok, cache_read_mtok, cache_write_mtok, output_mtok (USD for a million)`},
		{"orphan", rate("    match: { exact: m }\n    price: { output_mtok: 1, cache_read_mtok: 2 }\n"), `line 5: rates[0].price.cache_read_mtok: "2": is a part of input_mtok, which has no price; state input_mtok too`},
		{"no match", rate("    price: { input_mtok: 1 }\n"), `rates[0].match: is missing; state it`},
		{"two matches", rate("    match: { exact: m, prefix: n }\n    price: { input_mtok: 1 }\n"), `line 4: rates[0].match: has 2 kinds; write exactly one of exact, prefix, glob, regex; a second kind is a second entry`},
		{"regex", rate("    match: { regex: \"(?!a)b\" }\n    price: { input_mtok: 1 }\n"), "line 4: rates[0].match.regex: \"(?!a)b\": does not compile: error parsing regexp: invalid or unsupported Perl syntax: `(?!`; write a regular expression as Go has them, without look-around"},
		{"date", rate("    match: { exact: m }\n    from: 1.2.2026\n    price: { input_mtok: 1 }\n"), `line 5: rates[0].from: "1.2.2026": is no date; write it like 2026-01-31 (midnight UTC) or 2026-01-31T12:00:00Z`},
		{"span", rate("    match: { exact: m }\n    from: 2026-02-01\n    to: 2026-02-01\n    price: { input_mtok: 1 }\n"), `line 6: rates[0].to: "2026-02-01": is not after from; to is the first day on which the price no longer holds`},
		{"overlap", rate("    match: { exact: m }\n    price: { input_mtok: 1 }\n  - provider: OpenAI\n    match: { exact: [n, M] }\n    from: 2026-01-01\n    price: { input_mtok: 1 }\n"), `line 6: rates[1]: "n, m": is priced for some of the same time in line 3; set from and to so that one ends where the other begins`},
		{"tier order", rate("    match: { exact: m }\n    price: { input_mtok: 1 }\n    tiers:\n      - { input_tokens_over: 5, price: { input_mtok: 2 } }\n      - { input_tokens_over: 5, price: { input_mtok: 2 } }\n"), `line 8: rates[0].tiers[1].input_tokens_over: "5": is no whole number above that of the tier before; write the tiers in ascending order; a tier begins one token above its number`},
		{"tier key", rate("    match: { exact: m }\n    price: { input_mtok: 1 }\n    tiers: [ { input_tokens_over: 5, price: { output_mtok: 2 } } ]\n"), `line 6: rates[0].tiers[0].price.output_mtok: "2": has a price above the tier and none below; state output_mtok under price too`},
		{"window", rate("    match: { exact: m }\n    price: { input_mtok: 1 }\n    windows: [ { utc: \"9-17\", price: { input_mtok: 2 } } ]\n"), `line 6: rates[0].windows[0].utc: "9-17": is no part of a day; write it like "00:30-16:30"`},
		{"windows", rate("    match: { exact: m }\n    price: { input_mtok: 1 }\n    windows:\n      - { utc: \"22:00-02:00\", price: { input_mtok: 2 } }\n      - { utc: \"01:00-03:00\", price: { input_mtok: 2 } }\n"), `line 8: rates[0].windows[1].utc: "01:00-03:00": overlaps another window; let one end where the other begins`},
		{"variant", rate("    match: { exact: m }\n    price: { input_mtok: 1 }\n    variants:\n      - { when: { service_tier: flex }, price: { input_mtok: 2 } }\n      - { when: { service_tier: [batch, Flex] }, price: { input_mtok: 2 } }\n"), `line 8: rates[0].variants[1].when.service_tier: has a variant already; state each service tier once`},
		{"alias", "schema: ratecard/v1\nmodel_aliases:\n  - { model: a, is: gpt-4o }\n", `line 3: model_aliases[0].is: "gpt-4o": names no model; write provider/model, such as openai/gpt-4o-2024-08-06`},
		{"multiply", "schema: ratecard/v1\nadjust:\n  - { provider: a, multiply: 12%, reason: x }\n", `line 3: adjust[0].multiply: "12%": is no factor of 0 or more with at most 12 decimal places; write 12 % off as "0.88"`},
		{"adjusted twice", "schema: ratecard/v1\nadjust:\n  - { provider: a, multiply: 1 }\n  - { provider: A, multiply: 2 }\n", `line 4: adjust[1].provider: "A": is adjusted for some of the same time in line 3; set from and to so that one ends where the other begins`},
		{"per", "schema: ratecard/v1\nusage:\n  - { attribute: a, per: 0.5, price: 1 }\n", `line 3: usage[0].per: "0.5": is no whole number above 0; write how many units the price is for`},
		{"attribute", "schema: ratecard/v1\nusage:\n  - { price: 1 }\n", `line 3: usage[0].attribute: is missing; state it`},
		{"anchor", "schema: ratecard/v1\nrates: &r []\nadjust: *r\n", `line 3: adjust: "r": is a YAML alias, which is not read here, not a list; begin each entry with a dash`},
		{"null", "schema: ratecard/v1\nid:\n", `line 2: id: is empty, not one value; write one value`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse([]byte(c.text))
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			var e *Error
			if !errors.As(err, &e) {
				t.Errorf("%T is no *Error", err)
			}
		})
	}
}

func TestNew_mistakes(t *testing.T) {
	for text, want := range map[string]string{
		"schema: ratecard/v1\nmodel_aliases:\n  - { model: a, is: openai/gpt-4oo }\n":                                                                                                      `line 3: model_aliases.is: "openai/gpt-4oo": no card has a price for this; write provider/model as the card spells them, or add a rate for it`,
		"schema: ratecard/v1\nadjust:\n  - { provider: openai, multiply: 0.123456789123 }\nrates:\n  - { match: { exact: a }, price: { input_mtok: 600.123456789123, output_mtok: 1 } }\n": `line 3: adjust.multiply: "0.123456789123": `,
	} {
		f, err := Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New(f, pinned(t)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

// TestAdjustmentGoesByWhoBilled: also where the price is another's, for what an
// alias stands for or what a provider sells at its maker's price.
func TestAdjustmentGoesByWhoBilled(t *testing.T) {
	c := load(t, `
schema: ratecard/v1
model_aliases: [ { provider: azure, model: prod, is: openai/gpt-4o } ]
adjust: [ { provider: azure, multiply: "0.5" }, { provider: anthropic, multiply: "0.1" } ]
`, pinned(t))
	for q, want := range map[Query]string{
		{Provider: "azure", RequestModel: "prod"}:                                       "0.125 5",
		{Provider: "azure", RequestModel: "gpt-4o"}:                                     "0.125 5",
		{Provider: "openai", RequestModel: "gpt-4o"}:                                    "0.25 10",
		{Provider: "openai", ServerAddress: "api.openai.com", RequestModel: "gpt-4o"}:   "0.25 10",
		{RequestModel: "gpt-4o"}:                                                        "0.25 10",
		{Provider: "aws", RequestModel: "us.anthropic.claude-sonnet-4-5-20250929-v1:0"}: "0.33 16.5",
	} {
		if got := cost(t, c, q); got != want {
			t.Errorf("%+v: %s, want %s", q, got, want)
		}
	}
}

// TestBorrowedModelHasNoServiceTiers: what its maker asks for them says nothing
// about who sells it.
func TestBorrowedModelHasNoServiceTiers(t *testing.T) {
	c := load(t, `[
		{"id":"maker","models":[{"id":"m","match":{"equals":"m"},"prices":{"input_mtok":2,"output_mtok":2},
		 "price_variants":[{"when":{"service_tier":"flex"},"prices":{"input_mtok":1,"output_mtok":1}}]}]},
		{"id":"seller","fallback_model_providers":["maker"],"models":[]}]`, nil)
	for provider, want := range map[string]string{"maker": "0.1 1", "seller": "0.2 2"} {
		q := Query{Provider: provider, RequestModel: "m", Tier: "flex", At: september}
		quote, _ := c.Quote(q)
		if got := cost(t, c, q); got != want || quote.TierUnpriced != (provider == "seller") {
			t.Errorf("%s: %s, %+v, want %s", provider, got, quote, want)
		}
	}
}

// TestWindowEndsBeforeItsEnd: the second at which it ends is the next one's.
func TestWindowEndsBeforeItsEnd(t *testing.T) {
	c := load(t, acme, pinned(t))
	for at, want := range map[string]string{
		"2026-09-20T00:29:59Z": "0.24 15", "2026-09-20T00:30:00Z": "0.027 15",
		"2026-09-20T16:29:59Z": "0.027 15", "2026-09-20T16:30:00Z": "0.24 15",
	} {
		v, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := cost(t, c, Query{Provider: "openai", RequestModel: "gpt-5.4", At: v}); got != want {
			t.Errorf("%s: %s, want %s", at, got, want)
		}
	}
}
