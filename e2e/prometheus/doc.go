// Package prometheus runs examples/prometheus as users do: the built
// collector, a real Prometheus and the rules, scraped and pushed, with runs
// whose truth is known.
//
// What it takes, `make e2e-prometheus` builds. The tests that need no server
// run with all others.
package prometheus
