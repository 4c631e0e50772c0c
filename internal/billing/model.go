package billing

import "strings"

// modelNames numbers the bare names of models: a run names few models many
// times, and compares numbers instead of names.
type modelNames struct {
	written naming
	bareOf  []int32 // number of a name as written → number of the bare name
	bare    naming
	claude  []bool // by number of the bare name: that of an Anthropic model
}

// number is that of the bare name, none where nothing is left of the name.
func (m *modelNames) number(name string) int32 {
	if name == "" {
		return none
	}
	i, isNew := m.written.add(name)
	if isNew {
		m.bareOf = append(m.bareOf, m.numberBare(bareModel(name)))
	}
	return m.bareOf[i]
}

func (m *modelNames) numberBare(bare string) int32 {
	if bare == "" {
		return none
	}
	i, isNew := m.bare.add(bare)
	if isNew {
		m.claude = append(m.claude, strings.Contains(bare, "claude"))
	}
	return i
}

// family is the word that the bare name begins with: claude, gpt, gemini.
func (m *modelNames) family(name string) string {
	i := m.number(name)
	if i == none {
		return ""
	}
	bare := m.bare.names[i]
	for k := range len(bare) {
		if c := bare[k]; c < 'a' || c > 'z' {
			return bare[:k]
		}
	}
	return bare
}

// bareModel cuts from a model's name what one instrumentation writes and
// another leaves out: the vendor's path or prefix, the date, the revision.
// gpt-4o-mini-2024-07-18 and openai/gpt-4o-mini are one model for the purpose
// of recognising one call; for pricing they stay two names.
func bareModel(name string) string {
	s := strings.ToLower(strings.TrimSpace(name))
	if i := strings.LastIndexByte(s, '/'); i >= 0 {
		s = s[i+1:]
	}
	// us.anthropic.claude-…: words before a dot, unlike the 4.1 of gpt-4.1.
	for {
		i := strings.IndexByte(s, '.')
		if i < 2 || strings.ContainsAny(s[:i], "0123456789") {
			break
		}
		s = s[i+1:]
	}
	if i := strings.IndexByte(s, '@'); i > 0 {
		s = s[:i]
	}
	if i := strings.IndexByte(s, ':'); i > 0 {
		s = s[:i]
	}
	s = strings.TrimSuffix(s, "-latest")
	if i := strings.LastIndex(s, "-v"); i > 0 && digits(s[i+2:]) && len(s)-i <= 4 {
		s = s[:i]
	}
	return cutDate(s)
}

// cutDate cuts -2024-07-18, -20240718, -0613 and -001.
func cutDate(s string) string {
	if n := len(s); n > 11 && s[n-11] == '-' && s[n-6] == '-' && s[n-3] == '-' &&
		digits(s[n-10:n-6]) && digits(s[n-5:n-3]) && digits(s[n-2:]) {
		return s[:n-11]
	}
	i := strings.LastIndexByte(s, '-')
	if i <= 0 {
		return s
	}
	if n := len(s) - i - 1; (n == 8 || n == 4 || n == 3) && digits(s[i+1:]) {
		return s[:i]
	}
	return s
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// nameSet is the bare model names, by number, of a call or of the calls beneath
// a span. It holds four; a set that would hold more is many, and may have any
// name.
type nameSet struct {
	names [4]int32
	n     uint8
	many  bool
}

func (s *nameSet) add(name int32) {
	if name == none || s.has(name) {
		return
	}
	if int(s.n) == len(s.names) {
		s.many = true
		return
	}
	s.names[s.n] = name
	s.n++
}

func (s *nameSet) has(name int32) bool {
	for i := range s.n {
		if s.names[i] == name {
			return true
		}
	}
	return false
}

func (s *nameSet) addAll(o *nameSet) {
	for i := range o.n {
		s.add(o.names[i])
	}
	s.many = s.many || o.many
}

func (s *nameSet) empty() bool { return s.n == 0 }

// meets reports whether the two have a name in common.
func (s *nameSet) meets(o *nameSet) bool {
	if s.many || o.many {
		return true
	}
	for i := range s.n {
		if o.has(s.names[i]) {
			return true
		}
	}
	return false
}

// differs reports whether both have names, and none in common.
func (s *nameSet) differs(o *nameSet) bool { return !s.empty() && !o.empty() && !s.meets(o) }

// anyClaude reports whether a name is that of an Anthropic model.
func (m *modelNames) anyClaude(s *nameSet) bool {
	for i := range s.n {
		if m.claude[s.names[i]] {
			return true
		}
	}
	return false
}

func (r *run) namesOf(v int32) nameSet {
	var s nameSet
	rec := r.record(v)
	s.add(r.models.number(rec.RequestModel))
	s.add(r.models.number(rec.ResponseModel))
	return s
}
