# `make test` is all that CI runs. `make help` lists the rest.
# What it downloads comes from Debian and the Go module proxy only.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

GO ?= go
BIN := $(CURDIR)/.bin
# Tests find grpcurl here.
export PATH := $(BIN):$(PATH)

# More flags for `go test`, as in `make unit TESTFLAGS='-v -run Transfer'`.
TESTFLAGS ?=
# The git revision whose proto must stay compatible; by default main.
AGAINST ?=

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The cheap checks come first: a typo fails in seconds.
.PHONY: test
test: deps tidy-check proto-check gen-check vet lint unit ## Check everything, as CI does

.PHONY: build
build: ## Build ./passbook
	$(GO) build -o passbook ./cmd/passbook

.PHONY: unit
unit: deps $(BIN)/grpcurl $(BIN)/buf ## Run the Go tests with the race detector
	$(GO) test -race $(TESTFLAGS) ./...

# Rounds of the torture; the Go tests run a short form.
ROUNDS ?= 200

.PHONY: torture
torture: ## Break real branches, in processes of their own, for ROUNDS rounds
	$(GO) run ./cmd/torture --rounds $(ROUNDS)

.PHONY: vet
vet: ## Run go vet
	$(GO) vet ./...

.PHONY: lint
lint: $(BIN)/golangci-lint ## Run golangci-lint: defects, layers, format
	$(BIN)/golangci-lint run ./...

.PHONY: fmt
fmt: $(BIN)/golangci-lint $(BIN)/buf ## Format Go and proto files
	$(BIN)/golangci-lint fmt ./...
	$(BIN)/buf format -w

.PHONY: gen
gen: $(BIN)/buf $(BIN)/protoc-gen-go $(BIN)/protoc-gen-connect-go ## Generate gen/ from proto/
	$(BIN)/buf generate

# Generated into a directory of its own, so that the check changes nothing and
# needs no git.
.PHONY: gen-check
gen-check: $(BIN)/buf $(BIN)/protoc-gen-go $(BIN)/protoc-gen-connect-go ## Check that gen/ is what proto/ generates
	@tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; \
	echo "buf generate, and compare with gen/"; \
	$(BIN)/buf generate -o "$$tmp"; \
	diff -r gen "$$tmp/gen" || { echo "gen/ is not current: run make gen" >&2; exit 1; }

# git archive, not buf's own .git input, since it also serves worktrees and
# shallow clones. The first commit has nothing to be compatible with.
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
	@for dir in . tools tools/lint tools/grpcurl; do \
	  echo "go -C $$dir mod tidy -diff"; $(GO) -C "$$dir" mod tidy -diff; \
	done

# The tools have modules of their own, so that their dependencies decide
# nothing about ours; golangci-lint and grpcurl would change buf's. A tool is
# built once for each state of its module. The touch is for a build that finds
# the binary current and leaves its time alone.
build-tool = $(GO) -C $(<D) build -o $@ $(1) && touch $@

$(BIN)/buf: tools/go.mod tools/go.sum
	$(call build-tool,github.com/bufbuild/buf/cmd/buf)
$(BIN)/protoc-gen-go: tools/go.mod tools/go.sum
	$(call build-tool,google.golang.org/protobuf/cmd/protoc-gen-go)
$(BIN)/protoc-gen-connect-go: tools/go.mod tools/go.sum
	$(call build-tool,connectrpc.com/connect/cmd/protoc-gen-connect-go)
$(BIN)/golangci-lint: tools/lint/go.mod tools/lint/go.sum
	$(call build-tool,github.com/golangci/golangci-lint/v2/cmd/golangci-lint)
$(BIN)/grpcurl: tools/grpcurl/go.mod tools/grpcurl/go.sum
	$(call build-tool,github.com/fullstorydev/grpcurl/cmd/grpcurl)

# The tests also call a branch as others do: with curl, and with the course's
# own Python client. That needs Debian's packages, hence Debian's Python.
.PHONY: deps
deps: ## Install the Debian packages that the tests need, where missing
	@if command -v curl >/dev/null && command -v protoc >/dev/null && \
	  command -v grpc_python_plugin >/dev/null && \
	  /usr/bin/python3 -c 'import grpc, google.protobuf' 2>/dev/null; then exit 0; fi; \
	sudo=; [ "$$(id -u)" = 0 ] || sudo="sudo -n"; \
	$$sudo apt-get update -q && \
	$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends \
	  curl protobuf-compiler protobuf-compiler-grpc python3-grpcio python3-protobuf

.PHONY: clean
clean: ## Remove what was built
	rm -rf $(BIN) passbook
