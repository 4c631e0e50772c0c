package runrollupprocessor

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
)

// disk is a storage extension that keeps all in memory, and the host that has it.
type disk struct {
	component.StartFunc
	component.ShutdownFunc
	values map[string][]byte
}

func (d *disk) GetExtensions() map[component.ID]component.Component {
	return map[component.ID]component.Component{component.MustNewID("disk"): d}
}

func (d *disk) GetClient(context.Context, component.Kind, component.ID, string) (storage.Client, error) {
	return d, nil
}

func (d *disk) Get(_ context.Context, key string) ([]byte, error) { return d.values[key], nil }
func (d *disk) Set(_ context.Context, key string, value []byte) error {
	d.values[key] = value
	return nil
}
func (d *disk) Delete(_ context.Context, key string) error { delete(d.values, key); return nil }
func (*disk) Close(context.Context) error                  { return nil }

func (d *disk) Batch(_ context.Context, operations ...*storage.Operation) error {
	for _, o := range operations {
		switch o.Type {
		case storage.Get:
			o.Value = d.values[o.Key]
		case storage.Set:
			d.values[o.Key] = o.Value
		case storage.Delete:
			delete(d.values, o.Key)
		}
	}
	return nil
}

// TestTenants_keysChange: what is in the journal from before metadata_keys were
// changed is summed up and sent on under the keys that it came with.
func TestTenants_keysChange(t *testing.T) {
	for _, keys := range [][]any{{}, {"x-tenant"}, {"x-other", "x-tenant"}, {"x-other"}} {
		synctest.Test(t, func(t *testing.T) {
			d := &disk{values: map[string][]byte{}}
			var mu sync.Mutex // guards got: tenants are sent to side by side
			got := map[string][]string{}
			next, err := consumer.NewTraces(func(ctx context.Context, td ptrace.Traces) error {
				if isSummaries(td) {
					id, _ := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().Get(botanu.RunID)
					m := client.FromContext(ctx).Metadata
					mu.Lock()
					defer mu.Unlock()
					got[id.Str()] = append(m.Get("x-tenant"), m.Get("x-other")...)
				}
				return nil
			})
			require.NoError(t, err)
			p := newTestProcessor(t, map[string]any{"storage": "disk", "metadata_keys": []any{"x-tenant"}}, next)
			require.NoError(t, p.Start(t.Context(), d))
			of := client.NewContext(t.Context(), client.Info{Metadata: client.NewMetadata(map[string][]string{"x-tenant": {"a"}})})
			require.NoError(t, p.ConsumeTraces(of, stepsOf("of a", 1, nil)))
			require.NoError(t, p.ConsumeTraces(t.Context(), stepsOf("of nobody", 1, nil)))
			require.NoError(t, p.Shutdown(t.Context()))
			require.Empty(t, got)

			p = newTestProcessor(t, map[string]any{"storage": "disk", "metadata_keys": keys}, next)
			require.NoError(t, p.Start(t.Context(), d))
			time.Sleep(20 * time.Minute)
			require.NoError(t, p.Shutdown(t.Context()))
			assert.Equal(t, map[string][]string{"of a": {"a"}, "of nobody": nil}, got, "%v", keys)
		})
	}
}
