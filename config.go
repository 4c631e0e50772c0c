package runrollupprocessor

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/cost"
	"github.com/runrollup/runrollupprocessor/internal/engine"
	"github.com/runrollup/runrollupprocessor/internal/extract"
	"github.com/runrollup/runrollupprocessor/internal/money"
	"github.com/runrollup/runrollupprocessor/internal/ratecard"
	"github.com/runrollup/runrollupprocessor/internal/run"
	"github.com/runrollup/runrollupprocessor/internal/strict"
)

// Config is the configuration of the processor run_rollup. Every field has a
// working default; README.md says what each does.
type Config struct {
	// QuietPeriod is how long nothing must have arrived for a run whose root
	// span has arrived before it is summarised.
	QuietPeriod time.Duration `mapstructure:"quiet_period"`
	// IdleTimeout is the same for a run whose root span has not arrived.
	IdleTimeout time.Duration `mapstructure:"idle_timeout"`
	// MaxDuration is how long a run may be open before it is summarised as it
	// is. It stays open, and is summarised again each further MaxDuration.
	MaxDuration time.Duration `mapstructure:"max_duration"`
	// LateWindow is how long a summarised run is held. Spans that arrive in it
	// raise a revision; after it they begin a new part.
	LateWindow time.Duration `mapstructure:"late_window"`
	// Inherit gives spans that name no run that of an ancestor.
	Inherit InheritConfig `mapstructure:"inherit"`
	// Limits bound the state.
	Limits LimitsConfig `mapstructure:"limits"`
	// Attributes names the span and resource attributes that hold the identity.
	Attributes AttributesConfig `mapstructure:"attributes"`
	// CopyAttributes are further attributes of the run's root span, or else of
	// its resource, to put on the summary.
	CopyAttributes []string `mapstructure:"copy_attributes"`
	// DropAttributes are attributes never to put on a summary.
	DropAttributes []string `mapstructure:"drop_attributes"`
	// Outcome says what outcomes are worth.
	Outcome OutcomeConfig `mapstructure:"outcome"`
	// Cost says where the cost of a call comes from.
	Cost CostConfig `mapstructure:"cost"`
	// Events sums up what all runs of an event come to.
	Events EventsConfig `mapstructure:"events"`
	// MetadataKeys are the keys of the client metadata, such as HTTP headers,
	// that keep tenants apart and are passed on with their summaries. Letter
	// case does not matter.
	MetadataKeys []string `mapstructure:"metadata_keys"`
	// Storage is the component ID of a storage extension, such as file_storage.
	// With it the state survives the process. Absent: memory only.
	Storage *component.ID `mapstructure:"storage"`
	// StorageFailure is what becomes of spans while the storage fails: pass lets
	// them go on, held in memory; refuse answers the sender with an error, so that
	// it tries again.
	StorageFailure string `mapstructure:"storage_failure"`
	// RunsPage is a page that shows which runs are held, and why.
	RunsPage RunsPageConfig `mapstructure:"runs_page"`

	_ struct{} // fields are set by name
}

// InheritConfig says how spans that name no run find theirs.
type InheritConfig struct {
	// Enabled gives them the run of their nearest ancestor in the trace that
	// names one; where the chain of parents is broken, the trace's only run.
	Enabled bool `mapstructure:"enabled"`
	// QuietPeriod is how long their trace must have been quiet before a span
	// that has not found a run counts as belonging to none.
	QuietPeriod time.Duration `mapstructure:"quiet_period"`
	// MaxSpans is how many spans may wait. Over it the trace that has been
	// quiet for longest is decided early.
	MaxSpans int `mapstructure:"max_spans"`

	_ struct{}
}

// EventsConfig says when events are summed up, and for how long they are kept.
type EventsConfig struct {
	// Enabled makes event summaries.
	Enabled bool `mapstructure:"enabled"`
	// QuietPeriod is how long no run of the event must have been summarised, and
	// none be open, before the event is.
	QuietPeriod time.Duration `mapstructure:"quiet_period"`
	// Retain is how long a told event is kept. A run or an outcome that comes in
	// it raises a revision; what comes after it begins a new part.
	Retain time.Duration `mapstructure:"retain"`
	// MaxEvents is how many may be held. Over it the one that has been quiet for
	// longest is told early and let go.
	MaxEvents int `mapstructure:"max_events"`

	_ struct{}
}

// LimitsConfig bounds the state. What happens at each limit is counted.
type LimitsConfig struct {
	// OpenRuns is how many runs may be open. Over it the run that has been
	// quiet for longest is summarised early and let go.
	OpenRuns int `mapstructure:"open_runs"`
	// LateRuns is how many summarised runs may be held for late spans. Over it
	// the one summarised longest ago is let go.
	LateRuns int `mapstructure:"late_runs"`
	// SpansPerRun is how many spans of one run are taken in. Further ones pass
	// through, and the run's summary says that it misses them.
	SpansPerRun int `mapstructure:"spans_per_run"`
	// MemoryMiB is about how many MiB all state may take. Over it late windows
	// and the retention of events are cut short, then spans that wait for a run
	// are decided early, then runs are summarised early and let go.
	MemoryMiB int `mapstructure:"memory_mib"`
	// Tenants is how many tenants may be held. Over it the one that has been
	// quiet for longest is let go, its runs summarised early.
	Tenants int `mapstructure:"tenants"`

	_ struct{}
}

func (l *LimitsConfig) bytes() int { return l.MemoryMiB << 20 }

// RunsPageConfig says where to serve the page of runs.
type RunsPageConfig struct {
	// Endpoint is a host and port of the loopback interface; empty serves no page.
	Endpoint string `mapstructure:"endpoint"`

	_ struct{}
}

// validate refuses what others than the machine itself could reach: the page
// shows whose runs these are, and asks nobody for a password.
func (c *RunsPageConfig) validate() error {
	if c.Endpoint == "" {
		return nil
	}
	if host, _, err := net.SplitHostPort(c.Endpoint); err != nil || !isLoopback(host) {
		return fmt.Errorf("runs_page::endpoint: %q is no host and port of this machine alone; give one such as \"localhost:55690\"", c.Endpoint)
	}
	return nil
}

// isLoopback reports whether a host is this machine and no other: its address
// as a number, or the one name that nobody else can give out.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// AttributesConfig names the attributes that hold the identity of a run, on its
// spans or on their resource. Each field is the name of one. A summary bears
// them under the names that are their defaults here, whatever was read.
type AttributesConfig struct {
	RunID           string `mapstructure:"run_id"`
	EventID         string `mapstructure:"event_id"`
	Workflow        string `mapstructure:"workflow"`
	WorkflowVersion string `mapstructure:"workflow_version"`
	CustomerID      string `mapstructure:"customer_id"`
	Environment     string `mapstructure:"environment"`
	TenantID        string `mapstructure:"tenant_id"`
	ParentRunID     string `mapstructure:"parent_run_id"`
	RootRunID       string `mapstructure:"root_run_id"`
	Attempt         string `mapstructure:"attempt"`
	RetryOfRunID    string `mapstructure:"retry_of_run_id"`
	Team            string `mapstructure:"team"`
	CostCenter      string `mapstructure:"cost_center"`
	Region          string `mapstructure:"region"`

	_ struct{}
}

// OutcomeConfig says what outcomes are worth.
type OutcomeConfig struct {
	// Values gives the worth of one unit of a value type.
	Values []ValueConfig `mapstructure:"values"`

	_ struct{}
}

// ValueConfig is the worth of one unit of a value type.
type ValueConfig struct {
	ValueType string `mapstructure:"value_type"`
	// ValuePerUnit is a decimal in USD of at most 12 digits after the point. It
	// is a string, as YAML would make a float of a number.
	ValuePerUnit string `mapstructure:"value_per_unit"`

	_ struct{}
}

// CostConfig says where the cost of a call comes from.
type CostConfig struct {
	// Attributes are the operator's own: numeric span attributes that hold the
	// whole cost of a call in USD. The first that is present is believed before
	// any other source.
	Attributes []string `mapstructure:"attributes"`
	// Prefer is whether a reported cost or the rate card is believed first:
	// trusted, reported or rate_card.
	Prefer string `mapstructure:"prefer"`
	// RateCard is the operator's own prices.
	RateCard RateCardConfig `mapstructure:"rate_card"`
	// Explain adds a span event to the summary for each record, at most 100,
	// that says why it was billed or not.
	Explain bool `mapstructure:"explain"`

	_ struct{}
}

// RateCardConfig is the operator's own prices.
type RateCardConfig struct {
	// File is a rate card: ratecard/v1 in YAML or JSON, or the JSON of
	// genai-prices. Empty takes the embedded card alone.
	File string `mapstructure:"file"`
	// Mode is overlay, which falls through to the embedded card, or replace.
	// Empty takes what the file says, which is overlay where it says nothing.
	Mode string `mapstructure:"mode"`
	// ReloadInterval is how often the file is looked at for changes. 0 never does.
	ReloadInterval time.Duration `mapstructure:"reload_interval"`

	_ struct{}
}

func createDefaultConfig() component.Config {
	return &Config{
		QuietPeriod:    10 * time.Second,
		IdleTimeout:    5 * time.Minute,
		MaxDuration:    time.Hour,
		LateWindow:     10 * time.Minute,
		Cost:           CostConfig{Prefer: string(cost.Trusted), RateCard: RateCardConfig{ReloadInterval: time.Minute}},
		Inherit:        InheritConfig{Enabled: true, QuietPeriod: 30 * time.Second, MaxSpans: 1_000_000},
		StorageFailure: storagePass,
		Events:         EventsConfig{Enabled: true, QuietPeriod: time.Minute, Retain: time.Hour, MaxEvents: 100_000},
		Limits:         LimitsConfig{OpenRuns: 100_000, LateRuns: 500_000, SpansPerRun: 100_000, MemoryMiB: 512, Tenants: 1000},
		Attributes: AttributesConfig{
			RunID:           botanu.RunID,
			EventID:         botanu.EventID,
			Workflow:        botanu.Workflow,
			WorkflowVersion: botanu.Version,
			CustomerID:      botanu.Customer,
			Environment:     botanu.Environment,
			TenantID:        botanu.Tenant,
			ParentRunID:     botanu.ParentRun,
			RootRunID:       botanu.RootRun,
			Attempt:         botanu.Attempt,
			RetryOfRunID:    botanu.RetryOf,
			Team:            botanu.Team,
			CostCenter:      botanu.CostCenter,
			Region:          botanu.Region,
		},
	}
}

// Bounds on what may be asked for. They are far from any sensible value, and
// near enough that a slip of a unit is noticed.
const (
	durationLeast = 10 * time.Millisecond
	durationMost  = 30 * 24 * time.Hour
	reloadLeast   = time.Second
	keyLimit      = 256
	listLimit     = 128
	metadataMost  = 16
	memoryMost    = 1 << 20 // MiB: a TiB
)

// Unmarshal reads the configuration strictly.
func (c *Config) Unmarshal(conf *confmap.Conf) error { return strict.Unmarshal(conf, c) }

// Validate says what is wrong with a configuration: the field, the value and
// the fix.
func (c *Config) Validate() error {
	return errors.Join(c.validateTimes(), c.validateLimits(), c.Attributes.validate(), c.validateLists(), c.validateMetadataKeys(),
		c.Outcome.validate(), c.Cost.validate(), c.RunsPage.validate(), c.validateStorage())
}

func (c *Config) validateTimes() error {
	var errs []error
	for _, f := range []struct {
		name  string
		value time.Duration
		least time.Duration
	}{
		{"quiet_period", c.QuietPeriod, durationLeast},
		{"idle_timeout", c.IdleTimeout, durationLeast},
		{"max_duration", c.MaxDuration, durationLeast},
		{"late_window", c.LateWindow, 0},
		{"inherit::quiet_period", c.Inherit.QuietPeriod, durationLeast},
		{"events::quiet_period", c.Events.QuietPeriod, durationLeast},
		{"events::retain", c.Events.Retain, 0},
	} {
		if f.value < f.least || f.value > durationMost {
			errs = append(errs, fmt.Errorf("%s: %v is out of range; give a duration from %v to %v, such as \"30s\"", f.name, f.value, f.least, durationMost))
		}
	}
	if len(errs) == 0 && c.QuietPeriod > c.MaxDuration {
		errs = append(errs, fmt.Errorf("quiet_period: %v is longer than max_duration, %v: no run could end before it; make it shorter", c.QuietPeriod, c.MaxDuration))
	}
	return errors.Join(errs...)
}

func (c *Config) validateLimits() error {
	var errs []error
	for _, f := range []struct {
		name  string
		value int
		least int
	}{
		{"inherit::max_spans", c.Inherit.MaxSpans, 1},
		{"limits::open_runs", c.Limits.OpenRuns, 1},
		{"limits::late_runs", c.Limits.LateRuns, 0},
		{"limits::spans_per_run", c.Limits.SpansPerRun, 1},
		{"limits::memory_mib", c.Limits.MemoryMiB, 1},
		{"limits::tenants", c.Limits.Tenants, 1},
		{"events::max_events", c.Events.MaxEvents, 1},
	} {
		if f.value < f.least {
			errs = append(errs, fmt.Errorf("%s: %d is too few; give at least %d", f.name, f.value, f.least))
		}
	}
	if c.Limits.MemoryMiB > memoryMost {
		errs = append(errs, fmt.Errorf("limits::memory_mib: %d is too much; give at most %d", c.Limits.MemoryMiB, memoryMost))
	}
	return errors.Join(errs...)
}

// keys are the attributes by the name of their field.
func (a *AttributesConfig) keys() []struct{ field, key string } {
	return []struct{ field, key string }{
		{"run_id", a.RunID}, {"event_id", a.EventID}, {"workflow", a.Workflow}, {"workflow_version", a.WorkflowVersion},
		{"customer_id", a.CustomerID}, {"environment", a.Environment}, {"tenant_id", a.TenantID},
		{"parent_run_id", a.ParentRunID}, {"root_run_id", a.RootRunID}, {"attempt", a.Attempt},
		{"retry_of_run_id", a.RetryOfRunID}, {"team", a.Team}, {"cost_center", a.CostCenter}, {"region", a.Region},
	}
}

func (a *AttributesConfig) validate() error {
	var errs []error
	used := map[string]string{}
	for _, k := range a.keys() {
		switch other := used[k.key]; {
		case k.key == "":
			errs = append(errs, fmt.Errorf("attributes::%s: \"\" is no attribute; name one, or leave the field out for its default", k.field))
		case len(k.key) > keyLimit:
			errs = append(errs, fmt.Errorf("attributes::%s: %.20q… is %d bytes long; give at most %d", k.field, k.key, len(k.key), keyLimit))
		case other != "":
			errs = append(errs, fmt.Errorf("attributes::%s: %q is also the attribute of %s; give each its own", k.field, k.key, other))
		default:
			used[k.key] = k.field
		}
	}
	return errors.Join(errs...)
}

// reserved reports whether an attribute has a name that summaries give a
// meaning of their own.
func reserved(key string) bool {
	return key == botanu.RunID || slices.Contains(run.FieldNames[:], key) ||
		strings.HasPrefix(key, "botanu.run.") || strings.HasPrefix(key, "botanu.event.") || strings.HasPrefix(key, "botanu.outcome.")
}

// kept are the attributes without which a consumer cannot tell summaries apart.
var kept = []string{botanu.RunID, botanu.Part, botanu.Revision, botanu.EventID, botanu.EventPart, botanu.EventRevision}

func (c *Config) validateLists() error {
	var errs []error
	for _, f := range []struct {
		name string
		keys []string
	}{
		{"copy_attributes", c.CopyAttributes}, {"drop_attributes", c.DropAttributes}, {"cost::attributes", c.Cost.Attributes},
	} {
		if len(f.keys) > listLimit {
			errs = append(errs, fmt.Errorf("%s: %d attributes are too many; give at most %d", f.name, len(f.keys), listLimit))
		}
		for i, key := range f.keys {
			switch {
			case key == "" || len(key) > keyLimit:
				errs = append(errs, fmt.Errorf("%s::%d: %.20q is no usable attribute; give a name of 1 to %d bytes", f.name, i, key, keyLimit))
			case slices.Index(f.keys, key) < i:
				errs = append(errs, fmt.Errorf("%s::%d: %q stands twice; remove one", f.name, i, key))
			case f.name == "copy_attributes" && reserved(key):
				errs = append(errs, fmt.Errorf("copy_attributes::%d: %q is what a summary says itself; copy an attribute of another name", i, key))
			case f.name == "drop_attributes" && slices.Contains(kept, key):
				errs = append(errs, fmt.Errorf("drop_attributes::%d: without %q summaries cannot be told apart; remove it from the list", i, key))
			}
		}
	}
	return errors.Join(errs...)
}

// What becomes of spans while the storage fails.
const (
	storagePass   = "pass"
	storageRefuse = "refuse"
)

func (c *Config) validateStorage() error {
	if c.StorageFailure != storagePass && c.StorageFailure != storageRefuse {
		return fmt.Errorf("storage_failure: %q is none of pass, refuse; give one of them", c.StorageFailure)
	}
	return nil
}

func (c *Config) validateMetadataKeys() error {
	var errs []error
	if len(c.MetadataKeys) > metadataMost {
		errs = append(errs, fmt.Errorf("metadata_keys: %d keys are too many; give at most %d", len(c.MetadataKeys), metadataMost))
	}
	used := map[string]bool{}
	for i, key := range c.MetadataKeys {
		name := strings.ToLower(key)
		switch {
		case key == "" || len(key) > keyLimit:
			errs = append(errs, fmt.Errorf("metadata_keys::%d: %.20q is no usable key; give a name of 1 to %d bytes", i, key, keyLimit))
		case used[name]:
			errs = append(errs, fmt.Errorf("metadata_keys::%d: %q stands twice, letter case aside; remove one", i, key))
		}
		used[name] = true
	}
	return errors.Join(errs...)
}

func (o *OutcomeConfig) validate() error {
	var errs []error
	used := map[string]bool{}
	for i, v := range o.Values {
		if v.ValueType == "" || used[v.ValueType] {
			errs = append(errs, fmt.Errorf("outcome::values::%d::value_type: %q is empty or stands twice; name each value type once", i, v.ValueType))
		}
		used[v.ValueType] = true
		if a, err := money.Parse(v.ValuePerUnit); err != nil || a < 0 {
			errs = append(errs, fmt.Errorf("outcome::values::%d::value_per_unit: %q is no amount of USD; give a decimal in quotes, such as \"12.50\"", i, v.ValuePerUnit))
		}
	}
	return errors.Join(errs...)
}

func (c *CostConfig) validate() error {
	var errs []error
	switch cost.Prefer(c.Prefer) {
	case cost.Trusted, cost.Reported, cost.ByRateCard:
	default:
		errs = append(errs, fmt.Errorf("cost::prefer: %q is none of trusted, reported, rate_card; give one of them", c.Prefer))
	}
	switch ratecard.Mode(c.RateCard.Mode) {
	case "", ratecard.Overlay, ratecard.Replace:
	default:
		errs = append(errs, fmt.Errorf("cost::rate_card::mode: %q is none of overlay, replace; give one of them", c.RateCard.Mode))
	}
	if d := c.RateCard.ReloadInterval; d != 0 && (d < reloadLeast || d > durationMost) {
		errs = append(errs, fmt.Errorf("cost::rate_card::reload_interval: %v is out of range; give a duration from %v to %v, or 0s to never reload", d, reloadLeast, durationMost))
	}
	return errors.Join(errs...)
}

// worth is the value of one unit by value type. The configuration is valid.
func (o *OutcomeConfig) worth() map[string]money.Amount {
	worth := map[string]money.Amount{}
	for _, v := range o.Values {
		worth[v.ValueType], _ = money.Parse(v.ValuePerUnit)
	}
	return worth
}

// engine is what the configuration means to the engine, without the card.
func (c *Config) engine() engine.Config {
	return engine.Config{
		QuietPeriod: c.QuietPeriod, IdleTimeout: c.IdleTimeout, MaxDuration: c.MaxDuration, LateWindow: c.LateWindow,
		Inherit: c.Inherit.Enabled, InheritQuiet: c.Inherit.QuietPeriod, InheritSpans: c.Inherit.MaxSpans,
		Events: c.Events.Enabled, EventQuiet: c.Events.QuietPeriod, EventRetain: c.Events.Retain, MaxEvents: c.Events.MaxEvents,
		OpenRuns: c.Limits.OpenRuns, LateRuns: c.Limits.LateRuns, SpansPerRun: c.Limits.SpansPerRun,
		Tenants: c.Limits.Tenants, Memory: c.Limits.bytes(),
		Summary: run.Options{Explain: c.Cost.Explain, Prefer: cost.Prefer(c.Cost.Prefer)},
		Extract: extract.Config{
			RunIDKey: c.Attributes.RunID,
			IdentityKeys: [run.Fields]string{
				run.Event: c.Attributes.EventID, run.Workflow: c.Attributes.Workflow, run.Version: c.Attributes.WorkflowVersion,
				run.Customer: c.Attributes.CustomerID, run.Environment: c.Attributes.Environment, run.Tenant: c.Attributes.TenantID,
				run.ParentRun: c.Attributes.ParentRunID, run.RootRun: c.Attributes.RootRunID, run.Attempt: c.Attributes.Attempt,
				run.RetryOf: c.Attributes.RetryOfRunID, run.Team: c.Attributes.Team, run.CostCenter: c.Attributes.CostCenter,
				run.Region: c.Attributes.Region,
			},
			CopyAttributes: c.CopyAttributes,
			CostAttributes: c.Cost.Attributes,
		},
	}
}
