package ratecard

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// Match says which model names a price is for, in the form of genai-prices:
// exactly one field is set. All but Regex ignore case; names are in lower
// case before a Regex sees them.
type Match struct {
	Or         []Match `json:"or,omitempty"`
	And        []Match `json:"and,omitempty"`
	Not        *Match  `json:"not,omitempty"` // ours: what a negative look-ahead becomes, see withoutLookahead
	Equals     string  `json:"equals,omitempty"`
	StartsWith string  `json:"starts_with,omitempty"`
	EndsWith   string  `json:"ends_with,omitempty"`
	Contains   string  `json:"contains,omitempty"`
	Regex      string  `json:"regex,omitempty"`

	re *regexp.Regexp // of Regex
}

// UnmarshalJSON reads one form and compiles it. It refuses one it does not
// know: a price whose condition is not understood must not be used.
func (m *Match) UnmarshalJSON(data []byte) error {
	var forms map[string]json.RawMessage
	if err := json.Unmarshal(data, &forms); err != nil {
		return err
	}
	if len(forms) != 1 {
		return fmt.Errorf("a match has exactly one of or, and, not, equals, starts_with, ends_with, contains, regex; this has %d keys", len(forms))
	}
	for form, raw := range forms {
		var err error
		switch form {
		case "or":
			err = json.Unmarshal(raw, &m.Or)
		case "and":
			err = json.Unmarshal(raw, &m.And)
		case "not":
			err = json.Unmarshal(raw, &m.Not)
		case "equals":
			err = lower(raw, &m.Equals)
		case "starts_with":
			err = lower(raw, &m.StartsWith)
		case "ends_with":
			err = lower(raw, &m.EndsWith)
		case "contains":
			err = lower(raw, &m.Contains)
		case "regex":
			err = m.setRegex(raw)
		default:
			err = fmt.Errorf("unknown match %q", form)
		}
		if err != nil {
			return err
		}
	}
	if len(m.Or) == 0 && len(m.And) == 0 && m.Not == nil &&
		m.Equals == "" && m.StartsWith == "" && m.EndsWith == "" && m.Contains == "" && m.Regex == "" {
		return fmt.Errorf("the match %s is empty and would fit every model or none", data)
	}
	return nil
}

func lower(raw json.RawMessage, into *string) error {
	var s string
	err := json.Unmarshal(raw, &s)
	*into = strings.ToLower(s)
	return err
}

// setRegex takes a regular expression that was written for an engine with
// look-ahead, and leaves one that Go's has.
func (m *Match) setRegex(raw json.RawMessage) error {
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	not, rest, ok := withoutLookahead(s)
	if !ok {
		re, err := regexp.Compile(s)
		m.Regex, m.re = s, re
		return err
	}
	nope, err := regexp.Compile(not)
	if err != nil {
		return err
	}
	negated := Match{Not: &Match{Regex: not, re: nope}}
	if rest == "^" {
		*m = negated
		return nil
	}
	re, err := regexp.Compile(rest)
	m.And = []Match{negated, {Regex: rest, re: re}}
	return err
}

// withoutLookahead takes apart ^(?!not)rest, the only use of look-ahead in
// the data: at the start of the text it is the same as "not ^(?:not), and
// ^rest". Go's engine has no look-ahead because it promises linear time;
// an engine that backtracks was rejected, since both patterns and names come
// from outside. Look-ahead anywhere else stays, fails to compile, and is an
// error: to take it as "no match" would leave models silently unpriced.
func withoutLookahead(s string) (not, rest string, ok bool) {
	body, found := strings.CutPrefix(s, "^(?!")
	if !found {
		return "", "", false
	}
	depth, class := 1, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case c == '\\':
			i++
		case c == '[':
			class = true
		case c == ']':
			class = false
		case c == '(' && !class:
			depth++
		case c == ')' && !class:
			if depth--; depth == 0 {
				return "^(?:" + body[:i] + ")", "^" + body[i+1:], true
			}
		}
	}
	return "", "", false
}

// fits reports whether a name in lower case is meant. Anchored asks for a
// match that the beginning of the name vouches for: without knowing the
// provider, "contains claude" would price every reseller's Claude.
func (m *Match) fits(name string, anchored bool) bool {
	switch {
	case len(m.Or) > 0:
		for i := range m.Or {
			if m.Or[i].fits(name, anchored) {
				return true
			}
		}
		return false
	case len(m.And) > 0:
		// One anchor holds the whole.
		held := !anchored
		for i := range m.And {
			if !m.And[i].fits(name, false) {
				return false
			}
			held = held || m.And[i].fits(name, true)
		}
		return held
	case m.Not != nil:
		return !anchored && !m.Not.fits(name, false)
	case m.Equals != "":
		return name == m.Equals
	case m.StartsWith != "":
		return strings.HasPrefix(name, m.StartsWith)
	case m.EndsWith != "":
		return !anchored && strings.HasSuffix(name, m.EndsWith)
	case m.Contains != "":
		return !anchored && strings.Contains(name, m.Contains)
	case m.re != nil:
		return (!anchored || strings.HasPrefix(m.Regex, "^")) && m.re.MatchString(name)
	}
	return false
}
