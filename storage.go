package runrollupprocessor

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/runrollup/runrollupprocessor/internal/engine"
	"github.com/runrollup/runrollupprocessor/internal/store"
)

// keeper connects the engine to a storage extension.
type keeper struct {
	id     *component.ID // of the extension; nil without storage
	refuse bool
	owner  component.ID
	logger *zap.Logger

	store *store.Store
}

// open makes the state again that an earlier process left, and has what changes
// written down from now on.
func (k *keeper) open(ctx context.Context, host component.Host, e *engine.Engine) error {
	if k.id == nil {
		return nil
	}
	extension, ok := host.GetExtensions()[*k.id]
	if !ok {
		return fmt.Errorf("storage: there is no extension %q; name one that service::extensions lists, such as file_storage", k.id)
	}
	provider, ok := extension.(storage.Extension)
	if !ok {
		return fmt.Errorf("storage: the extension %q stores nothing; name a storage extension, such as file_storage", k.id)
	}
	client, err := provider.GetClient(ctx, component.KindProcessor, k.owner, "runs")
	if err != nil {
		return fmt.Errorf("storage: open %q: %w", k.id, err)
	}
	began := time.Now()
	if k.store, err = store.Open(ctx, client, k.owner.String()); err != nil {
		_ = client.Close(ctx)
		return fmt.Errorf("storage: %w", err)
	}
	loaded, err := e.UseStore(ctx, k.store, k.refuse, func(err error) { k.report(host, err) }, began)
	if err != nil {
		return fmt.Errorf("storage: %w", err)
	}
	if loaded.Skipped > 0 {
		k.logger.Error("Part of the journal could not be read. Its bytes are kept aside in the storage; what they told of is missing from the summaries.",
			zap.Int("skipped_entries", loaded.Skipped))
	}
	g := e.Gauges()
	k.logger.Info("The state of the last process was read.", zap.Int("entries", loaded.Entries), zap.Int("open_runs", g.Open),
		zap.Int("late_runs", g.Late), zap.Int("events", g.Events), zap.Duration("took", time.Since(began)))
	return nil
}

// report tells of the storage in the component's status and the log.
func (k *keeper) report(host component.Host, err error) {
	if err == nil {
		k.logger.Info("The storage is well again; all state is written down.")
		componentstatus.ReportStatus(host, componentstatus.NewEvent(componentstatus.StatusOK))
		return
	}
	what := "Spans pass on, and the state is in memory alone until the storage is well again."
	if k.refuse {
		what = "Spans are refused until the storage is well again."
	}
	k.logger.Error("The journal cannot be written. "+what, zap.Error(err))
	componentstatus.ReportStatus(host, componentstatus.NewRecoverableErrorEvent(err))
}

func (k *keeper) close(ctx context.Context) error {
	if k.store == nil {
		return nil
	}
	s := k.store
	k.store = nil
	return s.Close(ctx)
}
