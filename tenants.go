package runrollupprocessor

import (
	"context"

	"go.opentelemetry.io/collector/client"
)

// tenantKeys are the keys of the client metadata that keep tenants apart.
type tenantKeys []string

// of gives the values of each key that the sender of a request states, nil
// where no key is asked for.
func (k tenantKeys) of(ctx context.Context) [][]string {
	if len(k) == 0 {
		return nil
	}
	metadata := client.FromContext(ctx).Metadata
	values := make([][]string, len(k))
	for i, key := range k {
		values[i] = metadata.Get(key)
	}
	return values
}

// with makes a context that states a tenant's metadata, as its own requests do.
func (k tenantKeys) with(ctx context.Context, values [][]string) context.Context {
	if len(k) == 0 {
		return ctx
	}
	metadata := map[string][]string{}
	for i, key := range k {
		if len(values[i]) > 0 {
			metadata[key] = values[i]
		}
	}
	return client.NewContext(ctx, client.Info{Metadata: client.NewMetadata(metadata)})
}
