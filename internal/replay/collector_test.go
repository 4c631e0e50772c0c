package replay_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// conduct tells this test's own binary, started again, what kind of collector
// to be.
const conduct = "REPLAY_TEST_CONDUCT"

func TestMain(m *testing.M) {
	switch os.Getenv(conduct) {
	case "":
		os.Exit(m.Run())
	case "serve":
		serve(0)
	case "fail at the end":
		serve(3)
	case "refuse to end":
		signal.Ignore(syscall.SIGTERM)
		serve(0)
	case "end at once":
		fmt.Fprintln(os.Stderr, "no such receiver")
		os.Exit(1)
	}
}

// serve takes everything, like a collector does, until it is told to end.
func serve(code int) {
	end := make(chan os.Signal, 1)
	if !signal.Ignored(syscall.SIGTERM) {
		signal.Notify(end, syscall.SIGTERM)
	}
	go func() {
		<-end
		fmt.Fprintln(os.Stderr, "ending, config", os.Args[2])
		os.Exit(code)
	}()
	take := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	server := http.Server{Addr: os.Getenv(replay.HTTPVar), Handler: take, ReadHeaderTimeout: time.Minute}
	fmt.Fprintln(os.Stderr, server.ListenAndServe())
	os.Exit(2)
}

func start(t *testing.T, how string) (*replay.Collector, error) {
	t.Helper()
	c, err := replay.Start(t.Context(), os.Args[0], "some.yaml", conduct+"="+how)
	if err == nil {
		t.Cleanup(func() { _ = c.Kill() })
	}
	return c, err
}

func TestStart(t *testing.T) {
	c, err := start(t, "serve")
	require.NoError(t, err)
	require.NoError(t, c.Post(t.Context(), []byte(`{}`)))
	require.NoError(t, c.Stop(t.Context()))
	assert.Contains(t, c.Log(), "ending, config some.yaml")
	require.NoError(t, c.Stop(t.Context()), "a second stop finds nothing to do")
	require.Error(t, c.Post(t.Context(), []byte(`{}`)))
}

func TestStart_endsAtOnce(t *testing.T) {
	_, err := start(t, "end at once")
	require.ErrorContains(t, err, "it ended at once")
	assert.ErrorContains(t, err, "no such receiver", "what the collector wrote says why")
}

func TestStart_noBinary(t *testing.T) {
	_, err := replay.Start(t.Context(), "/nonexistent/otelcol", "some.yaml")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestCollector_Stop_error(t *testing.T) {
	c, err := start(t, "fail at the end")
	require.NoError(t, err)
	require.ErrorContains(t, c.Stop(t.Context()), "exit status 3")
}

func TestCollector_Stop_kills(t *testing.T) {
	c, err := start(t, "refuse to end")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // patience is over before it begins
	require.ErrorIs(t, c.Stop(ctx), context.Canceled)
	require.Error(t, c.Post(t.Context(), []byte(`{}`)), "it is gone")
}

func TestCollector_Kill(t *testing.T) {
	c, err := start(t, "serve")
	require.NoError(t, err)
	require.NoError(t, c.Kill())
	assert.NotContains(t, c.Log(), "ending", "it got no chance to end well")
	require.NoError(t, c.Kill())
}

func TestPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, asked := time.Now(), 0
		require.NoError(t, replay.Poll(t.Context(), func() (bool, error) { asked++; return asked == 8, nil }))
		assert.Equal(t, (5+10+20+40+80+160+200)*time.Millisecond, time.Since(began))

		broken := errors.New("broken")
		require.ErrorIs(t, replay.Poll(t.Context(), func() (bool, error) { return false, broken }), broken)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, replay.Poll(ctx, func() (bool, error) { return false, nil }), context.DeadlineExceeded)
	})
}
