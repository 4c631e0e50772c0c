package ratecard

import (
	"bufio"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/runrollup/runrollupprocessor/internal/money"
	"github.com/runrollup/runrollupprocessor/internal/usage"
)

// goldenRow is a call and what it costs, computed with exact decimals over the
// data of genai-prices 0.1.8 by other means than this package.
type goldenRow struct {
	ID       string
	Provider string
	Model    string
	At       time.Time
	Tier     string `json:"service_tier"`
	Usage    struct {
		Input        int64
		CacheRead    int64 `json:"cache_read"`
		CacheWrite5m int64 `json:"cache_write_5m"`
		CacheWrite1h int64 `json:"cache_write_1h"`
		InputAudio   int64 `json:"input_audio"`
		Output       int64
		Reasoning    int64
		OutputAudio  int64 `json:"output_audio"`
	}
	WebSearches int64 `json:"web_searches"`
	Expect      goldenPrice
	Without     *goldenPrice `json:"expect_without_tier_rates"`
}

type goldenPrice struct {
	Status string
	Match  string
	USD    string
	Reason string
}

func (r *goldenRow) query() Query {
	return Query{Provider: r.Provider, ResponseModel: r.Model, RequestModel: r.Model, At: r.At, Tier: r.Tier}
}

// tokens makes exclusive parts of the row's counts, which contain each other.
func (r *goldenRow) tokens() usage.Tokens {
	u := r.Usage
	return usage.Tokens{
		Input:     u.Input - u.CacheRead - u.CacheWrite5m - u.CacheWrite1h - u.InputAudio,
		CacheRead: u.CacheRead, CacheWrite5m: u.CacheWrite5m, CacheWrite1h: u.CacheWrite1h, InputAudio: u.InputAudio,
		Output:    u.Output - u.Reasoning - u.OutputAudio,
		Reasoning: u.Reasoning, OutputAudio: u.OutputAudio,
	}
}

func golden(t *testing.T) []goldenRow {
	t.Helper()
	f, err := os.Open("testdata/golden.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var rows []goldenRow
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r goldenRow
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
	}
	if len(rows) == 0 || lines.Err() != nil {
		t.Fatal("no rows", lines.Err())
	}
	return rows
}

// pinned is a card cut from genai-prices 0.1.8, so that a refresh of the
// built-in data cannot change what the golden rows mean.
func pinned(t testing.TB) *Card {
	t.Helper()
	data, err := os.ReadFile("testdata/genai-prices-0.1.8.json")
	if err != nil {
		t.Fatal(err)
	}
	c, err := fromCatalog("genai-prices-0.1.8", data, time.Date(2026, 9, 23, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestGolden(t *testing.T) {
	card := pinned(t)
	tiers := withTiers(t, card)
	for _, r := range golden(t) {
		t.Run(r.ID, func(t *testing.T) {
			if r.Without == nil {
				checkGolden(t, card, r, r.Expect, false)
				return
			}
			checkGolden(t, card, r, *r.Without, true)
			checkGolden(t, tiers, r, r.Expect, false)
		})
	}
}

func checkGolden(t *testing.T, card *Card, r goldenRow, want goldenPrice, tierUnpriced bool) {
	t.Helper()
	q, reason := card.Quote(r.query())
	if want.Status == "unpriced" {
		if q != nil || (want.Reason != "" && string(reason) != want.Reason) {
			t.Fatalf("got %+v, %q; want no quote, %q", q, reason, want.Reason)
		}
		return
	}
	if q == nil {
		t.Fatalf("no quote: %s", reason)
	}
	if got := q.Provider + "/" + q.Model; want.Match != "" && got != want.Match {
		t.Errorf("matched %s, want %s", got, want.Match)
	}
	if q.TierUnpriced != tierUnpriced {
		t.Errorf("TierUnpriced = %v, want %v", q.TierUnpriced, tierUnpriced)
	}
	p, err := q.Price(r.tokens())
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.Total()
	if err != nil {
		t.Fatal(err)
	}
	if r.WebSearches > 0 {
		fee, ok, err := q.Fee("web_searches_kcount", r.WebSearches)
		if err != nil || !ok {
			t.Fatalf("web searches: %v, %v", ok, err)
		}
		if got, err = got.Add(fee); err != nil {
			t.Fatal(err)
		}
	}
	if got.String() != want.USD {
		t.Errorf("%s: got %s USD, want %s; %+v", card.Ref(), got, want.USD, p)
	}
}

// withTiers lays over a card the service tiers that 0.1.8 does not carry, as
// OpenAI publishes them.
func withTiers(t *testing.T, base *Card) *Card {
	t.Helper()
	const tiers = `[{"id": "openai", "models": [
	  {"id": "gpt-5.4", "match": {"or": [{"equals": "gpt-5.4"}, {"equals": "gpt-5.4-2026-03-05"}]},
	   "prices": {"input_mtok": {"base": 2.5, "tiers": [{"start": 271999, "price": 5}]},
	              "cache_read_mtok": {"base": 0.25, "tiers": [{"start": 271999, "price": 0.5}]},
	              "output_mtok": {"base": 15, "tiers": [{"start": 271999, "price": 22.5}]}},
	   "price_variants": [
	     {"when": {"service_tier": "flex"}, "prices": {"input_mtok": 1.25, "cache_read_mtok": 0.13, "output_mtok": 7.5}},
	     {"when": {"service_tier": ["priority", "fast"]}, "prices": {"input_mtok": 5, "cache_read_mtok": 0.5, "output_mtok": 30}}]},
	  {"id": "gpt-5.5", "match": {"equals": "gpt-5.5"},
	   "prices": {"input_mtok": 5, "cache_read_mtok": 0.5, "output_mtok": 30},
	   "price_variants": [
	     {"when": {"service_tier": "flex"}, "prices": {"input_mtok": 2.5, "cache_read_mtok": 0.25, "output_mtok": 15}}]}
	]}]`
	c, err := fromCatalog("tiers", []byte(tiers), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return &Card{id: "tiers", digest: c.digest, layers: append(c.layers, base.layers...)}
}

func TestGolden_totalsAddUp(t *testing.T) {
	card := pinned(t)
	for _, r := range golden(t) {
		q, _ := card.Quote(r.query())
		if q == nil {
			continue
		}
		p, err := q.Price(r.tokens())
		if err != nil {
			t.Fatal(err)
		}
		var sum money.Amount
		for _, a := range []money.Amount{p.Input, p.CacheRead, p.CacheWrite, p.Output} {
			sum += a
		}
		if total, err := p.Total(); err != nil || total != sum {
			t.Errorf("%s: total %s, parts %s, %v", r.ID, total, sum, err)
		}
	}
}
