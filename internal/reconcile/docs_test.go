package reconcile

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/runrollup/runrollupprocessor/internal/attrs"
	"github.com/runrollup/runrollupprocessor/internal/genai"
	"github.com/runrollup/runrollupprocessor/internal/money"
	"github.com/runrollup/runrollupprocessor/internal/ratecard"
	"github.com/runrollup/runrollupprocessor/internal/usage"
)

func pricesPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "prices.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// pageCard is the rate card that docs/prices.md shows.
func pageCard(t *testing.T) string {
	t.Helper()
	_, rest, found := strings.Cut(pricesPage(t), "```yaml\nschema: ratecard/v1")
	card, _, closed := strings.Cut(rest, "```\n")
	if !found || !closed {
		t.Fatal("docs/prices.md shows no rate card")
	}
	return "schema: ratecard/v1" + card
}

func overEmbedded(text string) (*ratecard.Card, error) {
	base, err := ratecard.Embedded()
	if err != nil {
		return nil, err
	}
	file, err := ratecard.Parse([]byte(text))
	if err != nil {
		return nil, err
	}
	return ratecard.New(file, base)
}

// TestPricesPage_card: the card on the page is one, and says what its comments say.
func TestPricesPage_card(t *testing.T) {
	card, err := overEmbedded(pageCard(t))
	if err != nil {
		t.Fatal(err)
	}
	evening := time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC)
	f := func(q ratecard.Query, input int64, want string) {
		t.Helper()
		if q.At.IsZero() {
			q.At = evening
		}
		quote, reason := card.Quote(q)
		if quote == nil {
			if string(reason) != want {
				t.Errorf("%+v: %s, want %s", q, reason, want)
			}
			return
		}
		price, err := quote.Price(usage.Tokens{Input: input, CacheWrite1h: 1000})
		if err != nil {
			t.Fatal(err)
		}
		if got := price.Input.String() + " " + price.CacheWrite.String(); got != want {
			t.Errorf("%+v: %s, want %s", q, got, want)
		}
	}
	f(ratecard.Query{Provider: "corp-gateway", ResponseModel: "gpt-5.4"}, 100_000, "0.24 0.0024")
	f(ratecard.Query{Provider: "openai", ResponseModel: "gpt-5.4"}, 270_999, "0.6503976 0.0024")
	f(ratecard.Query{Provider: "openai", ResponseModel: "gpt-5.4"}, 271_000, "1.3008 0.0048") // with what is cached, above the bound
	f(ratecard.Query{Provider: "openai", ResponseModel: "gpt-5.4-2026-03-05"}, 1_000_000, "4.8 0.0048")
	f(ratecard.Query{Provider: "openai", ResponseModel: "gpt-5.4", Tier: "flex"}, 1_000_000, "1.2 0.0012") // a key and its tiers are replaced
	f(ratecard.Query{Provider: "openai", ResponseModel: "gpt-5.4", At: evening.AddDate(-1, 0, 0)}, 1000, "0.0025 0.0025")
	f(ratecard.Query{Provider: "azure", RequestModel: "prod-chat"}, 1000, "0.0025 0.0025")
	f(ratecard.Query{RequestModel: "house-model"}, 1000, "0.0001 0.0001")
	f(ratecard.Query{Provider: "anthropic", ResponseModel: "claude-sonnet-4-5-20250929"}, 1000, "0.00264 0.00528")
	f(ratecard.Query{Provider: "anthropic", ResponseModel: "claude-haiku-4-5"}, 1000, "0.00088 0.00176")
	f(ratecard.Query{Provider: "deepseek", ResponseModel: "deepseek-chat"}, 1000, "0.000135 0.000135")
	f(ratecard.Query{Provider: "deepseek", ResponseModel: "deepseek-chat", At: evening.Add(-8 * time.Hour)}, 1000, "0.00027 0.00027")
	f(ratecard.Query{Provider: "vllm", ResponseModel: "qwen-72b"}, 1000, "0 0")
	f(ratecard.Query{Provider: "vllm", ResponseModel: "qwen-72b-chat"}, 1000, string(ratecard.UnknownModel))
	f(ratecard.Query{ResponseModel: "deepseek-r1:7b"}, 1000, string(ratecard.Ambiguous))
	f(ratecard.Query{ResponseModel: "litellm/azure/gpt-4o"}, 1000, "0.0025 0.0025")
	meters := card.Meters()
	if len(meters) != 1 {
		t.Fatalf("%d usage rules, want 1", len(meters))
	}
	if a, err := meters[0].Price(2_500_000_000_000); err != nil || a.String() != "12.5" {
		t.Errorf("2.5 TB cost %s, %v", a, err)
	}
}

// TestPricesPage_mistakes: the messages on the page are those of the mistakes
// in the card on the page.
func TestPricesPage_mistakes(t *testing.T) {
	page, card := pricesPage(t), pageCard(t)
	for _, mistake := range [][2]string{
		{`input_mtok: "2.40"`, `input_mtok: "2,40"`},
		{"    tiers:  ", "    tier:  "},
		{"match: { exact: [gpt-5.4, gpt-5.4-2026-03-05] }", "match: { exact: gpt-5.4, prefix: gpt-5.4- }"},
		{"    to: 2027-01-01 ", "    to: 2025-01-01 "},
		{"is: openai/gpt-4o-2024-08-06", "is: openai/gpt-4oo"},
	} {
		wrong := strings.Replace(card, mistake[0], mistake[1], 1)
		if wrong == card {
			t.Errorf("the card on the page has no %s", mistake[0])
			continue
		}
		_, err := overEmbedded(wrong)
		if err == nil || !strings.Contains(page, "\n"+err.Error()+"\n") {
			t.Errorf("%s: the page does not show: %v", mistake[1], err)
		}
	}
}

// TestPricesPage_embedded: the page says which embedded card there is.
func TestPricesPage_embedded(t *testing.T) {
	meta, err := ratecard.EmbeddedMeta()
	if err != nil {
		t.Fatal(err)
	}
	card, err := ratecard.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	page := pricesPage(t)
	for _, says := range []string{"version " + meta.Version, meta.Published[:len(time.DateOnly)], meta.GeneratedAt, card.Ref()} {
		if !strings.Contains(page, says) {
			t.Errorf("docs/prices.md does not say %s", says)
		}
	}
}

var code = regexp.MustCompile("`([^`]+)`")

// TestPricesPage_costs: each attribute in the table of the page is read as a
// cost of the class that it is listed under.
func TestPricesPage_costs(t *testing.T) {
	_, rest, _ := strings.Cut(pricesPage(t), "<!-- costs: begin -->\n")
	table, _, found := strings.Cut(rest, "<!-- costs: end -->")
	if !found {
		t.Fatal("docs/prices.md has no table of costs")
	}
	classes := map[string]genai.CostClass{
		"operator": genai.OperatorCost, "provider": genai.ProviderCost, "gateway": genai.GatewayCost, "local": genai.LocalCost,
	}
	read := 0
	for _, row := range strings.Split(strings.TrimSpace(table), "\n")[2:] {
		cells := strings.Split(strings.Trim(row, "|"), " | ")
		want, ok := classes[strings.TrimSpace(cells[0])]
		if len(cells) < 3 || !ok {
			t.Fatalf("no row of the table: %s", row)
		}
		f := func(total money.Amount, names map[string]string) {
			t.Helper()
			if got := stated(cells[1], names); got.Class != want || got.Total != total {
				t.Errorf("%s: %v is read as %+v", row, names, got)
			}
			read++
		}
		half := money.Dollar / 2
		switch names := code.FindAllStringSubmatch(cells[2], -1); {
		case strings.Contains(cells[1], "cost::attributes"):
			f(half, map[string]string{operatorsOwn: "0.5"})
		case strings.Contains(cells[2], " within "):
			f(half, map[string]string{names[1][1]: `{"` + names[0][1] + `": 0.5}`})
		default:
			for _, name := range names {
				f(half, map[string]string{name[1]: "0.5"})
			}
		}
		if len(cells) > 3 {
			sum := map[string]string{}
			for _, name := range code.FindAllStringSubmatch(cells[3], -1) {
				sum[name[1]] = "0.5"
			}
			if len(sum) > 0 {
				f(half*money.Amount(len(sum)), sum)
			}
		}
	}
	if read < 20 {
		t.Errorf("%d costs were read, want at least 20", read)
	}
}

// operatorsOwn is an attribute as an operator would name it in cost::attributes.
const operatorsOwn = "acme.cost"

// stated is the cost read from a call's span with these attributes; who wrote
// it is the page's word for the emitter.
func stated(who string, attributes map[string]string) genai.Cost {
	table := attrs.NewTable()
	x := genai.New(table, []string{operatorsOwn})
	span := pcommon.NewMap()
	span.PutStr("gen_ai.operation.name", "chat")
	for name, value := range attributes {
		span.PutStr(name, value)
	}
	scope := "test"
	if strings.HasPrefix(who, "OpenRouter") {
		scope = "openrouter"
	}
	if strings.Contains(who, "gen_ai.usage.cost.source") {
		span.PutStr("gen_ai.usage.cost.source", "provider")
	}
	reader := attrs.NewReader(table, nil)
	reader.Read(span)
	record, _ := x.Record(genai.Span{Attrs: reader, ScopeName: scope})
	return record.Cost
}
