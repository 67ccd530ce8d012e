# CI runs `make test` and `make test-long`. `make help` lists the rest.
# They download only from Debian, the Go module proxy and the npm registry.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

GO ?= go
BIN := $(CURDIR)/.bin
# Tests find grpcurl here, and the page's tools a Node of our own.
MACHINE_PATH := $(subst $(BIN):,,$(PATH))
export PATH := $(BIN):$(PATH)

# More flags for `go test`, as in `make unit TESTFLAGS='-v -run Transfer'`.
TESTFLAGS ?=
# go test, and at the end the failures once more: with -v they are far up.
go-test = $(BIN)/gotestsum --format $(if $(filter -v,$(TESTFLAGS)),standard-verbose,standard-quiet) $(HIDE) --
TEST_TOOLS := $(addprefix $(BIN)/,gotestsum grpcurl buf)
# What the page is built with; a test builds a customer with it.
NODE_MODULES := web/node_modules/.package-lock.json
# The git revision whose proto must stay compatible; by default main.
AGAINST ?=

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# While you work: no race detector, no browser, no long story. -short leaves out
# the tests that run processes for long, and says how many.
.PHONY: check
check: HIDE := --hide-summary=skipped
check: deps proto-check vet lint $(TEST_TOOLS) ## Check format, vet, lint, and run the quick tests, in under 2 minutes
	$(go-test) -short -timeout 5m $(TESTFLAGS) ./...

# The cheap checks come first: a typo fails in seconds.
.PHONY: test
test: deps tidy-check proto-check gen-check page-check vet lint unit bench-check rename-check ## Check everything except the long tests

# These packages start no goroutine, so the race detector finds nothing in them, and
# building each test with it takes seconds. test-long uses it on them all the same.
SEQUENTIAL := $(addprefix ./branch/,api broadcast code feed/internal/verdict journal/internal/walcheck ledger name port redial replica session simulation words) \
  $(addprefix ./cmd/passbook/internal/,flags words) ./customer/lamport
.PHONY: unit
unit: deps $(TEST_TOOLS) $(NODE_MODULES) ## Run the Go tests, those of concurrent code with the race detector
	$(go-test) -timeout 10m $(TESTFLAGS) $(SEQUENTIAL)
	$(go-test) -timeout 10m $(TESTFLAGS) -run '(Account|Deposit)AtABranch' ./branch # which are weighed and counted without it
	$(go-test) -race -timeout 10m $(TESTFLAGS) $$($(GO) list ./... | grep -vxF -f <($(GO) list $(SEQUENTIAL)))

# Files with the build tag long hold the tests that make test leaves out: each mutation
# of the rules, more seeds, more places to damage. The journal's tests try every
# place only without the race detector, under which Pebble checks itself.
.PHONY: test-long
test-long: deps $(TEST_TOOLS) $(NODE_MODULES) ## Run all Go tests at full depth, with the race detector
	$(go-test) -tags long -timeout 10m $(TESTFLAGS) ./branch/journal -args -damage 4
	$(go-test) -race -tags long -timeout 30m $(TESTFLAGS) ./...

# Run it after each change of the packages that are installed: CI's machine may have some
# that another machine lacks.
.PHONY: test-fresh
test-fresh: ## Run the README's first commands on a bare Debian made for it, as root
	tools/fresh.sh

# The version that a build prints; outside a clone, the one that Go knows.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)
# No build has paths of the machine in it, and each says its version.
build-passbook = $(GO) build -trimpath -ldflags "-X main.version=$(VERSION)" -o $(1) ./cmd/passbook
# Where `make build` puts the binary.
PASSBOOK ?= passbook

.PHONY: build
build: ## Build ./passbook
	$(call build-passbook,$(PASSBOOK))

# Rounds of the torture; the Go tests run a short form.
ROUNDS ?= 200

.PHONY: torture
torture: ## Break real branches, in processes of their own, for ROUNDS rounds
	$(GO) run ./cmd/torture --rounds $(ROUNDS)

# More flags for the benchmark, as in `make bench BENCHFLAGS='--quick --json bench.json'`.
BENCHFLAGS ?=

# A git revision whose Passbook takes turns with this one, as in
# `make bench BEFORE=HEAD~20 BENCHFLAGS='--only before'`.
BEFORE ?=

.PHONY: bench
bench: $(BIN)/nats-server ## Measure Passbook beside its limits and its peers, and beside revision BEFORE
	$(call build-passbook,$(BIN)/passbook)
	$(GO) -C tools/bench build -o $(BIN)/bench .
	@[ -z "$(BEFORE)" ] || { \
	  tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; \
	  git archive "$(BEFORE)" | tar -x -C "$$tmp"; \
	  $(GO) -C "$$tmp" build -o $(BIN)/passbook-before ./cmd/passbook; }
	$(BIN)/bench --passbook $(BIN)/passbook --nats-server $(BIN)/nats-server $(if $(BEFORE),--before $(BIN)/passbook-before) $(BENCHFLAGS)

.PHONY: bench-check
bench-check: $(BIN)/gotestsum ## Vet and test the benchmark
	$(GO) -C tools/bench vet ./...
	cd tools/bench && $(go-test) $(TESTFLAGS) ./...

.PHONY: vet
vet: ## Run go vet
	$(GO) vet -tags long ./...

.PHONY: lint
lint: $(BIN)/golangci-lint ## Run golangci-lint: defects, layers, format
	$(BIN)/golangci-lint run --allow-parallel-runners ./...

.PHONY: fmt
fmt: $(BIN)/golangci-lint $(BIN)/buf ## Format Go and proto files
	$(BIN)/golangci-lint fmt ./...
	$(BIN)/buf format -w

# The path under which Go finds the module, replaced wherever it occurs: imports,
# go.mod files, generated code, the linter's layers, the docs.
MODULE ?=
.PHONY: rename
rename: $(BIN)/buf $(BIN)/protoc-gen-go $(BIN)/protoc-gen-connect-go ## Give the Go module another path: make rename MODULE=example.org/bank
	@[[ "$(MODULE)" =~ ^[a-z0-9-]+(\.[a-z0-9-]+)+(/[A-Za-z0-9._~-]+)+$$ ]] || { echo "usage: make rename MODULE=example.org/path, the host with a dot" >&2; exit 2; }; \
	old=$$($(GO) list -m); \
	grep -rlIF --exclude-dir=.git --exclude-dir=.bin --exclude-dir=node_modules --exclude-dir=gen "$$old" . | \
	  while read -r file; do sed -i "s|$${old//./\\.}|$(MODULE)|g" "$$file"; done; \
	$(BIN)/buf generate; \
	echo "the module is $(MODULE) now, and was $$old"

.PHONY: rename-check
rename-check: $(BIN)/buf $(BIN)/protoc-gen-go $(BIN)/protoc-gen-connect-go ## Check that make rename leaves a copy of the tree that builds
	@tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; \
	tar -c --exclude=./.git --exclude=./.bin --exclude=./web/node_modules --exclude=./passbook . | tar -x -C "$$tmp"; \
	ln -s "$(BIN)" "$$tmp/.bin"; \
	$(MAKE) -s -C "$$tmp" rename MODULE=bank.example.org/renamed BIN="$(BIN)"; \
	! grep -rIF --exclude-dir=.bin "$$($(GO) list -m)" "$$tmp" || { echo "the old path is left over" >&2; exit 1; }; \
	export GOFLAGS="$$($(GO) env GOFLAGS) -trimpath"; \
	cd "$$tmp"; $(GO) vet -tags long ./...; $(GO) -C tools/bench vet ./...; $(GO) list -m

.PHONY: gen
gen: $(BIN)/buf $(BIN)/protoc-gen-go $(BIN)/protoc-gen-connect-go ## Generate gen/ from proto/
	$(BIN)/buf generate

# It generates into a directory of its own, so the check changes nothing and
# needs no git.
.PHONY: gen-check
gen-check: $(BIN)/buf $(BIN)/protoc-gen-go $(BIN)/protoc-gen-connect-go ## Check that proto/ generates exactly gen/
	@tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; \
	echo "buf generate, and compare with gen/"; \
	$(BIN)/buf generate -o "$$tmp"; \
	diff -r gen "$$tmp/gen" || { echo "gen/ is not current: run make gen" >&2; exit 1; }

# This uses git archive, not buf's own .git input, because it also works in worktrees
# and shallow clones. The first commit has nothing to be compatible with.
# The page is bundled and committed, so that `go build` needs no Node. The same
# source gives the same bytes.
bundle = cd web && node_modules/.bin/tsc --noEmit && node_modules/.bin/esbuild \
  src/app.ts src/worker.ts src/app.css src/index.html src/icon.svg src/licenses.txt --outdir="$(1)" \
  --bundle --minify --charset=utf8 --target=es2022 --log-level=warning \
  --loader:.html=copy --loader:.svg=copy --loader:.txt=copy

# npm itself runs with the Node that it came with.
npm-ci = PATH="$(MACHINE_PATH)" npm ci --prefix $(1) --ignore-scripts --no-audit --no-fund

$(NODE_MODULES): web/package.json web/package-lock.json | node
	$(call npm-ci,web) && touch $@

# Debian 12 has Node 18 and an npm; the npm registry has a whole Node as a package.
node-ok = node -e 'process.exit(process.versions.node.split(".")[0] >= 20 ? 0 : 1)' 2>/dev/null
.PHONY: node
node: deps
	@$(node-ok) || { \
	  echo "Node 20 or later comes from the npm registry, for this directory alone"; \
	  mkdir -p $(BIN)/node-package; cp tools/node/package*.json $(BIN)/node-package; \
	  $(call npm-ci,$(BIN)/node-package); \
	  (cd $(BIN) && ln -sf node-package/node_modules/node-linux-*/bin/node node); hash -r; \
	  $(node-ok) || { echo "there is no Node for this machine: install Node 20 or later" >&2; exit 1; }; }

.PHONY: page
page: node $(NODE_MODULES) $(BIN)/buf ## Generate web/src/gen, check the types, build web/static
	$(BIN)/buf generate --template web/buf.gen.yaml
	$(call bundle,static)

.PHONY: page-check
page-check: node $(NODE_MODULES) $(BIN)/buf ## Check the page's types, and that its source gives exactly web/static
	@tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; \
	echo "buf generate and esbuild, and compare with web/"; \
	$(BIN)/buf generate --template web/buf.gen.yaml -o "$$tmp"; \
	diff -r web/src/gen "$$tmp/web/src/gen" || { echo "web/src/gen is not current: run make page" >&2; exit 1; }; \
	($(call bundle,$$tmp/static)); \
	diff -rq web/static "$$tmp/static" || { echo "web/static is not current: run make page" >&2; exit 1; }

.PHONY: proto-check
proto-check: $(BIN)/buf ## Lint proto/, check its format and its compatibility with main
	$(BIN)/buf lint
	$(BIN)/buf format -d --exit-code
	@tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; \
	for ref in $(or $(AGAINST),main origin/main HEAD); do \
	  if git archive "$$ref" proto 2>/dev/null | tar -x -C "$$tmp" 2>/dev/null; then \
	    cp buf.yaml "$$tmp"; echo "buf breaking --against $$ref"; \
	    $(BIN)/buf breaking --against "$$tmp"; exit; \
	  fi; \
	done; \
	[ -z "$(AGAINST)" ] || { echo "no proto at $(AGAINST)" >&2; exit 1; }; \
	echo "buf breaking: no commit with a proto/ to compare with"

.PHONY: tidy-check
tidy-check: ## Check that every go.mod and go.sum is tidy
	@for dir in . tools tools/lint tools/grpcurl tools/bench; do \
	  echo "go -C $$dir mod tidy -diff"; $(GO) -C "$$dir" mod tidy -diff; \
	done

# The tools have modules of their own, so their dependencies do not affect
# ours; golangci-lint and grpcurl would change buf's. A tool is
# built once for each state of its module. The touch is for a build that finds
# the binary current and leaves its time alone.
build-tool = $(GO) -C $(<D) build -o $@ $(1) && touch $@

$(BIN)/buf: tools/go.mod tools/go.sum
	$(call build-tool,github.com/bufbuild/buf/cmd/buf)
$(BIN)/protoc-gen-go: tools/go.mod tools/go.sum
	$(call build-tool,google.golang.org/protobuf/cmd/protoc-gen-go)
$(BIN)/protoc-gen-connect-go: tools/go.mod tools/go.sum
	$(call build-tool,connectrpc.com/connect/cmd/protoc-gen-connect-go)
$(BIN)/gotestsum: tools/go.mod tools/go.sum
	$(call build-tool,gotest.tools/gotestsum)
$(BIN)/golangci-lint: tools/lint/go.mod tools/lint/go.sum
	$(call build-tool,github.com/golangci/golangci-lint/v2/cmd/golangci-lint)
$(BIN)/grpcurl: tools/grpcurl/go.mod tools/grpcurl/go.sum
	$(call build-tool,github.com/fullstorydev/grpcurl/cmd/grpcurl)
$(BIN)/nats-server: tools/bench/go.mod tools/bench/go.sum
	$(call build-tool,github.com/nats-io/nats-server/v2)

# This builds all tools; the other targets build those that they need.
.PHONY: tools
tools: node $(TEST_TOOLS) $(addprefix $(BIN)/,protoc-gen-go protoc-gen-connect-go golangci-lint nats-server) ## Build all tools into .bin

# The tests also call a branch as users do: with curl, with the course's own
# Python client, which needs Debian's packages and hence Debian's Python, and
# with a browser. The race detector needs a C compiler, and the page npm, which
# comes with some nodejs packages and not with others.
.PHONY: deps
deps: ## Install the Debian packages that the checks need, where missing
	@want=(); \
	need() { eval "$$1" >/dev/null 2>&1 || want+=("$${@:2}"); }; \
	need 'command -v curl' curl; \
	need 'command -v openssl' openssl; \
	need 'command -v jq' jq; \
	need 'echo "#include <stdlib.h>" | $$($(GO) env CC) -E -' gcc libc6-dev; \
	need 'command -v protoc' protobuf-compiler; \
	need 'command -v grpc_python_plugin' protobuf-compiler-grpc; \
	need "/usr/bin/python3 -c 'import grpc, google.protobuf'" python3-grpcio python3-protobuf; \
	need 'command -v chromium' chromium; \
	need 'command -v node' nodejs; \
	sudo=; [ "$$(id -u)" = 0 ] || sudo="sudo -n"; \
	install() { $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$$@"; }; \
	if [ $${#want[@]} -gt 0 ]; then $$sudo apt-get update -q && install "$${want[@]}"; fi; \
	command -v npm >/dev/null || { $$sudo apt-get update -q && install npm; }

.PHONY: clean
clean: ## Remove all builds
	rm -rf $(BIN) passbook
