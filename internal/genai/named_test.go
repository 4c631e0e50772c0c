package genai

import (
	"testing"
	"time"

	"github.com/runrollup/runrollupprocessor/internal/ratecard"
)

// TestCardKnowsAProviderByWhatSpansWrite: an alias and a provider of a rate may
// be any name that a span bears, and any common one of the same provider.
func TestCardKnowsAProviderByWhatSpansWrite(t *testing.T) {
	const rate = ", match: { exact: [house-model] }, price: { input_mtok: \"1\", output_mtok: \"1\" } } ]\n"
	for _, c := range []struct{ card, named, want string }{
		{"provider_aliases: { foundry: corp }\nrates: [ { provider: corp" + rate, "foundry", "corp"},
		{"provider_aliases: { Foundry: corp }\nrates: [ { provider: corp" + rate, " FOUNDRY", "corp"},
		{"provider_aliases: { corp.chat: x }\nrates: [ { provider: x" + rate, "corp.chat", "x"},
		{"provider_aliases: { azure.ai.inference: x }\nrates: [ { provider: x" + rate, "foundry", "x"},
		{"provider_aliases: { litellm: x }\nrates: [ { provider: x" + rate, "litellm", "x"},
		{"rates: [ { provider: claude" + rate, "claude", "anthropic"},
		{"rates: [ { provider: claude" + rate, "anthropic", "anthropic"},
		{"rates: [ { provider: foundry" + rate, "foundry", "azure"},
		{"rates: [ { provider: corp.chat" + rate, "corp.chat", "corp.chat"},
		{"rates: [ { provider: corp" + rate, "corp.chat", "corp"},
		{"rates: [ { provider: litellm" + rate, "litellm", "litellm"},
	} {
		embedded, err := ratecard.Embedded()
		if err != nil {
			t.Fatal(err)
		}
		file, err := ratecard.Parse([]byte("schema: ratecard/v1\n" + c.card))
		if err != nil {
			t.Fatalf("%s: %v", c.card, err)
		}
		card, err := ratecard.New(file, embedded)
		if err != nil {
			t.Fatalf("%s: %v", c.card, err)
		}
		ask := func(model string) (*ratecard.Quote, ratecard.Reason) {
			return card.Quote(ratecard.Query{
				Provider: CanonicalProvider(c.named), Named: c.named, RequestModel: model, At: time.Unix(1_700_000_000, 0),
			})
		}
		if q, why := ask("house-model"); q == nil || q.Provider != c.want {
			t.Errorf("%s: %s: %+v %s, want %s", c.card, c.named, q, why, c.want)
		}
		// What the card does not price has the price of the provider by its common name.
		if c.named == "claude" || c.named == "anthropic" {
			if q, why := ask("claude-3-5-haiku-latest"); q == nil {
				t.Errorf("%s: the embedded card is not asked: %s", c.card, why)
			}
		}
		if q, why := ask("gpt-4o"); c.named == "litellm" && c.want == "litellm" && q == nil {
			t.Errorf("%s: a framework's name keeps the maker's price away: %s", c.card, why)
		}
	}
}

// TestCardKnowsEveryNameOfAProvider: a card that says a provider by one of its
// names means the same as a span that bears another.
func TestCardKnowsEveryNameOfAProvider(t *testing.T) {
	for name, canonical := range providerNames {
		if canonical == "" {
			continue
		}
		file, err := ratecard.Parse([]byte("schema: ratecard/v1\nrates: [ { provider: \"" + name + "\", match: { exact: m }, price: { input_mtok: 1 } } ]\n"))
		if err != nil {
			t.Fatal(err)
		}
		card, err := ratecard.New(file, nil)
		if err != nil {
			t.Fatal(err)
		}
		if q, why := card.Quote(ratecard.Query{Provider: canonical, RequestModel: "m"}); q == nil {
			t.Errorf("a rate of %s, a span that says %s: %s", name, canonical, why)
		}
	}
}
