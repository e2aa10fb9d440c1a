# Everything a person does with a clone. `make demo` and `make test` install what is missing.

SWIFT ?= swift
PREFIX ?= /usr/local
UNITS ?= /etc/systemd/system
ZSH ?= $(PREFIX)/share/zsh/site-functions
FISH ?= $(PREFIX)/share/fish/vendor_completions.d
RELEASE = .build-release
# The installed programs look for Swift's libraries beside them and nowhere else: the machine needs no
# toolchain, and a directory of the machine that built them means nothing on another.
RELEASE_FLAGS = -c release --scratch-path $(RELEASE) --disable-local-rpath \
	-Xswiftc -no-toolchain-stdlib-rpath -Xlinker '-rpath=$$ORIGIN/../lib/groupmirror' \
	-Xlinker -z -Xlinker now

.PHONY: demo test bench build release install deb deb-older deb-previous systemd-test monitoring-test tables \
	format lint deps test-deps clean \
	release-deps prove simulate crash chaos chaos-programs proof-programs fuzz fuzz-all fuzz-program mutate sanitize

demo: deps
	$(SWIFT) build --product groupmirror
	$(SWIFT) build --product groupmirror-webhook
	$(SWIFT) build --product chat-emulator
	Scripts/demo

test: test-deps lint
	$(SWIFT) build --build-tests
	Scripts/check-units
	SWIFT=$(SWIFT) Scripts/test

# BENCH: some of share, cpu, edits, unlimited, memory, weather, freshness, writes; all of them without it.
bench: release
	$(SWIFT) build $(RELEASE_FLAGS) --product benchmark
	$(RELEASE)/release/benchmark $(BENCH)

# What CI runs beside the tests; Documentation/Reliability.md tells what it proves.
prove: test-deps release-deps
	$(SWIFT) build $(RELEASE_FLAGS)
	Scripts/release-parts $(RELEASE)
	Scripts/check-install $(RELEASE)
	Scripts/prove $(RELEASE)

# SEEDS worlds from SEED on; a single one is told in full with LOUD=1. USERS and WITHOUT (ingredients,
# with commas between them) make worlds smaller: a run prints them for one that fails.
SEED ?= 1
SEEDS ?= 1
JOBS ?= 2
simulate: proof-programs
	$(RELEASE)/release/simulate --seed $(SEED) --seeds $(SEEDS) --jobs $(JOBS) --again $(if \
		$(filter 1,$(SEEDS)),1,99) $(if $(USERS),--users $(USERS)) \
		$(if $(WITHOUT),--without $(WITHOUT)) $(if $(LOUD),--loud)

# Ten times what CI does: the store in WORLDS worlds, the whole engine in ENGINES small ones.
WORLDS ?= 50
ENGINES ?= 20
crash: proof-programs
	Scripts/crash $(RELEASE) $(SEED) $(WORLDS) $(ENGINES) $(JOBS)

# The built programs through ROUNDS of kills, full disks, locks, moved clocks.
ROUNDS ?= 200
chaos: chaos-programs
	Scripts/chaos $(RELEASE) $(ROUNDS) $(SEED)

# Small faults in the rules, or in one FILE of them, one after the other: do their tests notice?
mutate: release-deps
	$(SWIFT) build $(RELEASE_FLAGS) --product mutate
	$(RELEASE)/release/mutate --jobs $(JOBS) $(if $(FILE),--file $(FILE))

# The tests under the thread sanitizer, then under the address sanitizer: for the night.
sanitize: test-deps
	Scripts/sanitize thread
	Scripts/sanitize address

# Fuzzes TARGET (reply, configuration, import, log, request) for SECONDS, beginning with its corpus.
TARGET ?= reply
SECONDS ?= 30
fuzz: fuzz-program
	Scripts/fuzz $(FUZZ) $(TARGET) $(SECONDS)

fuzz-all: fuzz-program
	for target in $(notdir $(wildcard Reliability/fuzz/Corpus/*)); do \
		Scripts/fuzz $(FUZZ) $$target $(SECONDS) || exit 1; done

FUZZ = .build-fuzz
fuzz-program: deps
	GROUPMIRROR_FUZZ=1 $(SWIFT) build -c release --scratch-path $(FUZZ) --product fuzz \
		-Xswiftc -sanitize=fuzzer,address -Xswiftc -parse-as-library -Xswiftc -use-ld=lld

proof-programs: release-deps
	$(SWIFT) build $(RELEASE_FLAGS) --product simulate
	$(SWIFT) build $(RELEASE_FLAGS) --product crash

chaos-programs: test-deps release
	$(SWIFT) build $(RELEASE_FLAGS) --product calendar
	$(SWIFT) build $(RELEASE_FLAGS) --product chaos

build: deps
	$(SWIFT) build

# With a list of the programs' parts (CycloneDX), the manual and the shells' completions.
release: release-deps
	$(SWIFT) build $(RELEASE_FLAGS) --product groupmirror
	$(SWIFT) build $(RELEASE_FLAGS) --product groupmirror-webhook
	$(SWIFT) build $(RELEASE_FLAGS) --product chat-emulator
	$(SWIFT) build $(RELEASE_FLAGS) --product document
	Scripts/release-parts $(RELEASE)

# As root, after `make release` as yourself.
install:
	Scripts/install $(RELEASE) "$(DESTDIR)" $(PREFIX) $(UNITS) $(ZSH) $(FISH)

# Debian packages of this machine's release in dist/, looked through by lintian.
deb: release-deps
	@Scripts/install-packages debhelper dpkg-dev lintian pkg-config
	SWIFT=$(SWIFT) debian/rules clean
	SWIFT=$(SWIFT) debian/rules binary
	lintian --fail-on error dist/*.deb

# The packages of dist/ under a real systemd in a container, as root: SUITE is a release of Debian, PREVIOUS a
# directory with older packages to upgrade from (`make deb-older` makes some quickly; `make deb-previous` builds the
# commit before, which is the real thing: before a release).
SUITE ?= bookworm
PREVIOUS ?= $(wildcard .build-previous/dist)
systemd-test:
	@Scripts/install-packages systemd-container mmdebstrap
	Scripts/systemd-test $(SUITE) $(PREVIOUS)

# The same programs as older packages: for an upgrade without a second build.
deb-older:
	@Scripts/install-packages dpkg-dev
	Scripts/deb-older

deb-previous: release-deps
	@Scripts/install-packages debhelper dpkg-dev pkg-config
	SWIFT=$(SWIFT) Scripts/deb-previous

# mtail, Prometheus, Alertmanager and a browser with a daemon; then the programs of examples/ with PostgreSQL.
monitoring-test: release
	@Scripts/install-packages mtail prometheus prometheus-alertmanager chromium fonts-dejavu-core postgresql \
		lnav python3 jq
	Scripts/monitoring-test $(RELEASE)/release $(PICTURE)
	Scripts/examples-test $(RELEASE)/release

# The generated pages of the documentation.
tables: deps
	$(SWIFT) build --product document
	.build/debug/document .

format:
	$(SWIFT) format -i -r Sources Tests Benchmarks Reliability Package.swift

lint:
	$(SWIFT) format lint --strict -r Sources Tests Benchmarks Reliability Package.swift

deps:
	@Scripts/install-packages libsqlite3-dev libcurl4-openssl-dev libssl-dev zlib1g-dev pkg-config \
		sqlite3 curl

release-deps: deps
	@Scripts/install-packages jq man-db groff-base bash zsh fish
	@SWIFT=$(SWIFT) Scripts/link-runtime $(RELEASE)

# Besides: what the tests put before and beside the programs.
test-deps: deps
	@Scripts/install-packages nginx-light openssl systemd util-linux make tmux bash-completion zsh fish

clean:
	rm -rf .build dist .build-previous .build-systemd $(RELEASE) $(FUZZ) .build-mutants .build-thread .build-address demo
