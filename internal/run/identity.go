// Package run is the state of one run and its projection, the summary.
//
// A run is a set of facts, one a span, and nothing else: every number of a
// summary is derived from the set when the summary is made. A set does not
// know in which order or how often its members were added, which is why
// retries, duplicates, late spans, two collectors and a replay are one case.
//
// The package is pure: no clock, no lock, no logger, no I/O.
package run

import "github.com/runrollup/runrollupprocessor/internal/botanu"

// Field is one part of a run's identity.
type Field uint8

const (
	Event Field = iota
	Workflow
	Version
	Customer
	Environment
	Tenant
	ParentRun
	RootRun
	Attempt // decimal
	RetryOf
	Team
	CostCenter
	Region
	Fields // how many there are
)

// FieldNames has the attribute of each field, as a summary writes it.
var FieldNames = [Fields]string{
	Event: botanu.EventID, Workflow: botanu.Workflow, Version: botanu.SummaryVersion, Customer: botanu.Customer,
	Environment: botanu.Environment, Tenant: botanu.Tenant, ParentRun: botanu.ParentRun, RootRun: botanu.RootRun,
	Attempt: botanu.Attempt, RetryOf: botanu.RetryOf, Team: botanu.Team, CostCenter: botanu.CostCenter, Region: botanu.Region,
}

// Identity is what one span says about whose run it belongs to; a field that
// it leaves out is empty.
type Identity [Fields]string
