# make          build bin/lichen, bin/lichen-bwrap and libexec/lichen/lichen-tools
# make demo     see what a build inside a sandbox can and cannot do
# make test     set up what the tests need, and run them all
# make install  PREFIX=/usr/local DESTDIR=
# make install-bwrap  the same, with bwrap for lichen-bwrap

GO     ?= go
PREFIX ?= /usr/local
DESTDIR ?=

# The version that `lichen --version` prints. A checkout that belongs to somebody
# else, or none at all, has no name.
VERSION := $(shell git describe --always --dirty 2>/dev/null || echo devel)

# -buildvcs=false: the version comes from above, and a checkout that belongs to
# somebody else still builds.
GOBUILD := CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION)'

# The linters, pinned here and nowhere else. They are no dependencies of the
# module.
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0

# How long each fuzz target runs. For a real search: make fuzz FUZZTIME=10m
FUZZTIME ?= 3s
# Fuzzing in `make test`; set it to nothing to leave it out.
FUZZ_IN_TEST ?= fuzz

# Arguments of the benchmark; see: make bench BENCHFLAGS=-help
BENCHFLAGS ?=

.PHONY: all build demo setup test test-unit test-integration test-guest fuzz lint vet staticcheck govulncheck race bench bench-idle bench-images cross install install-bwrap uninstall clean

all: build

build:
	$(GOBUILD) -o bin/lichen ./cmd/lichen
	$(GOBUILD) -o bin/lichen-bwrap ./cmd/lichen-bwrap
	$(GOBUILD) -o libexec/lichen/lichen-tools ./cmd/lichen-tools

demo: build
	VERSION='$(VERSION)' ./demo/run.sh

# ---- tests ----

setup:
	@./test/setup/setup.sh

# -count=1: results depend on the kernel and on installed programs, which the
# test cache does not know.
test: setup build
	$(GO) test -count=1 ./...
	$(if $(FUZZ_IN_TEST),$(MAKE) --no-print-directory $(FUZZ_IN_TEST))

test-unit:
	$(GO) test $$($(GO) list ./... | grep -v 'lichen/test')

test-integration: setup build
	$(GO) test -count=1 ./test/...

fuzz:
	@GO='$(GO)' ./test/setup/fuzz.sh '$(FUZZTIME)'

# Limits by cgroup on a kernel that has them all, in virtual machines: about a
# minute and a half without KVM. GUESTS=plain is the shorter half.
test-guest:
	@./test/setup/setup.sh guest-packages.txt
	@GO='$(GO)' ./test/guest/run.sh $(GUESTS)

# Not the tests in test/, which run a lichen of their own, built without the
# detector. That the code between clone and execve works as the detector builds
# it is what the last line tries.
race:
	GORACE=atexit_sleep_ms=0 CGO_ENABLED=1 $(GO) test -race -count=1 $$($(GO) list ./... | grep -v 'lichen/test')
	CGO_ENABLED=1 $(GO) build -race -buildvcs=false -o build/lichen-race ./cmd/lichen
	build/lichen-race run -- true

# ---- checks ----

lint: vet staticcheck govulncheck

vet:
	$(GO) vet ./...

staticcheck:
	$(GO) run $(STATICCHECK) ./...

# Fails, and says so, when the database cannot be reached: not checked is not clean.
govulncheck:
	@GO='$(GO)' GOVULNCHECK='$(GOVULNCHECK)' ./test/setup/govulncheck.sh

cross:
	GOOS=linux GOARCH=arm64 CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/lichen
	GOOS=linux GOARCH=arm64 CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/lichen-tools
	GOOS=linux GOARCH=arm64 CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/lichen-bwrap
	GOOS=linux GOARCH=arm64 CGO_ENABLED=0 $(GO) vet ./...
	GOOS=linux GOARCH=riscv64 CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/lichen
	GOOS=linux GOARCH=riscv64 CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/lichen-tools
	GOOS=linux GOARCH=riscv64 CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/lichen-bwrap

bench: build
	$(GO) run ./test/bench -lichen bin/lichen $(BENCHFLAGS)

# Memory of sandboxes in which nothing happens; as root.
bench-idle: build
	$(GO) run ./test/bench/idle -lichen bin/lichen $(BENCHFLAGS)

# Pull, unpack and run beside podman, skopeo with umoci and runc.
bench-images: build
	@./test/setup/setup.sh bench-packages.txt
	$(GO) run ./test/bench/imagebench -lichen bin/lichen $(BENCHFLAGS)

# ---- installing ----

bindir  := $(DESTDIR)$(PREFIX)/bin
execdir := $(DESTDIR)$(PREFIX)/libexec/lichen
mandir  := $(DESTDIR)$(PREFIX)/share/man
docdir  := $(DESTDIR)$(PREFIX)/share/doc/lichen
bashdir := $(DESTDIR)$(PREFIX)/share/bash-completion/completions
zshdir  := $(DESTDIR)$(PREFIX)/share/zsh/site-functions
fishdir := $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d

# The shipped profiles are part of the program; the copies are for reading.
install: build
	install -d $(bindir) $(execdir) $(mandir)/man1 $(mandir)/man5 $(docdir)/profiles $(bashdir) $(zshdir) $(fishdir)
	install -m 0755 bin/lichen $(bindir)/lichen
	install -m 0755 bin/lichen-bwrap $(bindir)/lichen-bwrap
	install -m 0755 libexec/lichen/lichen-tools $(execdir)/lichen-tools
	install -m 0644 doc/lichen.1 $(mandir)/man1/lichen.1
	install -m 0644 doc/lichen-image.1 $(mandir)/man1/lichen-image.1
	install -m 0644 doc/lichen-unit.1 $(mandir)/man1/lichen-unit.1
	install -m 0644 doc/lichen-bwrap.1 $(mandir)/man1/lichen-bwrap.1
	install -m 0644 doc/lichen-profile.5 $(mandir)/man5/lichen-profile.5
	install -m 0644 README.md SECURITY.md CHANGELOG.md LICENSE doc/design.md doc/bwrap.md $(docdir)/
	install -m 0644 profiles/*.toml $(docdir)/profiles/
	bin/lichen completion bash >$(bashdir)/lichen
	bin/lichen completion zsh >$(zshdir)/_lichen
	bin/lichen completion fish >$(fishdir)/lichen.fish
	chmod 0644 $(bashdir)/lichen $(zshdir)/_lichen $(fishdir)/lichen.fish

# Also under the name that other programs call; see doc/bwrap.md.
install-bwrap: install
	ln -sf lichen-bwrap $(bindir)/bwrap

uninstall:
	if [ "$$(readlink $(bindir)/bwrap)" = lichen-bwrap ]; then rm -f $(bindir)/bwrap; fi
	rm -f $(bindir)/lichen $(bindir)/lichen-bwrap $(mandir)/man1/lichen.1 $(mandir)/man1/lichen-image.1 $(mandir)/man1/lichen-unit.1 $(mandir)/man1/lichen-bwrap.1 $(mandir)/man5/lichen-profile.5
	rm -f $(bashdir)/lichen $(zshdir)/_lichen $(fishdir)/lichen.fish
	rm -rf $(docdir) $(execdir)

clean:
	rm -rf bin build libexec
