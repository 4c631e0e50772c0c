// Package scale runs the examples that take the larger collector: two tiers of
// collectors that share a load, and ClickHouse behind them, into which the
// Collector's own exporter writes. `make e2e-scale` builds that collector,
// installs the engine, and runs these tests, which are behind the build tag
// scale.
package scale
