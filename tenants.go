package runrollupprocessor

import (
	"context"

	"go.opentelemetry.io/collector/client"
)

// tenantKeys are the keys of the client metadata that keep tenants apart.
type tenantKeys []string

// of gives what the sender of a request states: each key, and after it its
// values. It is nil where no key is asked for. The keys are with the values, for
// the journal outlives the configuration: what was held under other keys than
// those of today is sent on under its own.
func (k tenantKeys) of(ctx context.Context) [][]string {
	if len(k) == 0 {
		return nil
	}
	metadata := client.FromContext(ctx).Metadata
	stated := make([][]string, len(k))
	for i, key := range k {
		stated[i] = append([]string{key}, metadata.Get(key)...)
	}
	return stated
}

// withTenant makes a context that states a tenant's metadata, as its own
// requests do.
func withTenant(ctx context.Context, stated [][]string) context.Context {
	if len(stated) == 0 {
		return ctx
	}
	metadata := map[string][]string{}
	for _, s := range stated {
		if len(s) > 1 {
			metadata[s[0]] = s[1:]
		}
	}
	return client.NewContext(ctx, client.Info{Metadata: client.NewMetadata(metadata)})
}
