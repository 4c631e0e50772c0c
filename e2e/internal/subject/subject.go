// Package subject is the built collector as the subject of a test: found,
// started, awaited and ended, and heard where the test failed.
package subject

import (
	"context"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// variable names a collector to test in place of the one that `make build` made.
const variable = "RUNROLLUP_COLLECTOR"

// Binary is the collector to test: built, unless the environment names another.
func Binary(built string) string {
	if path := os.Getenv(variable); path != "" {
		return path
	}
	return built
}

// Main runs the tests of a package where all that they take is there. Where
// something is missing they fail, and say what makes it, such as `make build`.
func Main(m *testing.M, made string, paths ...string) {
	for _, path := range paths {
		if _, err := os.Stat(path); err != nil {
			fmt.Fprintf(os.Stderr, "end to end: %v\nRun `%s`, which makes it; %s may name another collector to test.\n", err, made, variable)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// Start runs a collector until the test ends, and shows what it wrote where the
// test has failed.
func Start(t *testing.T, binary, config string, env ...string) *replay.Collector {
	t.Helper()
	c, err := replay.Start(t.Context(), binary, config, env...)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = c.Kill() // of no effect on one that was stopped
		if t.Failed() {
			t.Logf("the collector of %s wrote:\n%s", config, c.Log())
		}
	})
	return c
}

// Address is a free address of the loopback interface, as host:port, and its port.
func Address(t *testing.T) (address, port string) {
	t.Helper()
	address, err := replay.FreeAddress()
	require.NoError(t, err)
	_, port, err = net.SplitHostPort(address)
	require.NoError(t, err)
	return address, port
}

// Stop ends a collector in good order.
func Stop(t *testing.T, c *replay.Collector, limit time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	require.NoError(t, c.Stop(ctx))
}

// Await polls until nothing differs any more from what it has to be.
func Await(t *testing.T, limit time.Duration, what string, differs func() (string, error)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	last := ""
	err := replay.Poll(ctx, func() (bool, error) {
		var err error
		last, err = differs()
		return last == "", err
	})
	require.NoError(t, err, "waiting for %s; last: %s", what, last)
}
