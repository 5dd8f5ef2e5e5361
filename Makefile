# make test   all checks of a change; installs its needs on Debian, as root
# make quick  the checks that need Go alone: build, vet, and the tests without PostgreSQL, browser, cluster and crashes
# make release  the archives of a release, in dist/
# make soak   the long runs: an hour of chaos, ten minutes of it in 200 sessions, 300 crashes, a storm of 5,000 clients, half an hour of
#             clients that come and go, an event with 5,000 watchers, fuzzing
# make cluster  PostgreSQL, NATS and three nodes, in the foreground until interrupted
# make attack  one hostile client against the others, as a table; make siege: all attacks at once for ten minutes
# make bench  measures the figures of bench/README.md

SHELL := /bin/bash -o pipefail
GO ?= go
BIN := $(CURDIR)/bin
FUZZTIME ?= 10m

.PHONY: test quick release build cluster tools generate check-generated vet unit sdk browser soak fuzz bench attack siege

test: vet check-generated unit sdk browser

# The tests that were left out are listed at the end. The list is kept beside Go's cache of test results: a test whose result is cached
# does not say again that it was left out.
quick:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$unformatted" ] || { echo "not formatted: $$unformatted"; exit 1; }
	$(GO) vet ./...
	@list=$$($(GO) env GOCACHE)/chattok-left-out; CHATTOK_TEST_LEFT_OUT=$$list $(GO) test -short ./...; code=$$?; \
	[ ! -s "$$list" ] || { echo "Left out, and part of 'make test':"; sort -u "$$list" | sed 's/^/  /'; }; exit $$code

# The same commit gives the same bytes.
release: $(BIN)/cyclonedx-gomod
	$(GO) run ./deploy/release -cyclonedx $(BIN)/cyclonedx-gomod -out dist

build:
	$(GO) build -o chattok .

# Prints a line "node http://… pid N" for each node when the node is ready.
cluster: $(BIN)/nats-server
	@test/install-postgres.sh
	@$(GO) build -o chattok . && $(GO) build -o $(BIN)/cluster ./deploy/cluster
	@exec $(BIN)/cluster -follow-parent -program ./chattok -nats $(BIN)/nats-server

$(BIN)/nats-server: tools/go.mod tools/go.sum
	@cd tools && $(GO) build -o $@ github.com/nats-io/nats-server/v2

tools: $(BIN)/gqlgen $(BIN)/staticcheck

$(BIN)/gqlgen: tools/go.mod tools/go.sum
	cd tools && $(GO) build -o $@ github.com/99designs/gqlgen

$(BIN)/staticcheck: tools/go.mod tools/go.sum
	cd tools && $(GO) build -o $@ honnef.co/go/tools/cmd/staticcheck

$(BIN)/typecheck: tools/go.mod tools/go.sum tools/typecheck/main.go
	cd tools && $(GO) build -o $@ ./typecheck

$(BIN)/cyclonedx-gomod: tools/go.mod tools/go.sum
	cd tools && $(GO) build -o $@ github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod

generate: $(BIN)/gqlgen
	$(BIN)/gqlgen generate
	cd docs/recipes/go-bot && $(GO) generate

# Generated code must be what gqlgen makes of the schema, byte for byte.
check-generated: $(BIN)/gqlgen
	@before=$$(cat graph/generated/*.go | sha256sum); $(BIN)/gqlgen generate; \
	after=$$(cat graph/generated/*.go | sha256sum); \
	[ "$$before" = "$$after" ] || { echo "graph/generated is not what schema.graphqls gives: run 'make generate' and commit"; exit 1; }

vet: $(BIN)/staticcheck $(BIN)/typecheck
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$unformatted" ] || { echo "not formatted: $$unformatted"; exit 1; }
	$(GO) build ./...
	$(GO) vet ./...
	$(BIN)/staticcheck ./...
	$(BIN)/typecheck . windows darwin freebsd

# SQLite in Go is translated C, which has its own locks. Watched by the race detector it takes four times as long, and shows nothing.
# Not modernc.org/sqlite itself: it shares generic code with the standard library (sync.Map), which must stay watched.
UNWATCHED := -gcflags='modernc.org/sqlite/lib=-race=false' -gcflags='modernc.org/libc=-race=false'

unit:
	test/install-postgres.sh
	test/install-prometheus.sh
	CHATTOK_TEST_ALL=1 $(GO) test -race $(UNWATCHED) -timeout 40m -p 3 ./... # many tests wait: three packages keep two processors busy

# The SDK's types, and its units against a fake server.
sdk:
	test/install.sh
	cd web/sdk && npm run --silent typecheck && npm test --silent

# The real binary, driven by the reference client, the HTTP audit, and a browser.
browser: build
	test/install.sh
	cd test && CHATTOK_BINARY=$(CURDIR)/chattok npm test --silent

soak: fuzz
	CHATTOK_CHAOS=$${CHATTOK_CHAOS:-1h} CHATTOK_BUS_OFF=1m $(GO) test -run '^Test(Chaos|BusOff)$$' -timeout 100m -v ./internal/chaos
	CHATTOK_CHAOS=$${CHATTOK_CHAOS_MANY:-10m} CHATTOK_CHAOS_SESSIONS=200 $(GO) test -run '^TestChaos$$' -timeout 40m -v ./internal/chaos
	CHATTOK_CRASHES=300 $(GO) test -run TestCrash -timeout 60m -v ./internal/e2e
	CHATTOK_STORM=5000 $(GO) test -run TestStormOfThousands -timeout 10m -v ./graph
	CHATTOK_WEBHOOK_SOAK=100000 $(GO) test -run TestWebhookCrash -timeout 60m -v ./internal/e2e
	CHATTOK_SOAK=$${CHATTOK_SOAK:-30m} $(GO) test -run TestSoak -timeout 60m -v ./internal/e2e
	$(GO) build -o chattok . && test/install.sh
	cd test && CHATTOK_BINARY=$(CURDIR)/chattok CHATTOK_EVENT=5000 node --test --test-reporter=spec recipe-live-event.test.mjs

# Each fuzz target of each package in turn.
fuzz:
	@for package in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
	    echo "$$package $$target"; $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package || exit 1; \
	  done; done

bench:
	$(GO) run ./bench -write

attack: build
	$(GO) run ./internal/attack -program ./chattok $(ATTACK)

# Bounds the server to 512 MiB by a control group, which takes root.
siege: build
	$(GO) run ./internal/attack -program ./chattok -siege $${CHATTOK_SIEGE:-10m} $(ATTACK)
