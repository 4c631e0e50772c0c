package rollupconnector

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"

	"github.com/runrollup/runrollupprocessor/rollupconnector/internal/metadata"
)

// NewFactory makes the factory of the connector run_rollup.
func NewFactory() connector.Factory {
	return connector.NewFactory(
		metadata.Type,
		createDefaultConfig,
		connector.WithTracesToTraces(createTraces, metadata.TracesToTracesStability),
		connector.WithTracesToLogs(createLogs, metadata.TracesToLogsStability),
		connector.WithTracesToMetrics(createMetrics, metadata.TracesToMetricsStability),
	)
}

func createTraces(_ context.Context, set connector.Settings, _ component.Config, next consumer.Traces) (connector.Traces, error) {
	metrics, err := newTelemetry(set, "traces")
	if err != nil {
		return nil, err
	}
	return &toTraces{stateless: stateless{metrics: metrics}, next: next}, nil
}

func createLogs(_ context.Context, set connector.Settings, _ component.Config, next consumer.Logs) (connector.Traces, error) {
	metrics, err := newTelemetry(set, "logs")
	if err != nil {
		return nil, err
	}
	return &toLogs{stateless: stateless{metrics: metrics}, next: next}, nil
}

func createMetrics(_ context.Context, set connector.Settings, cfg component.Config, next consumer.Metrics) (connector.Traces, error) {
	config, ok := cfg.(*Config)
	if !ok {
		return nil, fmt.Errorf("run_rollup: configuration is a %T, want a *Config", cfg)
	}
	return newToMetrics(set, config, next)
}
