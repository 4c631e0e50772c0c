# Every target works on a fresh machine with Go alone, unless its line says
# what else it takes.

COLLECTOR := bin/otelcol-runrollup
MODULES   := . demo e2e
TAGS      := sdk,sql,scale,prometheus,agree # of end-to-end tests that take more than Go

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build the collector with run_rollup in it, as bin/otelcol-runrollup
	@mkdir -p bin
	go -C tools build -o ../bin/builder go.opentelemetry.io/collector/cmd/builder
	bin/builder --config builder-config.yaml
	cp _build/otelcol-runrollup $(COLLECTOR)

.PHONY: build-scale
build-scale: ## build the collector of examples/scale-out, as bin/otelcol-runrollup-scale (takes minutes)
	@mkdir -p bin _build
	go -C tools build -o ../bin/builder go.opentelemetry.io/collector/cmd/builder
	bin/builder --config examples/scale-out/builder-config.yaml
	cp _build/scale/otelcol-runrollup-scale bin/otelcol-runrollup-scale

.PHONY: test
test: ## run all unit, property and law tests with the race detector
	go test -race ./...
	go -C demo test ./...

.PHONY: demo
demo: build ## play recorded runs into the collector and print the cost per outcome
	go -C demo run .

.PHONY: e2e
e2e: build ## send recorded traces to the built collector and hold its summaries against the truth
	go -C e2e test -count=1 ./...

SOAKTIME ?= 10m
.PHONY: soak
soak: build ## hostile load on the built collector for SOAKTIME (10m), its memory and limits watched
	SOAK=$(SOAKTIME) go -C e2e test -count=1 -v -timeout 0 ./soak

AGAINST ?= # another collector, to be held against
.PHONY: speed
speed: build ## CPU a span and spans a second of the built collector, beside those of AGAINST in turn
	go -C e2e run ./speed $(abspath $(AGAINST)) $(CURDIR)/$(COLLECTOR)

CRASH_KILLS ?= 200
.PHONY: crash
crash: build ## kill -9 the collector CRASH_KILLS times (200) and hold every summary against the truth
	CRASH_KILLS=$(CRASH_KILLS) go -C e2e test -count=1 -v -timeout 0 ./crash

.PHONY: e2e-sdk
e2e-sdk: build ## play the real botanu SDK live into the built collector (takes python3 and PyPI)
	go -C e2e test -count=1 -tags sdk ./sdk

.PHONY: e2e-sql
e2e-sql: build engines ## run the SQL of the examples in the engines it is for (takes node 20 and npm)
	go -C e2e test -count=1 -tags sql ./sql

.PHONY: engines
engines: ## install DuckDB and the ClickHouse engine for the tests (takes node 20 and npm)
	npm --prefix e2e/sql/engines install --no-package-lock --no-audit --no-fund

.PHONY: prometheus
prometheus: ## build the Prometheus and the promtool that the tests take (two minutes the first time)
	@mkdir -p bin
	go -C tools/prometheus build -trimpath -ldflags='-s -w' -tags remove_all_sd -o ../../bin/ \
	  github.com/prometheus/prometheus/cmd/prometheus github.com/prometheus/prometheus/cmd/promtool

.PHONY: e2e-prometheus
e2e-prometheus: build prometheus ## examples/prometheus: the rules by promtool, and a real Prometheus beside the collector
	go -C e2e test -count=1 -tags prometheus ./prometheus

.PHONY: e2e-scale
e2e-scale: build-scale engines ## two tiers of collectors, and ClickHouse behind them (takes node 20 and npm)
	go -C e2e test -count=1 -parallel 8 -tags scale ./scale

.PHONY: e2e-agree
e2e-agree: build-scale prometheus engines ## a thousand known runs: spans, logs, SQL and metrics must tell the same (takes node 20 and npm)
	go -C e2e test -count=1 -v -tags agree ./agree

.PHONY: e2e-all
e2e-all: build build-scale prometheus engines ## all of the above at once, as most of their time is waiting (takes node 20, npm, python3 and PyPI)
	go -C e2e test -count=1 -parallel 8 -tags $(strip $(TAGS)) ./...

# The linter keeps what it found by the content of a package and by the path its
# files had. In the cache that all clones share it would speak of the files of
# another clone, and take generated ones for ours once that clone is gone.
.PHONY: lint
lint: export GOLANGCI_LINT_CACHE = $(CURDIR)/bin/golangci-lint.cache
lint: ## golangci-lint over every module
	@mkdir -p bin
	go -C tools build -o ../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@for m in $(MODULES); do echo "lint $$m"; (cd $$m && $(CURDIR)/bin/golangci-lint run --build-tags $(strip $(TAGS)) ./...) || exit 1; done

.PHONY: generate
generate: ## write what mdatagen makes of metadata.yaml
	@mkdir -p bin
	go -C tools build -o ../bin/mdatagen go.opentelemetry.io/collector/cmd/mdatagen
# mdatagen names the package by the folder it is called in, and a clone may be
# called anything: it is shown the repository under the package's own name.
	ln -sfn .. bin/runrollupprocessor
	bin/mdatagen bin/runrollupprocessor/metadata.yaml
	bin/mdatagen rollupconnector/metadata.yaml
	chmod 644 $(foreach d,. rollupconnector,$(d)/documentation.md $(d)/generated_*.go $(d)/internal/metadata/*.go $(d)/internal/metadatatest/*.go)

.PHONY: bench
bench: ## benchmarks: time, bytes and allocations
	go test -run '^$$' -bench . -benchmem ./...

FUZZTIME ?= 30s
.PHONY: fuzz
fuzz: ## fuzz everything that reads bytes, FUZZTIME each (30s)
	@go list -f '{{.Dir}} {{join .TestGoFiles " "}} {{join .XTestGoFiles " "}}' ./... | while read dir files; do \
	  for f in $$files; do \
	    sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$dir/$$f | while read name; do \
	      echo "fuzz $$name in $$dir"; go -C $$dir test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x . || exit 1; \
	    done || exit 1; \
	  done || exit 1; \
	done

RATECARD_VERSION ?= 0.1.8
.PHONY: ratecard
ratecard: ## refresh the embedded rate card and print what changed (takes npm and node)
	tools/ratecard/refresh.sh $(RATECARD_VERSION)

.PHONY: ratecard-check
ratecard-check: ## price random calls here and by the genai-prices package, and compare (takes npm and node)
	tools/ratecard/differential.sh

.PHONY: reconcile
reconcile: ## hold every recorded run against its provider's invoice, and write docs/accuracy.md
	go run ./internal/reconcile/cmd -doc docs/accuracy.md testdata/captures

.PHONY: clean
clean: ## remove what the other targets made
	rm -rf bin _build demo/out e2e/sql/engines/node_modules
