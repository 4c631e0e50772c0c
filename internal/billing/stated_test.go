package billing

import (
	"testing"

	"github.com/runrollup/runrollupprocessor/internal/genai"
	"github.com/runrollup/runrollupprocessor/internal/money"
)

func cost(rec *genai.Record, class genai.CostClass, total money.Amount) *genai.Record {
	return with(rec, func(r *genai.Record) { r.Cost = genai.Cost{Class: class, Total: total} })
}

// TestDroppedCost: a cost that is believed is not dropped in silence together
// with the agent or the wrapper that states it.
func TestDroppedCost(t *testing.T) {
	const operator, provider, gateway, local = genai.OperatorCost, genai.ProviderCost, genai.GatewayCost, genai.LocalCost
	classes := map[string]genai.CostClass{"operator": operator, "provider": provider, "gateway": gateway}
	half := chat("client", 1000, 250)
	whole := chat("top", 2000, 500)
	over := func(top *genai.Record, beneath ...*genai.Record) func(s *scene) {
		return func(s *scene) {
			p := s.span(root, 0, 1000, top)
			for i, rec := range beneath {
				s.span(p, int64(100*i+10), int64(100*i+60), rec)
			}
		}
	}
	beside := func(recs ...*genai.Record) func(s *scene) {
		return func(s *scene) {
			s.span(root, 0, 1000, recs[0])
			for i, rec := range recs[1:] {
				s.span(root, int64(100*i+10), int64(100*i+60), rec)
			}
		}
	}
	type test struct {
		name    string
		draw    func(s *scene)
		caveats Caveats
	}
	tests := []test{
		{"a guess is dropped", over(cost(whole, local, 70), half, half), 0},
		{"nothing, beside tokens", over(cost(whole, operator, 0), half, half), 0},
		{"the calls come to it", over(cost(whole, gateway, 70), cost(half, gateway, 30), cost(half, gateway, 40)), 0},
		{"the calls come to it but for rounding", over(cost(whole, gateway, 70), cost(half, gateway, 31), cost(half, gateway, 41)), 0},
		{"the calls come to it, by another", over(cost(aggregate(whole), operator, 70), cost(half, gateway, 30), cost(half, provider, 40)), 0},
		{"the calls come to less", over(cost(whole, gateway, 70), cost(half, gateway, 30), cost(half, gateway, 30)), UsageConflict},
		{"the calls come to more", over(cost(aggregate(whole), operator, 70), cost(half, operator, 40), cost(half, operator, 40)), UsageConflict},
		{"of one call nobody states it", over(cost(whole, gateway, 70), cost(half, gateway, 70), half), UsageConflict},
		{"guesses beneath", over(cost(whole, gateway, 70), cost(half, local, 30), cost(half, local, 40)), UsageConflict},
		{"more than any amount beneath", over(cost(whole, gateway, 70), cost(half, gateway, 1<<62), cost(half, gateway, 1<<62)), UsageConflict},
		{"the calls' own wrappers come to it", func(s *scene) {
			p := s.agent(root, 0, 1000, cost(aggregate(whole), operator, 70))
			for i := range int64(2) {
				s.span(s.span(p, 100*i, 100*i+60, cost(chat("app", 1000, 250), operator, 35)), 100*i+10, 100*i+50, half)
			}
		}, 0},
		{"failed tries cost nothing", over(cost(aggregate(whole), gateway, 70), traits(mute(half), genai.Failed), cost(whole, gateway, 70)), 0},
		{"beside calls that come to it", beside(cost(whole, gateway, 70), cost(half, gateway, 30), cost(half, gateway, 40)), 0},
	}
	for name, class := range classes {
		tests = append(tests,
			test{name + ", a chat over two calls", over(cost(whole, class, 70), half, half), UsageConflict},
			test{name + ", a chat without usage over two calls", over(cost(mute(whole), class, 70), half, half), UsageConflict},
			test{name + ", an agent over a call", over(cost(aggregate(whole), class, 70), chat("client", 2000, 500)), UsageConflict},
			test{name + ", beside two calls", beside(cost(whole, class, 70), half, half), UsageConflict})
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			var s scene
			c.draw(&s)
			b := Resolve(s.spans)
			if _, sum := total(b); sum.InputTotal() != 2000 || sum.OutputTotal() != 500 || b.Caveats != c.caveats {
				t.Errorf("%+v, %q; want %q", sum, b.Caveats, c.caveats)
			}
		})
	}
}

// TestBestCost: of several costs of one call, that of the one most believed.
func TestBestCost(t *testing.T) {
	const operator, provider, gateway, local = genai.OperatorCost, genai.ProviderCost, genai.GatewayCost, genai.LocalCost
	outer, inner := chat("outer", 2000, 500), chat("inner", 2000, 500)
	tests := []struct {
		name         string
		outer, inner *genai.Record
		want         genai.Cost
		caveats      Caveats
	}{
		{"the operator's before a gateway's", cost(outer, operator, 5), cost(inner, gateway, 7), genai.Cost{Class: operator, Total: 5}, 0},
		{"the same, the other way round", cost(outer, gateway, 7), cost(inner, operator, 5), genai.Cost{Class: operator, Total: 5}, 0},
		{"the provider's before a guess", cost(outer, local, 9), cost(inner, provider, 7), genai.Cost{Class: provider, Total: 7}, 0},
		{"a gateway's before the operator's nothing", cost(outer, operator, 0), cost(inner, gateway, 7), genai.Cost{Class: gateway, Total: 7}, 0},
		{"nothing without tokens is nothing", cost(mute(outer), operator, 0), cost(inner, gateway, 7), genai.Cost{Class: operator}, 0},
		{"nothing beside tokens is not known", cost(outer, gateway, 0), inner, genai.Cost{}, 0},
		{"twice the same", cost(outer, operator, 5), cost(inner, operator, 5), genai.Cost{Class: operator, Total: 5}, 0},
		{"two of one class", cost(outer, operator, 5), cost(inner, operator, 7), genai.Cost{Class: operator, Total: 7}, UsageConflict},
		{"two guesses", cost(outer, local, 5), cost(inner, local, 7), genai.Cost{Class: local, Total: 7}, 0},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			var s scene
			s.span(s.span(root, 0, 100, c.outer), 10, 90, c.inner)
			b := Resolve(s.spans)
			if len(b.Calls) != 1 || b.Calls[0].Record.Cost != c.want || b.Caveats != c.caveats {
				t.Errorf("%+v, %q; want %+v, %q", b.Calls, b.Caveats, c.want, c.caveats)
			}
		})
	}
	t.Run("two of one class that a third makes of no account", func(t *testing.T) {
		layers := []*genai.Record{cost(outer, gateway, 5), cost(inner, gateway, 7), cost(chat("third", 2000, 500), operator, 6)}
		for range layers {
			var s scene
			for i, p := int64(0), root; i < 3; i++ {
				p = s.span(p, 10*i, 100-10*i, layers[i])
			}
			if b := Resolve(s.spans); len(b.Calls) != 1 || b.Calls[0].Record.Cost.Total != 6 || b.Caveats != 0 {
				t.Errorf("%+v, %q", b.Calls, b.Caveats)
			}
			layers = append(layers[1:], layers[0])
		}
	})
}
