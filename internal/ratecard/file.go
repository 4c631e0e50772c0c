package ratecard

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/runrollup/runrollupprocessor/internal/money"
)

// Mode is how a file relates to the built-in data.
type Mode string

const (
	Overlay Mode = "overlay" // what the file does not price, the built-in data does
	Replace Mode = "replace" // the file is all there is
)

// File is a user's rate card, read and checked.
type File struct {
	ID   string
	Mode Mode // from the file, Overlay where it says nothing; the caller may set it before New

	digest          string
	providerAliases map[string]string
	modelAliases    []modelAlias
	rules           []rule
	adjustments     []adjustment
	meters          []Meter
	catalog         *catalog
}

// Schema is what a card file says it is.
const Schema = "ratecard/v1"

// defaultID names a card whose file states no id.
const defaultID = "rate-card"

// Parse reads a card file: a ratecard/v1 card in YAML or JSON, or the JSON of
// genai-prices as its project publishes it. Every mistake is an [*Error] or
// says what is wrong with the JSON; a key that is not known is a mistake,
// because a price that is silently not read is a wrong total.
func Parse(data []byte) (*File, error) {
	digest := digestOf(data)
	root, err := document(data)
	if err != nil {
		return nil, err
	}
	if root.Kind == yaml.SequenceNode || (has(root, "providers") && !has(root, "schema")) {
		raw, err := DecodeCatalog(data)
		if err != nil {
			return nil, fmt.Errorf("line %d: without a schema the file is read as the JSON of genai-prices, and it is none: %w; "+
				"write a card that begins with schema: %s, or take the file as its project publishes it", root.Line, err, Schema)
		}
		f := &File{ID: "genai-prices", Mode: Overlay, digest: digest}
		f.catalog, err = raw.compile(ref(f.ID, digest), makers)
		return f, err
	}
	d := decoder{file: &File{ID: defaultID, Mode: Overlay, digest: digest}}
	if err := d.card(root); err != nil {
		return nil, err
	}
	return d.file, nil
}

// decoder fills a File from a document.
type decoder struct {
	file *File
}

func (d *decoder) card(n *yaml.Node) error {
	m, err := mapping(n, "", "schema", "currency", "id", "mode", "provider_aliases", "model_aliases", "rates", "adjust", "usage")
	if err != nil {
		return err
	}
	schema, err := m.text("schema")
	if err != nil {
		return err
	}
	if schema != Schema {
		return m.wrong("schema", "is not known", "write "+Schema)
	}
	if m.has("currency") {
		if s, err := m.text("currency"); err != nil {
			return err
		} else if s != "USD" {
			return m.wrong("currency", "is not read", "state all prices in USD")
		}
	}
	if m.has("id") {
		if d.file.ID, err = m.text("id"); err != nil {
			return err
		}
		if !cardID.MatchString(d.file.ID) {
			return m.wrong("id", "is no id", "use at most 64 letters, digits, dots, dashes and underscores")
		}
	}
	if m.has("mode") {
		s, err := m.text("mode")
		if err != nil {
			return err
		}
		if d.file.Mode = Mode(s); d.file.Mode != Overlay && d.file.Mode != Replace {
			return m.wrong("mode", "is not known", "write overlay or replace")
		}
	}
	// Aliases first: rates may name providers by them.
	if err := d.providerAliases(m); err != nil {
		return err
	}
	for _, section := range []struct {
		key   string
		entry func(*yaml.Node, string) error
	}{
		{"model_aliases", d.modelAlias}, {"rates", d.rate}, {"adjust", d.adjust}, {"usage", d.meter},
	} {
		if !m.has(section.key) {
			continue
		}
		if err := m.each(section.key, section.entry); err != nil {
			return err
		}
	}
	return nil
}

var cardID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// providerID is the id of a provider by any name that spans or people use.
func (d *decoder) providerID(name string) string {
	name = strings.ToLower(strings.TrimSpace(name))
	if id, ok := d.file.providerAliases[name]; ok {
		return id
	}
	if id, ok := providerNames[squash(name)]; ok {
		return id
	}
	return name
}

func (d *decoder) providerAliases(m fields) error {
	if !m.has("provider_aliases") {
		return nil
	}
	all, err := mapping(m.values["provider_aliases"], "provider_aliases")
	if err != nil {
		return err
	}
	aliases := make(map[string]string, len(all.keys))
	for _, name := range all.keys {
		id, err := all.text(name)
		if err != nil {
			return err
		}
		aliases[strings.ToLower(strings.TrimSpace(name))] = d.providerID(id)
	}
	d.file.providerAliases = aliases
	return nil
}

func (d *decoder) modelAlias(n *yaml.Node, path string) error {
	m, err := mapping(n, path, "provider", "model", "is")
	if err != nil {
		return err
	}
	a := modelAlias{line: n.Line}
	if a.provider, err = d.optionalProvider(m); err != nil {
		return err
	}
	if a.model, err = m.text("model"); err != nil {
		return err
	}
	a.model = strings.ToLower(a.model)
	is, err := m.text("is")
	if err != nil {
		return err
	}
	provider, model, ok := strings.Cut(is, "/")
	if !ok || provider == "" || model == "" {
		return m.wrong("is", "names no model", "write provider/model, such as openai/gpt-4o-2024-08-06")
	}
	a.is = target{provider: d.providerID(provider), model: strings.ToLower(model)}
	d.file.modelAliases = append(d.file.modelAliases, a)
	return nil
}

func (d *decoder) optionalProvider(m fields) (string, error) {
	if !m.has("provider") {
		return "", nil
	}
	s, err := m.text("provider")
	return d.providerID(s), err
}

func (d *decoder) rate(n *yaml.Node, path string) error {
	m, err := mapping(n, path, "provider", "match", "from", "to", "price", "tiers", "variants", "windows")
	if err != nil {
		return err
	}
	r := rule{line: n.Line}
	if r.provider, err = d.optionalProvider(m); err != nil {
		return err
	}
	if err := r.match(m); err != nil {
		return err
	}
	if r.span, err = m.span(); err != nil {
		return err
	}
	base, err := m.prices()
	if err != nil {
		return err
	}
	if part, whole, found := base.orphan(); found {
		p, _ := mapping(m.values["price"], m.path+"price")
		return p.wrong(string(part), "is a part of "+string(whole)+", which has no price", "state "+string(whole)+" too")
	}
	order, err := m.windows(base)
	if err != nil {
		return err
	}
	blank := Quote{Card: ref(d.file.ID, d.file.digest), Provider: r.provider, Model: r.names[0]}
	if maker, ok := makers[r.provider]; ok {
		blank.FirstParty = maker.makes(r.names[0])
	}
	if r.offer, err = m.offer(blank, order); err != nil {
		return err
	}
	for i := range d.file.rules {
		if o := &d.file.rules[i]; o.clashes(&r) {
			return &Error{Line: r.line, Field: path, Value: strings.Join(r.names, ", "),
				Problem: fmt.Sprintf("is priced for some of the same time in line %d", o.line),
				Fix:     "set from and to so that one ends where the other begins"}
		}
	}
	d.file.rules = append(d.file.rules, r)
	return nil
}

// clashes reports whether two rules claim the same names at the same time.
func (r *rule) clashes(o *rule) bool {
	if r.provider != o.provider || r.kind != o.kind || r.span.and(o.span).never() {
		return false
	}
	for _, a := range r.names {
		for _, b := range o.names {
			if a == b {
				return true
			}
		}
	}
	return false
}

func (r *rule) match(m fields) error {
	kinds, err := mapping(m.values["match"], m.path+"match", "exact", "prefix", "glob", "regex")
	if err != nil {
		return err
	}
	if len(kinds.keys) != 1 {
		return &Error{Line: kinds.line, Field: m.path + "match", Problem: fmt.Sprintf("has %d kinds", len(kinds.keys)),
			Fix: "write exactly one of exact, prefix, glob, regex; a second kind is a second entry"}
	}
	kind := kinds.keys[0]
	names, err := kinds.texts(kind)
	if err != nil {
		return err
	}
	r.kind = map[string]matchKind{"exact": matchExact, "prefix": matchPattern, "glob": matchPattern, "regex": matchRegex}[kind]
	for _, name := range names {
		pattern := name
		switch kind {
		case "exact":
			r.names = append(r.names, strings.ToLower(name))
			continue
		case "prefix":
			name = strings.ToLower(name) + "*"
			pattern = globPattern(name)
		case "glob":
			name = strings.ToLower(name)
			pattern = globPattern(name)
		}
		re, err := regexp.Compile("^(?:" + pattern + ")$")
		if err != nil {
			return kinds.wrong(kind, "does not compile: "+err.Error(), "write a regular expression as Go has them, without look-around")
		}
		r.names = append(r.names, name)
		r.res = append(r.res, re)
	}
	return nil
}

// globPattern is a glob as a regular expression: * is any text, ? any character.
func globPattern(glob string) string {
	return strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(regexp.QuoteMeta(glob))
}

// entry is a list of prices and when it is in force.
type entry struct {
	when when
	list priceList
}

// windows are the prices by time of day, and last the base that holds at all
// other times. A price in a window takes the place of the base's price of the
// same key, tiers and all.
func (m fields) windows(base priceList) ([]entry, error) {
	if !m.has("windows") {
		return []entry{{always, base}}, nil
	}
	var out []entry
	err := m.each("windows", func(n *yaml.Node, path string) error {
		w, err := mapping(n, path, "utc", "price", "tiers")
		if err != nil {
			return err
		}
		s, err := w.text("utc")
		if err != nil {
			return err
		}
		daily, ok := parseWindow(s)
		if !ok {
			return w.wrong("utc", "is no part of a day", `write it like "00:30-16:30"`)
		}
		for _, o := range out {
			if o.when.daily[0].overlaps(daily) {
				return w.wrong("utc", "overlaps another window", "let one end where the other begins")
			}
		}
		list, err := w.prices()
		if err != nil {
			return err
		}
		inside := always
		inside.daily = []window{daily}
		out = append(out, entry{inside, base.overlaid(list)})
		return nil
	})
	return append(out, entry{always, base}), err
}

func parseWindow(s string) (window, bool) {
	from, to, ok := strings.Cut(s, "-")
	start, err1 := time.Parse("15:04", strings.TrimSpace(from))
	end, err2 := time.Parse("15:04", strings.TrimSpace(to))
	w := window{start.Hour()*3600 + start.Minute()*60, end.Hour()*3600 + end.Minute()*60}
	return w, ok && err1 == nil && err2 == nil && w.start != w.end
}

func (d window) overlaps(o window) bool {
	return d.holds(o.start) || o.holds(d.start)
}

// offer makes quotes of the prices, and of what takes their place for calls
// of a service tier: key by key, and a price with all of its tiers.
func (m fields) offer(blank Quote, order []entry) (o offer, err error) {
	quote := func(line int, path string, l priceList) (*Quote, error) {
		q, err := quoteOf(blank, l)
		if err != nil {
			return nil, &Error{Line: line, Field: path, Problem: err.Error(), Fix: "state every price that is needed, with at most 6 decimal places"}
		}
		return q, nil
	}
	for _, e := range order {
		q, err := quote(m.line, m.path+"price", e.list)
		if err != nil {
			return offer{}, err
		}
		o.standard = append(o.standard, timed{e.when, q})
	}
	if !m.has("variants") {
		return o, nil
	}
	return o, m.each("variants", func(n *yaml.Node, path string) error {
		v, err := mapping(n, path, "when", "price", "tiers")
		if err != nil {
			return err
		}
		cond, err := mapping(v.values["when"], path+".when", "service_tier")
		if err != nil {
			return err
		}
		names, err := cond.texts("service_tier")
		if err != nil {
			return err
		}
		for _, name := range names {
			if _, dup := o.variants[tierName(name)]; dup {
				return cond.wrong("service_tier", "has a variant already", "state each service tier once")
			}
		}
		list, err := v.prices()
		if err != nil {
			return err
		}
		for _, e := range order {
			q, err := quote(v.line, path, e.list.overlaid(list))
			if err != nil {
				return err
			}
			o.addVariant(names, timed{e.when, q})
		}
		return nil
	})
}

// prices reads price and tiers.
func (m fields) prices() (priceList, error) {
	prices, err := mapping(m.values["price"], m.path+"price")
	if err != nil {
		if !m.has("price") {
			err = &Error{Line: m.line, Field: m.path + "price", Problem: "is missing", Fix: `write price: { input_mtok: "2.50", output_mtok: "10" }`}
		}
		return nil, err
	}
	if len(prices.keys) == 0 {
		return nil, m.wrong("price", "is empty", `write a price; a model that is free says so: { input_mtok: "0", output_mtok: "0" }`)
	}
	var list priceList
	for _, key := range prices.keys {
		r, err := prices.rate(key)
		if err != nil {
			return nil, err
		}
		list = append(list, price{unit: unit(key), base: r})
	}
	if m.has("tiers") {
		if err := m.tiers(list); err != nil {
			return nil, err
		}
	}
	list.sort()
	return list, nil
}

func (m fields) tiers(list priceList) error {
	last := int64(-1)
	return m.each("tiers", func(n *yaml.Node, path string) error {
		t, err := mapping(n, path, "input_tokens_over", "price")
		if err != nil {
			return err
		}
		s, err := t.text("input_tokens_over")
		if err != nil {
			return err
		}
		over, err := strconv.ParseInt(s, 10, 64)
		if err != nil || over <= last {
			return t.wrong("input_tokens_over", "is no whole number above that of the tier before", "write the tiers in ascending order; a tier begins one token above its number")
		}
		last = over
		prices, err := mapping(t.values["price"], path+".price")
		if err != nil {
			return err
		}
		for _, key := range prices.keys {
			r, err := prices.rate(key)
			if err != nil {
				return err
			}
			i := list.index(unit(key))
			if i < 0 {
				return prices.wrong(key, "has a price above the tier and none below", "state "+key+" under price too")
			}
			list[i].tiers = append(list[i].tiers, tier{over: over, rate: r})
		}
		return nil
	})
}

func (l priceList) index(u unit) int {
	for i := range l {
		if l[i].unit == u {
			return i
		}
	}
	return -1
}

func (m fields) rate(key string) (rate, error) {
	per, known := unitPer[unit(key)]
	if !known {
		return rate{}, m.wrong(key, "is no unit that can be priced", "use a key such as input_mtok, cache_read_mtok, cache_write_mtok, output_mtok (USD for a million)")
	}
	a, err := m.amount(key)
	return newRate(a, per), err
}

// amount reads USD that must not be negative.
func (m fields) amount(key string) (money.Amount, error) {
	s, err := m.text(key)
	if err != nil {
		return 0, err
	}
	a, err := money.Parse(s)
	switch {
	case errors.Is(err, money.ErrPrecision):
		return 0, m.wrong(key, "has more than 12 decimal places", "round it")
	case errors.Is(err, money.ErrOverflow):
		return 0, m.wrong(key, "is too large", "write USD, below 9 million")
	case err != nil:
		return 0, m.wrong(key, "is not a decimal number", `write USD like "2.50"`)
	case a < 0:
		return 0, m.wrong(key, "is negative", "write 0 or more")
	}
	return a, nil
}

func (d *decoder) adjust(n *yaml.Node, path string) error {
	m, err := mapping(n, path, "provider", "multiply", "from", "to", "reason")
	if err != nil {
		return err
	}
	a := adjustment{line: n.Line, ref: ref(d.file.ID, d.file.digest)}
	if a.provider, err = m.text("provider"); err != nil {
		return err
	}
	a.provider = d.providerID(a.provider)
	if a.text, err = m.text("multiply"); err != nil {
		return err
	}
	if a.num, a.per, err = factor(a.text); err != nil {
		return m.wrong("multiply", "is no factor of 0 or more with at most 12 decimal places", `write 12 % off as "0.88"`)
	}
	if a.when, err = m.span(); err != nil {
		return err
	}
	for _, o := range d.file.adjustments {
		if o.provider == a.provider && !o.when.and(a.when).never() {
			return m.wrong("provider", fmt.Sprintf("is adjusted for some of the same time in line %d", o.line), "set from and to so that one ends where the other begins")
		}
	}
	d.file.adjustments = append(d.file.adjustments, a)
	return nil
}

func (d *decoder) meter(n *yaml.Node, path string) error {
	m, err := mapping(n, path, "attribute", "where", "per", "price")
	if err != nil {
		return err
	}
	meter := Meter{Card: ref(d.file.ID, d.file.digest), per: 1}
	if meter.Attribute, err = m.text("attribute"); err != nil {
		return err
	}
	if m.has("where") {
		where, err := mapping(m.values["where"], path+".where")
		if err != nil {
			return err
		}
		meter.Where = make(map[string]string, len(where.keys))
		for _, key := range where.keys {
			if meter.Where[key], err = where.text(key); err != nil {
				return err
			}
		}
	}
	if m.has("per") {
		s, err := m.text("per")
		if err != nil {
			return err
		}
		per, err := money.ParseDecimal(s)
		if meter.per = wholeNumber(per); err != nil || meter.per <= 0 {
			return m.wrong("per", "is no whole number above 0", "write how many units the price is for")
		}
	}
	if meter.price, err = m.amount("price"); err != nil {
		return err
	}
	d.file.meters = append(d.file.meters, meter)
	return nil
}

// wholeNumber is the decimal as an int64, 0 where it is none.
func wholeNumber(d money.Decimal) int64 {
	n := d.Digits
	for range max(0, min(d.Exponent, 20)) {
		if n > math.MaxInt64/10 {
			return 0
		}
		n *= 10
	}
	if d.Exponent < 0 || d.Negative || n > math.MaxInt64 {
		return 0
	}
	return int64(n)
}

// span reads from and to.
func (m fields) span() (when, error) {
	w := always
	for _, bound := range []struct {
		key  string
		into *int64
	}{{"from", &w.from}, {"to", &w.to}} {
		if !m.has(bound.key) {
			continue
		}
		s, err := m.text(bound.key)
		if err != nil {
			return when{}, err
		}
		t, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t, err = time.Parse(time.RFC3339, s)
		}
		if err != nil || t.Nanosecond() != 0 {
			return when{}, m.wrong(bound.key, "is no date", "write it like 2026-01-31 (midnight UTC) or 2026-01-31T12:00:00Z")
		}
		*bound.into = t.Unix()
	}
	if w.never() {
		return when{}, m.wrong("to", "is not after from", "to is the first day on which the price no longer holds")
	}
	return w, nil
}
