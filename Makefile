# Culvert. `make` lists the targets.

BIN     := bin
TOOLS   := $(CURDIR)/.cache/bin
GO      ?= go
SOURCES := find . -name '*.go' -not -path '*/node_modules/*' -not -path './.cache/*' -not -path './data/*'
SUITE   := $(GO) run ./panel/internal/local/localtest/cmd

GOLANGCI_VERSION := v2.5.0
GOFUMPT_VERSION  := v0.9.1

# Data of `make run`. Override with: make run CULVERT_DATA_DIR=/somewhere
CULVERT_DATA_DIR ?= $(CURDIR)/data

.PHONY: help needs deps web build run test webtest screenshots verify bench soak gen schema fmt clean

# The web app inside the panel: built when its sources are newer. Without Node, `go build ./...` makes a panel without it.
WEB_SOURCES := $(shell find web/src -type f 2>/dev/null) web/index.html web/portal.html web/package-lock.json web/vite.config.ts web/scripts/compress.mjs
NODE        := deploy/node.sh

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## install what is missing (PostgreSQL, Redis, compiler) through apt
	@deploy/install-deps.sh

web/dist/index.html: $(WEB_SOURCES)
	$(NODE) npm run --silent build
	@touch web/dist/index.html

web: web/dist/index.html ## build the web app into web/dist, which the panel carries

build: ## build both programs into bin/
	$(GO) build -trimpath -o $(BIN)/culvert-panel ./panel
	$(GO) build -trimpath -o $(BIN)/culvert-agent ./agent

needs:
	@deploy/install-deps.sh run

run: needs web build ## install, build, and run panel, node and private databases until Ctrl-C
	CULVERT_DATA_DIR="$(CULVERT_DATA_DIR)" $(BIN)/culvert-panel up

test: deps web webtest ## vet, formatting, the web app, and all tests with the race detector on real PostgreSQL and Redis
	@echo "test: gofmt"
	@files=$$($(SOURCES) | xargs -r gofmt -l); \
	 if [ -n "$$files" ]; then echo "not formatted (make fmt):"; echo "$$files"; exit 1; fi
	@echo "test: go vet"
	@$(GO) vet ./...
	@echo "test: go test -race -shuffle=on, one package at a time: each fills two cores by itself"
	@$(SUITE) -race -shuffle=on -p 1 -timeout 35m $(ARGS) ./...

webtest: web
	@echo "test: web (types of the API, lint, typecheck, vitest)"
	@$(NODE) node scripts/gen.mjs --check
	@$(NODE) npm run --silent lint
	@$(NODE) npm run --silent typecheck
	@$(NODE) npm run --silent test

screenshots: deps web build ## draw every page of the web app into web/screenshots
	$(NODE) node e2e/screenshots.mjs

verify: deps $(TOOLS)/golangci-lint $(TOOLS)/gofumpt ## formatting, linters, house rules
	@files=$$($(SOURCES) | xargs -r $(TOOLS)/gofumpt -l); \
	 if [ -n "$$files" ]; then echo "not formatted (make fmt):"; echo "$$files"; exit 1; fi
	$(TOOLS)/golangci-lint run ./...
	$(GO) test ./shared/arch

bench: deps ## the measurements of the design, as ratios within one run
	$(SUITE) -run '^$$' -bench . -benchtime 1x -timeout 60m $(ARGS) ./...

soak: deps ## the long forms of the tests
	CULVERT_TEST_SOAK=1 $(SUITE) -race -tags soak -shuffle=on -timeout 120m $(ARGS) ./...

gen: ## regenerate what is generated
	$(GO) generate ./...
	$(NODE) npm run --silent gen

schema: ## refresh migrations/schema.sql from the migrations
	$(GO) test ./panel/internal/pg -run TestMigrationsReplayToTheSchema -update

fmt: $(TOOLS)/gofumpt ## format all Go code
	@$(SOURCES) | xargs -r $(TOOLS)/gofumpt -w

clean: ## remove what was built; data stays
	rm -rf $(BIN) .cache web/node_modules && find web/dist -mindepth 1 ! -name .keep -delete

$(TOOLS)/golangci-lint:
	GOBIN=$(TOOLS) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)

$(TOOLS)/gofumpt:
	GOBIN=$(TOOLS) $(GO) install mvdan.cc/gofumpt@$(GOFUMPT_VERSION)
