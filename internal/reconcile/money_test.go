package reconcile

import (
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/cost"
	"github.com/runrollup/runrollupprocessor/internal/extract"
	"github.com/runrollup/runrollupprocessor/internal/genai"
	"github.com/runrollup/runrollupprocessor/internal/money"
	"github.com/runrollup/runrollupprocessor/internal/offline"
	"github.com/runrollup/runrollupprocessor/internal/ratecard"
)

// listed are the recordings whose every call the card must price. Of others,
// runs with a model that it does not have, or with a reported cost that comes
// before it, are left out and counted.
var listed = map[string]bool{
	"anthropic-native": true, "claude-agent-sdk": true, "google-genai": true, "langchain-openllmetry": true,
	"langfuse": true, "openinference": true, "openlit": true, "openllmetry": true, "otel-openai": true,
	"vercel-ai-v5": true, "vercel-ai-v7": true,
}

// leastCompared is how many of the listed runs must cost money and be compared
// to the last digit, so that the test cannot pass by comparing nothing.
const leastCompared = 340

// TestMoney holds the money of every recorded run against a second
// computation: from the ledger of the provider instead of the spans, with
// rationals instead of picodollars, by prices read straight from the card.
func TestMoney(t *testing.T) {
	prices := loadPlainCard(t, filepath.Join("testdata", "card.yaml"))
	card := loadCard(t, filepath.Join("testdata", "card.yaml"))
	dirs, err := filepath.Glob(filepath.Join(captures, "*"))
	if err != nil || len(dirs) == 0 {
		t.Fatal("no captures", err)
	}
	var all tally
	for _, dir := range dirs {
		setup := filepath.Base(dir)
		n := holdMoney(t, dir, prices, card)
		t.Logf("%s: %s", setup, n)
		if listed[setup] {
			all.add(n)
		}
	}
	t.Logf("all of the listed: %s", all)
	if all.equal < leastCompared {
		t.Errorf("%d runs that cost money were compared with their invoice to the last digit, want at least %d", all.equal, leastCompared)
	}
	if all.estimated == 0 {
		t.Error("no run has a span that states an estimate: nothing shows that the card comes before it")
	}
	for i := range prices.Rates {
		r := &prices.Rates[i]
		if r.used == 0 || len(r.Tiers) > 0 && r.usedTier == 0 {
			t.Errorf("testdata/card.yaml: rates[%d]: %d calls, %d of them in a tier: it shows nothing", i, r.used, r.usedTier)
		}
	}
}

// tally counts runs by what they were held against.
type tally struct {
	equal     int // the invoice, to the last digit
	free      int // an invoice without a call
	estimated int // of equal, those whose spans state an estimate, too
	marked    int // differ in tokens from the invoice, and say that they may
	visible   int // the calls on their spans, to the last digit: no span shows the rest
	skipped   int // a model that the card does not have, or a reported cost that comes before it
}

func (n *tally) add(o tally) {
	n.equal += o.equal
	n.free += o.free
	n.estimated += o.estimated
	n.marked += o.marked
	n.visible += o.visible
	n.skipped += o.skipped
}

func (n tally) String() string {
	return fmt.Sprintf("%d runs equal to the invoice (%d with estimates on spans), %d without a call, %d marked, %d equal to what is visible, %d left out",
		n.equal, n.estimated, n.free, n.marked, n.visible, n.skipped)
}

func holdMoney(t *testing.T, dir string, prices plainCard, card *ratecard.Card) (n tally) {
	truths, err := loadTruth(dir)
	if err != nil {
		t.Fatal(err)
	}
	runs := runsPriced(t, dir, card)
	ledger := loadLedger(t, dir)
	setup := filepath.Base(dir)
	for _, truth := range truths {
		r := resolved(truth, runs[truth.RunID])
		name := fmt.Sprintf("%s %s %s", setup, r.Scenario, r.RunID)
		addsUp(t, name, &r.Summary.Cost)
		invoice, visible, err := prices.bill(ledger[r.RunID])
		if err != nil {
			n.skipped++
			if listed[setup] {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		c := &r.Summary.Cost
		if believed := c.Source != cost.RateCard && c.Source != cost.Nowhere; believed {
			n.skipped++
			if listed[setup] {
				t.Errorf("%s: priced by %s, before the card", name, c.Source)
			}
			continue
		}
		switch {
		case r.Got.SameParts(r.Billed) && r.Got.Calls == r.Billed.Calls:
			if c.Calls == 0 {
				n.free++
			} else {
				n.equal++
			}
			if c.Calls > 0 && estimated(runs[r.RunID].Spans) {
				n.estimated++
			}
			if !c.Known || exactly(c.Total).Cmp(invoice) != 0 {
				t.Errorf("%s: %s USD (%s, %s), the ledger comes to %s; %s", name, c.Total, c.Source, strings.Join(c.Caveats, " "), usd(invoice), r.Got)
			}
		case r.Claim() != billing.Exact:
			n.marked++
			holdBound(t, name, &r, invoice, visible)
		case exactly(c.Total).Cmp(visible) == 0:
			n.visible++
		default:
			t.Errorf("%s: claims exact, %s USD; the ledger comes to %s, its visible calls to %s", name, c.Total, usd(invoice), usd(visible))
		}
	}
	return n
}

// estimated reports whether a span states an instrumentation's own estimate.
func estimated(spans []extract.Owned) bool {
	for i := range spans {
		if d := spans[i].Detail; d != nil && d.Record != nil && d.Record.Cost.Class == genai.LocalCost {
			return true
		}
	}
	return false
}

// holdBound holds a total that claims to be a bound to it. An upper bound is
// one of the calls that spans show; of others nobody can know.
func holdBound(t *testing.T, name string, r *Run, invoice, visible *big.Rat) {
	t.Helper()
	total := exactly(r.Summary.Cost.Total)
	switch {
	case r.Claim() == billing.LowerBound && total.Cmp(invoice) > 0:
		t.Errorf("%s: %s USD is no lower bound of %s", name, r.Summary.Cost.Total, usd(invoice))
	case r.Claim() == billing.UpperBound && total.Cmp(visible) < 0:
		t.Errorf("%s: %s USD is no upper bound of %s", name, r.Summary.Cost.Total, usd(visible))
	}
}

// addsUp holds a bill to its parts: of the run, of each model, and all models
// together. Other metered work is of no model, and this card prices none.
func addsUp(t *testing.T, name string, b *cost.Bill) {
	t.Helper()
	ofModels := new(big.Rat)
	for i := range b.Models {
		m := &b.Models[i]
		if sum := sumOf(m.Parts); sum.Cmp(exactly(m.Total)) != 0 {
			t.Errorf("%s: the parts of %s/%s add up to %s, its total is %s", name, m.Provider, m.Name, usd(sum), m.Total)
		}
		ofModels.Add(ofModels, exactly(m.Total))
	}
	if sum := sumOf(b.Parts); sum.Cmp(exactly(b.Total)) != 0 {
		t.Errorf("%s: the parts add up to %s, the total is %s", name, usd(sum), b.Total)
	}
	if ofModels.Cmp(exactly(b.Total)) != 0 {
		t.Errorf("%s: the models add up to %s, the total is %s", name, usd(ofModels), b.Total)
	}
}

func sumOf(p cost.Parts) *big.Rat {
	sum := new(big.Rat)
	for _, part := range []money.Amount{p.Input, p.Output, p.CacheRead, p.CacheWrite, p.Metered, p.Unsplit} {
		sum.Add(sum, exactly(part))
	}
	return sum
}

// exactly is an amount as a rational number of USD.
func exactly(a money.Amount) *big.Rat { return rational(a.String()) }

func rational(s string) *big.Rat {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		panic(fmt.Sprintf("%q is no number", s))
	}
	return r
}

func usd(r *big.Rat) string { return r.FloatString(12) }

func loadCard(t *testing.T, path string) *ratecard.Card {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file, err := ratecard.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	card, err := ratecard.New(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	return card
}

// runsPriced are the runs of a recording, priced by a card.
func runsPriced(t *testing.T, dir string, card *ratecard.Card) map[string]offline.Run {
	t.Helper()
	file, err := os.Open(filepath.Join(dir, "traces.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	spans, err := offline.Read(file, extract.New(offline.Config(card)))
	if err != nil {
		t.Fatal(err)
	}
	offline.Assign(spans)
	runs := map[string]offline.Run{}
	for _, r := range offline.Runs(spans) {
		runs[r.ID] = r
	}
	return runs
}

// served is one call that the provider bills.
type served struct {
	Totals
	Seq       int       `json:"seq"`
	At        time.Time `json:"ts"`
	API       string    `json:"api"`
	Requested string    `json:"model_requested"`
	Returned  string    `json:"model_returned"`
	Hidden    bool      `json:"-"` // on no span
}

// loadLedger reads the billed calls of each run from the invoice, and from the
// truth which of them no span shows.
func loadLedger(t *testing.T, dir string) map[string][]served {
	t.Helper()
	var truth struct {
		Runs []struct {
			RunID   string `json:"run_id"`
			Derived struct {
				NotVisible []struct {
					Seq int `json:"seq"`
				} `json:"calls_not_visible"`
			} `json:"derived_from_spans"`
		} `json:"runs"`
	}
	text, err := os.ReadFile(filepath.Join(dir, "truth.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &truth); err != nil {
		t.Fatal(err)
	}
	hidden := map[int]bool{}
	for _, r := range truth.Runs {
		for _, call := range r.Derived.NotVisible {
			hidden[call.Seq] = true
		}
	}
	file, err := os.Open(filepath.Join(dir, "invoice.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	ledger := map[string][]served{}
	for lines := json.NewDecoder(file); lines.More(); {
		var line struct {
			served
			RunID  *string `json:"run_id"`
			Billed bool    `json:"billed"`
		}
		if err := lines.Decode(&line); err != nil {
			t.Fatal(err)
		}
		if line.Billed && line.RunID != nil {
			line.Hidden = hidden[line.Seq]
			ledger[*line.RunID] = append(ledger[*line.RunID], line.served)
		}
	}
	return ledger
}

// plainCard is a rate card as a second reader takes it: exact names, prefixes,
// dates and tiers, in the order of the file.
type plainCard struct {
	Rates []plainRate `yaml:"rates"`
}

type plainRate struct {
	Provider string `yaml:"provider"`
	Match    struct{ Exact, Prefix []string }
	From, To string
	Price    map[string]string
	Tiers    []struct {
		Over  int64 `yaml:"input_tokens_over"`
		Price map[string]string
	}

	used, usedTier int // calls
}

func loadPlainCard(t *testing.T, path string) plainCard {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var c plainCard
	if err := yaml.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// nearChange is how close to a change of price a call may not be: the ledger
// and the span do not have the same clock.
const nearChange = time.Second

func (r *plainRate) fits(provider, model string, at time.Time) (bool, error) {
	named := false
	for _, name := range r.Match.Exact {
		named = named || name == model
	}
	for _, start := range r.Match.Prefix {
		named = named || strings.HasPrefix(model, start)
	}
	if !named || r.Provider != provider {
		return false, nil
	}
	for _, bound := range []struct {
		text   string
		before bool
	}{{r.From, false}, {r.To, true}} {
		if bound.text == "" {
			continue
		}
		change, err := time.Parse(time.RFC3339, bound.text)
		if err != nil {
			return false, err
		}
		if at.Sub(change).Abs() < nearChange {
			return false, fmt.Errorf("%s: a call at %s is too near to the change of price at %s: move the change", model, at, change)
		}
		if at.Before(change) != bound.before {
			return false, nil
		}
	}
	return true, nil
}

// bill is what a run's calls cost, all of them and those that spans show.
func (c plainCard) bill(calls []served) (all, visible *big.Rat, err error) {
	all, visible = new(big.Rat), new(big.Rat)
	for i := range calls {
		one, err := c.cost(&calls[i])
		if err != nil {
			return nil, nil, err
		}
		all.Add(all, one)
		if !calls[i].Hidden {
			visible.Add(visible, one)
		}
	}
	return all, visible, nil
}

func (c plainCard) cost(call *served) (*big.Rat, error) {
	provider, _, _ := strings.Cut(call.API, ".")
	for _, model := range []string{call.Returned, call.Requested} {
		for i := range c.Rates {
			fits, err := c.Rates[i].fits(provider, model, call.At)
			if err != nil {
				return nil, err
			}
			if fits {
				return c.Rates[i].cost(call)
			}
		}
	}
	return nil, fmt.Errorf("testdata/card.yaml has no price for %s of %s (asked for as %s): add one", call.Returned, provider, call.Requested)
}

// cost is one call's: tier by its whole input, each part rounded once, half to
// even, to a picodollar.
func (r *plainRate) cost(call *served) (*big.Rat, error) {
	r.used++
	prices, over := r.Price, int64(0)
	for _, tier := range r.Tiers {
		if call.Input > tier.Over {
			prices, over = tier.Price, tier.Over
		}
	}
	if over > 0 {
		r.usedTier++
	}
	writes := "cache_write_5m_mtok"
	if prices[writes] == "" {
		writes = "cache_write_mtok"
	}
	sum := new(big.Rat)
	for _, part := range []struct {
		key    string
		tokens int64
	}{{"input_mtok", call.Uncached}, {"cache_read_mtok", call.Read}, {writes, call.Write}, {"output_mtok", call.Output}} {
		if part.tokens == 0 {
			continue
		}
		price := prices[part.key]
		if price == "" {
			return nil, fmt.Errorf("testdata/card.yaml has no %s for %s: add one", part.key, call.Returned)
		}
		sum.Add(sum, toPicodollar(new(big.Rat).Mul(rational(price), big.NewRat(part.tokens, 1_000_000))))
	}
	return sum, nil
}

// toPicodollar rounds an amount of USD, which is not negative, half to even.
func toPicodollar(r *big.Rat) *big.Rat {
	pico := new(big.Rat).Mul(r, big.NewRat(1_000_000_000_000, 1))
	whole, rest := new(big.Int).QuoRem(pico.Num(), pico.Denom(), new(big.Int))
	twice := rest.Lsh(rest, 1).Cmp(pico.Denom())
	if twice > 0 || twice == 0 && whole.Bit(0) == 1 {
		whole.Add(whole, big.NewInt(1))
	}
	return new(big.Rat).SetFrac(whole, big.NewInt(1_000_000_000_000))
}
