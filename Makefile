# The one place for commands. Tools are built from tools/go.mod: nothing but Go, make and git has to be installed.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

IMG ?= docker.io/lehuannhatrang/spot-instance-training-operator:latest
KUBECTL ?= kubectl
DOCKER ?= docker
# Of one package. Go's default of ten minutes is too short for the stories that the lab tells.
TEST_TIMEOUT ?= 40m

TOOL := go tool -modfile=tools/go.mod
GROUP := training.training.dcnlab.com
KINDS := spotinstancejobs.$(GROUP),spotinstancevms.$(GROUP)

.DEFAULT_GOAL := help

##@ Develop

.PHONY: help
help: ## Show this list.
	@awk 'BEGIN {FS = ":.*## "} \
	  /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: build
build: ## Build all binaries into bin/.
	CGO_ENABLED=0 go build -trimpath -o bin/ ./cmd/...

.PHONY: generate
generate: ## Generate the deepcopy functions and crds/ from api/.
	$(TOOL) controller-gen object crd paths=./api/... output:crd:dir=crds

.PHONY: verify
verify: ## Fail if what is generated is not what the sources say, or a mutation does not apply to them.
	@for patch in test/mutation/testdata/*.patch; do git apply --check -C1 $$patch; done
	@generated=$$(mktemp -d) && trap 'rm -rf "$$generated"' EXIT && \
	$(TOOL) controller-gen object crd paths=./api/... output:object:dir="$$generated/api" output:crd:dir="$$generated/crds" && \
	( diff -u api/v1alpha1/zz_generated.deepcopy.go "$$generated/api/zz_generated.deepcopy.go" && \
	  diff -ru --exclude='*.go' --exclude=testdata crds "$$generated/crds" ) \
	  || { echo "Generated files are out of date: run make generate and commit the result." >&2; exit 1; }

.PHONY: fmt
fmt: ## Format all Go files.
	$(TOOL) golangci-lint fmt

.PHONY: lint
lint: ## Check style and the rules of the layout.
	$(TOOL) golangci-lint run

.PHONY: test
test: ## Run all tests: unit, golden, conformance and lab. Ends with how many ran.
	@# The tests would build the lab too, but go test shows nothing of it, and the first time it takes minutes.
	go run ./cmd/lab build
	@# Kubernetes' own validation, which only the lab's module has, on the templates of internal/jobrules. Compiled as the lab is.
	@# Templates of another module are none of what go test's cache looks at.
	go -C test/controlplane test -trimpath -count=1 ./jobrules
	@# Mutations have a target of their own: they keep the machine so busy that the lab's time-outs would not hold.
	$(TOOL) gotestsum --format=pkgname -- -timeout=$(TEST_TIMEOUT) $$(go list ./... | grep -v /test/mutation)

# Stories that make test-real tells, as go test's -run reads it: as many as fit into ten minutes. REAL_STORIES=. tells all that can be
# told on real nodes, in about an hour. REAL_TESTS=TestWhatACheckpointTakesAlong asks instead which programs survive a checkpoint.
REAL_STORIES ?= ^(a-training-|both-replicas|checkpoints-that-fail|child-job|crashed-vm|deletion-leaves|evicted-pod|fixed-pool|first-replica|job-without|notice-is|preempted-replica|survivor-|training-that|vm-(deleted|stopped))
REAL_TESTS ?= ^TestStories$$/$(REAL_STORIES)

.PHONY: test-real
test-real: ## Tell stories on real nodes: kubelet, containerd, runc and CRIU, on Linux as root. Says what is missing.
	go build -o bin/lab ./cmd/lab
	@status=0; bin/lab build --nodes=real || status=$$?; \
	if [ "$$status" = 3 ]; then echo "make test-real: skipped, for the reason above"; exit 0; fi; \
	[ "$$status" = 0 ] || exit "$$status"; \
	$(TOOL) gotestsum --format=testname -- -count=1 -timeout=$(TEST_TIMEOUT) -parallel=3 -run='$(REAL_TESTS)' ./test/e2e -real-nodes; \
	test/realnode/killed bin/lab

# Worlds that make sim explores, from SIM_FIRST on; 0 is a seed that nobody has tried.
SIM_SEEDS ?= 1000
SIM_FIRST ?= 0

.PHONY: sim
sim: ## Explore SIM_SEEDS simulated worlds nobody has seen, with every kind of fault.
	go test ./test/sim -run='^TestSeeds$$' -count=1 -v -timeout=1h -first=$(SIM_FIRST) -seeds=$(SIM_SEEDS)

.PHONY: sim-long
sim-long: ## Explore 100 simulated worlds of seven days each.
	go test ./test/sim -run='^TestSeeds$$' -count=1 -v -timeout=4h -first=$(SIM_FIRST) -seeds=100 -days=7

.PHONY: mutation
mutation: ## Break the hooks on purpose, one patch at a time, and have the simulator notice.
	go test ./test/mutation -count=1 -v -timeout=$(TEST_TIMEOUT)

# How long each fuzz target looks for new cases. Its kept cases run with every test anyway.
FUZZ_TIME ?= 20s

.PHONY: fuzz
fuzz: ## Fuzz every hook's requests and the startup script, FUZZ_TIME each.
	@for package in ./hooks ./internal/bootstrap; do \
	  for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz'); do \
	    echo "== $$target"; go test -run='^$$' -fuzz="^$$target\$$" -fuzztime=$(FUZZ_TIME) -fuzzminimizetime=1x $$package; \
	  done; done

##@ Try

.PHONY: demo
demo: ## Watch a training job survive preemption, on a cluster in this machine.
	go run ./cmd/lab demo

.PHONY: demo-real
demo-real: ## The same on real nodes: the training ends with the loss curve that it has undisturbed. Linux, as root. TRAINING=torch: PyTorch.
	go run ./cmd/lab demo --nodes=real

.PHONY: lab
lab: ## Start the same cluster and keep it up.
	go run ./cmd/lab up

.PHONY: bench
bench: ## Measure the hooks alone, then recovery, calls and writes on that cluster: the tables of docs/benchmarks.md.
	GOGC=400 GOMEMLIMIT=800MiB go test ./hooks/... -run='^$$' -bench=Sync -benchtime=30s # as in manifests/20-deployment.yaml
	go test ./hooks/... -run='^$$' -bench=Calls -benchtime=1x
	go run ./cmd/lab bench

.PHONY: run
run: ## Run the hook server here.
	go run ./cmd/hooks

##@ Install in the cluster of the current kubectl context

.PHONY: install
install: ## Install the CRDs.
	$(KUBECTL) apply -f crds/

.PHONY: uninstall
uninstall: ## Remove the CRDs. Refuses while objects of our kinds exist: see undeploy.
	@left=$$($(KUBECTL) get $(KINDS) --all-namespaces --output=name --ignore-not-found) && \
	if [ -n "$$left" ]; then \
	  printf '%s\n' "$$left" "These still exist, and without the operator nothing would delete their VMs. Run make undeploy first." >&2; exit 1; fi
	$(KUBECTL) delete --ignore-not-found -f crds/

.PHONY: deploy
deploy: ## Install the operator. IMG= names its image.
	@$(KUBECTL) get crd spotinstancejobs.$(GROUP) spotinstancevms.$(GROUP) >/dev/null \
	  || { echo "The operator's CRDs are missing. Run make install first." >&2; exit 1; }
	@$(KUBECTL) get crd compositecontrollers.metacontroller.k8s.io >/dev/null 2>&1 || printf '%s\n' \
	  "WARNING: Metacontroller is not installed (no CRD compositecontrollers.metacontroller.k8s.io): nothing would call the operator." \
	  "  Install it, then run make deploy again:" \
	  "  kubectl apply -k 'https://github.com/metacontroller/metacontroller/manifests/production?ref=v4.17.2'" >&2
	@# Without this kind Metacontroller serves no SpotInstanceJob. Where the agent has brought it, that one stays.
	@$(KUBECTL) get crd checkpointbackups.migration.dcnlab.com >/dev/null 2>&1 || { printf '%s\n' \
	  "WARNING: the checkpoint agent is not installed (no CRD checkpointbackups.migration.dcnlab.com): only trainings that save themselves" \
	  "  (spec.checkpointConfig.method Application) survive a preemption. For the others install it, before or after the operator, as" \
	  "  https://github.com/lehuannhatrang/stateful-migration-operator says. Its kind is created now, without it." >&2 && \
	  $(KUBECTL) create -f manifests/without-agent/ >&2; }
	for manifest in manifests/*.yaml; do \
	  sed -E 's|^( *image: ).*|\1$(IMG)|' "$$manifest"; echo '---'; done | $(KUBECTL) apply -f -

.PHONY: undeploy
undeploy: ## Delete all jobs and pools, with their VMs, then the operator. Asks for CONFIRM=yes.
	@# The operator must outlive the pools: only its finalize hook deletes their VMs.
	@left=$$($(KUBECTL) get $(KINDS) --all-namespaces --ignore-not-found) && \
	if [ -n "$$left" ] && [ "$(CONFIRM)" != yes ]; then \
	  printf '%s\n' "$$left" "All of these, their Jobs, checkpoints and VMs would be deleted. If you want that: make undeploy CONFIRM=yes" >&2; exit 1; fi
	$(KUBECTL) delete spotinstancejobs.$(GROUP) --all --all-namespaces --timeout=10m
	$(KUBECTL) delete spotinstancevms.$(GROUP) --all --all-namespaces --timeout=15m \
	  || { echo "Some VMs could not be deleted, so the operator stays. Their SpotInstanceVMs' conditions tell why: kubectl get sivm -A -o wide" >&2; exit 1; }
	$(KUBECTL) delete --ignore-not-found -f manifests/

##@ Release

.PHONY: docker-build
docker-build: ## Build the image IMG.
	$(DOCKER) build -t $(IMG) .

.PHONY: docker-push
docker-push: ## Push the image IMG.
	$(DOCKER) push $(IMG)
