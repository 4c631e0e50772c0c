package billing

import "strings"

// modelNames caches the bare names of models: a run names few models many
// times.
type modelNames map[string]string

func (m modelNames) bare(name string) string {
	b, ok := m[name]
	if !ok {
		b = bareModel(name)
		m[name] = b
	}
	return b
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

// nameSet is the bare model names of a call or of the calls beneath a span. It
// holds four; a set that would hold more is many, and may have any name.
type nameSet struct {
	names [4]string
	n     uint8
	many  bool
}

func (s *nameSet) add(name string) {
	if name == "" || s.has(name) {
		return
	}
	if int(s.n) == len(s.names) {
		s.many = true
		return
	}
	s.names[s.n] = name
	s.n++
}

func (s *nameSet) has(name string) bool {
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

// claude reports whether a name is that of an Anthropic model.
func (s *nameSet) claude() bool {
	for i := range s.n {
		if strings.Contains(s.names[i], "claude") {
			return true
		}
	}
	return false
}

func (r *run) namesOf(v int32) nameSet {
	var s nameSet
	rec := r.record(v)
	s.add(r.models.bare(rec.RequestModel))
	s.add(r.models.bare(rec.ResponseModel))
	return s
}
