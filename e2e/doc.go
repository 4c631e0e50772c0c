// Package e2e sees the built collector from outside: it sends OTLP, reads the
// exported file, and knows nothing of what is within. `make e2e` builds the
// collector and runs these tests, and those beneath that take Go alone:
//
//	crash       the collector killed at any moment, its journal damaged, its disk full
//	soak        hostile load for minutes
//
// `make e2e-all` runs them all:
//
//	agree       a thousand known runs: spans, logs, SQL and metrics tell the same
//	prometheus  examples/prometheus beside a real server
//	scale       examples/scale-out and examples/clickhouse
//	sdk         the real botanu SDK
//	sql         the SQL of the examples in DuckDB and ClickHouse
//
// What stands around a collector in several of them is in internal: clients and
// downstreams, servers, runs of known cost.
package e2e
