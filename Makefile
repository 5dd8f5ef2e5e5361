# make test   everything that must hold before a change lands; installs what it needs
# make quick  what needs nothing but Go: build, vet, and the tests without PostgreSQL, browser, cluster and crashes
# make release  the archives of a release, in dist/
# make soak   the long runs: an hour of chaos, crashes by the hundred, a storm of 5,000 clients, half an hour of comings and goings, fuzzing by the minute
# make cluster  PostgreSQL, NATS and three nodes, in the foreground until they are interrupted
# make attack  each way in which one client could harm the others, against the binary, as a table; make siege: all at once for ten minutes
# make bench  the figures of bench/README.md

SHELL := /bin/bash -o pipefail
GO ?= go
BIN := $(CURDIR)/bin
FUZZTIME ?= 10m

.PHONY: test quick release build cluster tools generate check-generated vet unit sdk browser soak fuzz bench attack siege

test: vet check-generated unit sdk browser

# What was left out is listed at the end.
quick:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$unformatted" ] || { echo "not formatted: $$unformatted"; exit 1; }
	$(GO) vet ./...
	@list=$$(mktemp); trap 'rm -f "$$list"' EXIT; CHATTOK_TEST_LEFT_OUT=$$list $(GO) test -short ./...; code=$$?; \
	[ ! -s "$$list" ] || { echo "Left out, and part of 'make test':"; sort -u "$$list" | sed 's/^/  /'; }; exit $$code

# The same commit gives the same bytes.
release: $(BIN)/cyclonedx-gomod
	$(GO) run ./deploy/release -cyclonedx $(BIN)/cyclonedx-gomod -out dist

build:
	$(GO) build -o chattok .

# It prints a line "node http://… pid N" for each node when that is ready.
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

$(BIN)/cyclonedx-gomod: tools/go.mod tools/go.sum
	cd tools && $(GO) build -o $@ github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod

generate: $(BIN)/gqlgen
	$(BIN)/gqlgen generate

# Generated code is what the schema gives, byte for byte.
check-generated: $(BIN)/gqlgen
	@before=$$(cat graph/generated/*.go | sha256sum); $(BIN)/gqlgen generate; \
	after=$$(cat graph/generated/*.go | sha256sum); \
	[ "$$before" = "$$after" ] || { echo "graph/generated is not what schema.graphqls gives: run 'make generate' and commit"; exit 1; }

vet: $(BIN)/staticcheck
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$unformatted" ] || { echo "not formatted: $$unformatted"; exit 1; }
	$(GO) build ./...
	$(GO) vet ./...
	$(BIN)/staticcheck ./...
	@for system in windows darwin freebsd; do echo "vet for $$system"; GOOS=$$system CGO_ENABLED=0 $(GO) vet ./... || exit 1; done

unit:
	test/install-postgres.sh
	CHATTOK_TEST_ALL=1 $(GO) test -race -timeout 10m ./...

# The SDK by itself: its types, and its units against a server that is made up.
sdk:
	test/install.sh
	cd web/sdk && npm run --silent typecheck && npm test --silent

# The real binary, driven by the reference client, the HTTP audit, and a browser.
browser: build
	test/install.sh
	cd test && CHATTOK_BINARY=$(CURDIR)/chattok npm test --silent

soak: fuzz
	CHATTOK_CHAOS=$${CHATTOK_CHAOS:-1h} CHATTOK_BUS_OFF=1m $(GO) test -run '^Test(Chaos|BusOff)$$' -timeout 100m -v ./internal/chaos
	CHATTOK_CRASHES=300 $(GO) test -run TestCrash -timeout 60m -v .
	CHATTOK_STORM=5000 $(GO) test -run TestStormOfThousands -timeout 10m -v ./graph
	CHATTOK_SOAK=$${CHATTOK_SOAK:-30m} $(GO) test -run TestSoak -timeout 60m -v .

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

# On a server bounded to 512 MiB by a control group, which takes root.
siege: build
	$(GO) run ./internal/attack -program ./chattok -siege $${CHATTOK_SIEGE:-10m} $(ATTACK)
