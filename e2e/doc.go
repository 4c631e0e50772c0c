// Package e2e sees the built collector from outside: it sends OTLP, reads the
// exported file, and knows nothing of what is within. `make e2e` builds the
// collector and runs these tests.
package e2e
