//go:generate make generate

// Package runrollupprocessor is a processor of the OpenTelemetry Collector
// that groups spans by business run, finds what each run achieved, adds up
// what its calls to model providers cost, and sends one summary span a run
// down the pipeline that the spans themselves pass through.
//
// The files here are the component: its factory, its configuration, and the
// way in and out of the pipeline. The work is done under internal: package
// engine holds the state, and the pure packages beneath it decide.
package runrollupprocessor
