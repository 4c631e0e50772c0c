// Package soak drives the built collector for long, with windows so short that
// many pass, and with spans that no library would send among those that one
// would. `SOAK=10m go -C e2e test -count=1 -v -timeout 30m ./soak` runs it for
// ten minutes; without SOAK it takes some seconds, and does not judge memory.
package soak
