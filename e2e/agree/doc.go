// Package agree holds that everything that tells of runs tells the same: run
// summary spans, log records, SQL over both in two engines, and metrics in a
// real Prometheus, of the collector that made the summaries and of a second one
// that was handed them. All are held against what the test knows to be true.
//
// It takes the collector of examples/scale-out, Prometheus, node and its
// engines, so it is behind the build tag agree: run `make e2e-agree`. AGREE_SEED
// makes other runs.
package agree
