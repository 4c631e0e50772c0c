package billing

import (
	"testing"

	"github.com/runrollup/runrollupprocessor/internal/genai"
)

// TestHit: a hit of the application's cache costs nothing, and makes no call
// cheaper. It replays a response, with the usage and the ID of the call that
// the provider was paid for.
func TestHit(t *testing.T) {
	hit := func(rec *genai.Record) *genai.Record { return traits(rec, genai.SemanticHit) }
	tests := []struct {
		name    string
		draw    func(s *scene)
		calls   int
		in, out int64
		caveats Caveats
	}{
		{"replayed with its ID, in another scope", func(s *scene) {
			s.span(root, 0, 200, id(chat("client", 2000, 500), "chatcmpl-1"))
			s.span(root, 5000, 5002, hit(id(chat("app", 2000, 500), "chatcmpl-1")))
		}, 1, 2000, 500, 0},
		{"replayed with its ID, in the same scope", func(s *scene) {
			s.span(root, 0, 200, id(chat("app", 2000, 500), "chatcmpl-1"))
			s.span(root, 5000, 5002, hit(id(chat("app", 2000, 500), "chatcmpl-1")))
		}, 1, 2000, 500, 0},
		{"replayed before a quarrel of two others over its ID", func(s *scene) {
			s.span(root, 0, 2, hit(id(chat("app", 2000, 500), "chatcmpl-1")))
			s.span(root, 10, 200, id(chat("client", 2000, 500), "chatcmpl-1"))
			s.span(root, 300, 400, id(chat("framework", 900, 90), "chatcmpl-1"))
		}, 1, 2000, 500, UsageConflict},
		{"the response alone, from another run", func(s *scene) {
			s.span(root, 0, 2, hit(id(chat("app", 2000, 500), "chatcmpl-1")))
		}, 0, 0, 0, 0},
		{"two of one response", func(s *scene) {
			s.span(root, 0, 2, hit(id(chat("app", 2000, 500), "chatcmpl-1")))
			s.span(root, 10, 12, hit(id(chat("app", 2000, 500), "chatcmpl-1")))
		}, 0, 0, 0, 0},
		{"a client's span beside, within its time", func(s *scene) {
			s.span(root, 0, 200, hit(chat("app", 2000, 500)))
			s.span(root, 10, 110, chat("client", 2000, 500))
		}, 1, 2000, 500, 0},
		{"within the time of a span beside: perhaps a framework's", func(s *scene) {
			s.span(root, 0, 200, chat("framework", 2000, 500))
			s.span(root, 100, 102, hit(chat("app", 2000, 500)))
		}, 1, 2000, 500, PossibleDuplicate},
		{"the same, and other usage", func(s *scene) {
			s.span(root, 0, 200, chat("framework", 2000, 500))
			s.span(root, 100, 102, hit(chat("app", 900, 90)))
		}, 1, 2000, 500, 0},
		{"the same, and a client that was asked", func(s *scene) {
			s.span(root, 0, 200, chat("framework", 2000, 500))
			s.span(root, 120, 190, chat("client", 2000, 500))
			s.span(root, 100, 102, hit(chat("app", 2000, 500)))
		}, 1, 2000, 500, 0},
		{"without usage, within the time of a span beside", func(s *scene) {
			s.span(root, 0, 200, chat("framework", 2000, 500))
			s.span(root, 100, 102, hit(mute(chat("app", 0, 0))))
		}, 1, 2000, 500, PossibleDuplicate},
		{"without usage, at another time", func(s *scene) {
			s.span(root, 0, 200, chat("framework", 2000, 500))
			s.span(root, 300, 302, hit(mute(chat("app", 0, 0))))
		}, 1, 2000, 500, 0},
		{"over the call of a client", func(s *scene) {
			s.span(s.span(root, 0, 200, hit(chat("app", 2000, 500))), 10, 110, chat("client", 2000, 500))
		}, 1, 2000, 500, 0},
		{"over a stream without usage", func(s *scene) {
			s.span(s.span(root, 0, 200, hit(chat("app", 2000, 500))), 10, 110, mute(chat("client", 0, 0)))
		}, 1, 2000, 500, 0},
		{"beneath a framework", func(s *scene) {
			s.span(s.span(root, 0, 200, chat("framework", 2000, 500)), 10, 12, hit(chat("app", 2000, 500)))
		}, 0, 0, 0, 0},
		{"without usage, beneath a framework", func(s *scene) {
			s.span(s.span(root, 0, 200, chat("framework", 2000, 500)), 10, 12, hit(mute(chat("app", 0, 0))))
		}, 0, 0, 0, 0},
		{"without usage, beneath a framework's tool", func(s *scene) {
			s.span(s.tool(s.span(root, 0, 200, chat("framework", 2000, 500)), 10, 100), 20, 22, hit(mute(chat("app", 0, 0))))
		}, 1, 2000, 500, 0},
		{"without usage, beneath an agent: whose tokens these are, nobody knows", func(s *scene) {
			s.span(s.agent(root, 0, 200, aggregate(chat("framework", 2000, 500))), 10, 12, hit(mute(chat("app", 0, 0))))
		}, 1, 2000, 500, TierAssumed | PossibleDuplicate},
		{"without usage, beside a stream without usage, beneath a framework", func(s *scene) {
			p := s.span(root, 0, 200, chat("framework", 2000, 500))
			s.span(p, 10, 12, hit(mute(chat("app", 0, 0))))
			s.span(p, 20, 190, mute(chat("client", 0, 0)))
		}, 1, 2000, 500, PossibleDuplicate},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var s scene
			test.draw(&s)
			b := Resolve(s.spans)
			check(t, b, test.calls, test.in, test.out, test.caveats)
			for i, why := range discardsOf(b) { // beside a call it is no part of it
				if s.spans[i].Record.Traits.Has(genai.SemanticHit) && why != SemanticCache && why != RepeatsChild {
					t.Errorf("the hit is %s", why)
				}
			}
		})
	}
}
