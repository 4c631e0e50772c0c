package billing

import (
	"testing"

	"github.com/runrollup/runrollupprocessor/internal/genai"
)

// TestOtherResponses: equal numbers do not make one call of two responses, nor
// a sum of what is a call of another model.
func TestOtherResponses(t *testing.T) {
	mini := func(rec *genai.Record) *genai.Record {
		return with(rec, func(r *genai.Record) { r.RequestModel = "gpt-4o-mini" })
	}
	tests := []struct {
		name    string
		draw    func(s *scene)
		calls   int
		in, out int64
		caveats Caveats
	}{
		{"another response of another model beneath, one scope", func(s *scene) {
			p := s.span(root, 0, 100, id(chat("a", 2000, 200), "chatcmpl-A"))
			s.span(p, 10, 90, id(mini(chat("a", 2000, 200)), "chatcmpl-B"))
		}, 2, 4000, 400, UsageConflict},
		{"another response beneath, one scope", func(s *scene) {
			p := s.span(root, 0, 100, id(chat("a", 2000, 200), "chatcmpl-A"))
			s.span(p, 10, 30, id(chat("a", 2000, 200), "chatcmpl-B"))
		}, 2, 4000, 400, UsageConflict},
		{"another response beneath, two scopes", func(s *scene) {
			p := s.span(root, 0, 100, id(chat("a", 2000, 200), "chatcmpl-A"))
			s.span(p, 10, 30, id(chat("b", 2000, 200), "chatcmpl-B"))
		}, 2, 4000, 400, UsageConflict},
		{"another model beneath, one scope, no ID", func(s *scene) {
			p := s.span(root, 0, 100, chat("a", 2000, 200))
			s.span(p, 10, 90, mini(chat("a", 2000, 200)))
		}, 2, 4000, 400, UsageConflict},
		{"two levels of one scope", func(s *scene) {
			p := s.span(root, 0, 100, chat("a", 2000, 200))
			s.span(p, 10, 90, chat("a", 2000, 200))
		}, 1, 2000, 200, 0},
		{"another name beneath, two scopes, no ID: an alias", func(s *scene) {
			p := s.span(root, 0, 100, with(chat("a", 2000, 200), func(r *genai.Record) { r.RequestModel = "my-deployment" }))
			s.span(p, 10, 90, chat("b", 2000, 200))
		}, 1, 2000, 200, 0},
		{"other responses of another model beneath, to the same sum", func(s *scene) {
			p := s.span(root, 0, 100, id(chat("a", 2000, 200), "chatcmpl-A"))
			s.span(p, 10, 40, id(mini(chat("a", 1000, 100)), "chatcmpl-B"))
			s.span(p, 50, 90, id(mini(chat("a", 1000, 100)), "chatcmpl-C"))
		}, 3, 4000, 400, UsageConflict},
		{"the same, and only the first bears an ID", func(s *scene) {
			p := s.span(root, 0, 100, id(chat("a", 2000, 200), "chatcmpl-A"))
			s.span(p, 10, 40, id(mini(chat("a", 1000, 100)), "chatcmpl-B"))
			s.span(p, 50, 90, mini(chat("a", 1000, 100)))
		}, 3, 4000, 400, UsageConflict},
		{"calls of another model beneath, to the same sum, no ID", func(s *scene) {
			p := s.span(root, 0, 100, chat("a", 2000, 200))
			s.span(p, 10, 40, mini(chat("a", 1000, 100)))
			s.span(p, 50, 90, mini(chat("a", 1000, 100)))
		}, 2, 2000, 200, UsageConflict},
		{"other responses of the model beneath, to the same sum", func(s *scene) {
			p := s.span(root, 0, 100, id(chat("a", 2000, 200), "chatcmpl-A"))
			s.span(p, 10, 40, id(chat("b", 1000, 100), "chatcmpl-B"))
			s.span(p, 50, 90, id(chat("b", 1000, 100), "chatcmpl-C"))
		}, 2, 2000, 200, UsageConflict},
		{"a framework's ID over their sum", func(s *scene) {
			p := s.span(root, 0, 100, id(chat("a", 2000, 200), "run-1"))
			s.span(p, 10, 40, id(chat("b", 1000, 100), "chatcmpl-B"))
			s.span(p, 50, 90, id(chat("b", 1000, 100), "chatcmpl-C"))
		}, 2, 2000, 200, 0},
		{"the first response's ID over their sum", func(s *scene) {
			p := s.span(root, 0, 100, id(chat("a", 2000, 200), "chatcmpl-B"))
			s.span(p, 10, 40, id(chat("b", 1000, 100), "chatcmpl-B"))
			s.span(p, 50, 90, id(chat("b", 1000, 100), "chatcmpl-C"))
		}, 2, 2000, 200, 0},
		{"other responses of another model beside, to the same sum", func(s *scene) {
			s.span(root, 0, 100, id(chat("a", 2000, 200), "chatcmpl-A"))
			s.span(root, 10, 40, id(mini(chat("b", 1000, 100)), "chatcmpl-B"))
			s.span(root, 50, 90, id(mini(chat("b", 1000, 100)), "chatcmpl-C"))
		}, 3, 4000, 400, 0},
		{"other responses of another model beside, one of this model among them", func(s *scene) {
			s.span(root, 0, 100, id(chat("a", 2000, 200), "chatcmpl-A"))
			s.span(root, 10, 40, id(mini(chat("b", 1000, 100)), "chatcmpl-B"))
			s.span(root, 50, 90, id(chat("b", 1000, 100), "chatcmpl-C"))
		}, 2, 2000, 200, UsageConflict},
		{"calls of another model beside, to the same sum, no ID", func(s *scene) {
			s.span(root, 0, 100, chat("a", 2000, 200))
			s.span(root, 10, 40, mini(chat("b", 1000, 100)))
			s.span(root, 50, 90, mini(chat("b", 1000, 100)))
		}, 2, 2000, 200, UsageConflict},
		{"an agent, by whatever name and ID, beside its calls", func(s *scene) {
			s.agent(root, 0, 100, aggregate(id(chat("a", 2000, 200), "chatcmpl-A")))
			s.span(root, 10, 40, id(mini(chat("b", 1000, 100)), "chatcmpl-B"))
			s.span(root, 50, 90, id(mini(chat("b", 1000, 100)), "chatcmpl-C"))
		}, 2, 2000, 200, 0},
		{"a response of its own without usage, over another", func(s *scene) {
			p := s.span(root, 0, 100, id(mute(chat("a", 0, 0)), "chatcmpl-A"))
			s.span(p, 10, 40, id(chat("a", 1000, 100), "chatcmpl-B"))
		}, 2, 1000, 100, UsageMissing},
		{"an embedding over another model's of the same usage, one scope", func(s *scene) {
			p := s.span(root, 0, 100, embedding("a", 30))
			s.span(p, 10, 40, with(embedding("a", 30), func(r *genai.Record) { r.RequestModel = "text-embedding-3-large" }))
		}, 2, 60, 0, UsageConflict},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			var s scene
			c.draw(&s)
			check(t, Resolve(s.spans), c.calls, c.in, c.out, c.caveats)
		})
	}
}
