// Package rollupconnector is a connector of the OpenTelemetry Collector that
// reads the summary spans of the processor run_rollup, wherever they come
// from, and ignores all other spans. To a pipeline of traces it passes on the
// summaries alone, to one of logs a record each, and to one of metrics what
// they add up to.
//
// It needs nothing of the processor but the names in a summary, which package
// botanu holds for both, so it may as well stand in another collector.
package rollupconnector
