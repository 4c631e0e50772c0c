package ratecard

import (
	"regexp"
	"strings"
	"time"
)

// modelName is a model's name on a span, taken out of its wrapping.
type modelName struct {
	full string // as written, trimmed and in lower case
	name string // without ARN and resource path
	hint string // the provider that the wrapping gives away
	own  bool   // a resource of the customer's own, whose name tells nothing of the model behind it
}

// parseModel unwraps:
//
//	arn:aws:bedrock:…:inference-profile/us.anthropic.…          us.anthropic.…, aws
//	arn:aws:bedrock:…:application-inference-profile/a1b2c3     a1b2c3, aws, the customer's own
//	projects/p/locations/l/publishers/google/models/gemini-…   gemini-…, google
//	publishers/anthropic/models/claude-…                       claude-…, google
//	models/gemini-…                                            gemini-…
//
// The prefixes us. eu. apac. global. and the like stay: they carry the price.
func parseModel(s string) modelName {
	s = strings.ToLower(strings.TrimSpace(s))
	m := modelName{full: s, name: s}
	switch {
	case strings.HasPrefix(s, "arn:"):
		m.hint = "aws"
		// arn:partition:service:region:account:resource, and resources have colons too.
		parts := strings.SplitN(s, ":", 6)
		resource := parts[len(parts)-1]
		kind, _, _ := strings.Cut(resource, "/")
		m.own = kind != "inference-profile" && kind != "foundation-model"
		m.name = resource[strings.LastIndexByte(resource, '/')+1:]
	case strings.HasPrefix(s, "projects/"), strings.HasPrefix(s, "publishers/"):
		if i := strings.LastIndex(s, "/models/"); i >= 0 && strings.Contains(s, "publishers/") {
			m.name, m.hint = s[i+len("/models/"):], "google"
		} else if strings.HasPrefix(s, "projects/") {
			m.hint, m.own = "google", true // an endpoint or a tuned model
		}
	case strings.HasPrefix(s, "models/"):
		m.name = s[len("models/"):]
	}
	return m
}

// localTag is how Ollama and its kin mark the build of a model, as in
// "deepseek-r1:7b". Where no provider is named it tells that no maker's API
// was called.
var localTag = regexp.MustCompile(`:(latest|[0-9.]+b)(-|$)`)

// target is a place to look for a price.
type target struct {
	provider string
	model    string
}

// targets are the places to look for a model, in order. With providers, these
// are the ones that the span gives away; only their own prefix is taken off a
// name, and after the whole name was tried, because for OpenRouter, Together
// and others the slash is part of the id. Without, the prefix of the name can
// say who the provider is, as gateways write it: "azure/gpt-4o".
func (c *Card) targets(m modelName, providers []string) []target {
	prefix, rest, prefixed := c.cutProvider(m.name)
	if len(providers) == 0 && m.hint != "" {
		providers = []string{m.hint}
	}
	if len(providers) == 0 {
		if !prefixed || prefix == "" {
			return nil
		}
		return append(withinPath(prefix, rest), target{prefix, m.name})
	}
	var out []target
	for _, p := range providers {
		out = append(out, withinPath(p, m.name)...)
		if prefixed && (prefix == p || prefix == "") {
			out = append(out, withinPath(p, rest)...)
		}
	}
	return out
}

// withinPath is the target, and for Bedrock also the last element of a path:
// its ids have no slash, and LiteLLM writes routes and regions before them,
// "bedrock/converse/us.anthropic.…".
func withinPath(provider, model string) []target {
	out := []target{{provider, model}}
	if i := strings.LastIndexByte(model, '/'); i >= 0 && provider == "aws" {
		out = append(out, target{provider, model[i+1:]})
	}
	return out
}

// cutProvider takes a leading provider off a name: "azure/gpt-4o" or
// "openai:gpt-4o". Frameworks in front are taken off first; the provider is
// "" where there is nothing else in front.
func (c *Card) cutProvider(name string) (provider, rest string, ok bool) {
	rest = name
	for range 4 {
		i := strings.IndexAny(rest, "/:")
		if i <= 0 || i == len(rest)-1 {
			return "", rest, ok
		}
		id, standing := c.providerExactly(rest[:i])
		switch standing {
		case named:
			return id, rest[i+1:], true
		case nameOther:
			return "", rest, ok
		}
		if rest[i] == ':' {
			return "", rest, ok
		}
		rest, ok = rest[i+1:], true
	}
	return "", rest, ok
}

var (
	compactDate = regexp.MustCompile(`-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(-|:|@|$)`)
	dashedDate  = regexp.MustCompile(`-(20\d{2})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(-|:|@|$)`)
)

// respelled is the name with its date in the other spelling: OpenAI writes
// -2024-08-06, Anthropic -20250514, and gateways write either (genai-prices
// engine: retried after the name as it is).
func respelled(name string) (string, bool) {
	if m := compactDate.FindStringSubmatchIndex(name); m != nil {
		y, mo, d := name[m[2]:m[3]], name[m[4]:m[5]], name[m[6]:m[7]]
		if _, err := time.Parse(time.DateOnly, y+"-"+mo+"-"+d); err == nil {
			return name[:m[2]] + y + "-" + mo + "-" + d + name[m[8]:], true
		}
	}
	if m := dashedDate.FindStringSubmatchIndex(name); m != nil {
		return name[:m[2]] + name[m[2]:m[3]] + name[m[4]:m[5]] + name[m[6]:m[7]] + name[m[8]:], true
	}
	return "", false
}
