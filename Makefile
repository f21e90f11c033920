# Longline. `make help` lists the targets.

CC ?= cc
CFLAGS ?= -O2 -g
CPPFLAGS += -D_GNU_SOURCE -Ifcgi
WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wvla -Wstrict-prototypes -Wmissing-prototypes
STD = -std=c17
LIBS = -lfcgi -lsqlite3 -lyajl -lnettle -lpthread

PREFIX ?= /usr/local
DESTDIR ?=
# Where the page and the interface are to be found on the site: empty for /, or /chat and the like.
BASE ?=

# A build of its own for each kind of instrumentation: build/, build/asan/, build/tsan/, build/cover/.
B ?= build
SRC = $(wildcard fcgi/*.c fcgi/*/*.c)
OBJ = $(SRC:fcgi/%.c=$(B)/%.o) $(B)/schema.o
# All but main.o, for the daemon and for every other program of its modules.
LIB = $(B)/longline.a
# What is formatted.
C_FILES = fcgi/*.[ch] fcgi/*/*.[ch] tests/unit/*.h tests/unit/*/*.c tests/fuzz/*.[ch] tests/fault/*.[ch] tests/bench/*.[ch]
SQL = $(sort $(wildcard sql/*.sql))
UNIT = $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/*/*_test.c))

# What is done, in a word, so that a warning is not lost among the commands; V=1 shows these instead.
V ?=
say = $(if $(filter-out 0,$(V)),,@echo '$1 $2'; )

ASAN = -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined
TSAN = -fsanitize=thread

all: $(B)/longlined client ## build the daemon, and fetch the client file

# Not a file's rule: without npm or a network there is none, and all else is built all the same.
client: ## Socket.IO's client file from npm, into build/client, for nginx to serve
	@scripts/fetch-client build/client

$(B)/longlined: $(B)/main.o $(LIB)
	$(call say,LD,$@)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(LIB): $(filter-out $(B)/main.o,$(OBJ))
	$(call say,AR,$@)rm -f $@ && $(AR) rcs $@ $^

$(B)/%.o: fcgi/%.c Makefile | $(B)
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(STD) $(CPPFLAGS) $(CFLAGS) $(WARNINGS) $(WERROR) -MMD -MP -c -o $@ $<

# The SQL files as C strings, in the order of their numbers.
$(B)/schema.c: $(SQL) scripts/embed-sql | $(B)
	$(call say,SQL,$@)scripts/embed-sql $(SQL) > $@.new && mv $@.new $@

$(B)/schema.o: $(B)/schema.c
	$(call say,CC,$<)$(CC) $(STD) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(B):
	@mkdir -p $@

$(B)/unit/%: tests/unit/%.c $(wildcard tests/unit/*.h) $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(STD) $(CPPFLAGS) -Itests/unit $(CFLAGS) $(WARNINGS) $(WERROR) $(LDFLAGS) -o $@ $< $(LIB) -lcmocka $(LIBS)

# Tests that let allocations of the modules fail, or have a clock of their own.
$(B)/unit/live/room_memory_test: LDFLAGS += -Wl,--wrap=malloc
$(B)/unit/store/store_append_test: LDFLAGS += -Wl,--wrap=realloc
$(B)/unit/socketio/session_test: LDFLAGS += -Wl,--wrap=malloc,--wrap=clock_ms
$(B)/unit/live/commit_gather_test: LDFLAGS += -Wl,--wrap=clock_us,--wrap=timerfd_settime

# The server that Socket.IO's conformance tests talk to: the same modules, another application.
$(B)/conformanced: tests/conformance/conformanced.c $(LIB)
	$(call say,LD,$@)$(CC) $(STD) $(CPPFLAGS) $(CFLAGS) $(WARNINGS) $(LDFLAGS) -o $@ $^ $(LIBS)

# The daemon whose allocations, disk and clock fail when a test says so; see tests/fault/inject.c.
FAULTY = malloc calloc realloc strdup clock_gettime
$(B)/longlined-fault: tests/fault/inject.c $(B)/main.o $(LIB)
	$(call say,LD,$@)$(CC) $(STD) $(CPPFLAGS) $(CFLAGS) $(WARNINGS) $(LDFLAGS) $(FAULTY:%=-Wl,--wrap=%) -o $@ $^ $(LIBS)

# ---- what it does under load, beside floors and peers ----

BENCH_CFLAGS = -O2 -g
LOAD = load crowd rate pace conn dialect proc

bench: $(B)/longlined build/bench/load build/bench/floor build/bench/insert build/bench/held build/bench/longlined-heap ## measure; BENCH=fanout,sends N=1000 PAIRS=5 choose what
	@[ tests/bench/node_modules/.package-lock.json -nt tests/bench/package-lock.json ] || ! command -v npm >/dev/null || \
		npm --prefix tests/bench ci --no-audit --no-fund || echo "bench: without the reference server of Socket.IO" >&2
	@BENCH='$(BENCH)' N='$(N)' PAIRS='$(PAIRS)' SECONDS='$(SECONDS)' ROWS='$(ROWS)' ROOMS='$(ROOMS)' node tests/bench/bench.mjs

hostile: $(B)/longlined build/bench/load ## attacks by strangers, and what others notice; ATTACKS=small-events-4,handshakes RUNS=5 SECONDS=3
	@ATTACKS='$(ATTACKS)' RUNS='$(RUNS)' SECONDS='$(SECONDS)' node tests/bench/hostile.mjs

bench-docs: ## put the figures of the last bench into docs/PERFORMANCE.md
	@node tests/bench/report.mjs

build/bench/load: $(LOAD:%=tests/bench/%.c) tests/bench/load.h | build/bench
	$(call say,LD,$@)$(CC) $(STD) $(CPPFLAGS) $(BENCH_CFLAGS) $(WARNINGS) -o $@ $(filter %.c,$^)

build/bench/floor: tests/bench/floor.c | build/bench
	$(call say,LD,$@)$(CC) $(STD) $(CPPFLAGS) $(BENCH_CFLAGS) $(WARNINGS) -o $@ $<

build/bench/insert: tests/bench/insert.c | build/bench
	$(call say,LD,$@)$(CC) $(STD) $(CPPFLAGS) $(BENCH_CFLAGS) $(WARNINGS) -o $@ $< -lsqlite3

build/bench/held: tests/bench/held.c | build/bench
	$(call say,LD,$@)$(CC) $(STD) $(CPPFLAGS) $(BENCH_CFLAGS) $(WARNINGS) -o $@ $<

# The daemon as it is, but that it tells what it has of malloc.
build/bench/longlined-heap: tests/bench/heap.c build/main.o build/longline.a | build/bench
	$(call say,LD,$@)$(CC) $(STD) $(CPPFLAGS) $(BENCH_CFLAGS) $(WARNINGS) -Wl,--wrap=sqlite3_config -o $@ $^ $(LIBS)

build/bench:
	@mkdir -p $@

unit: $(UNIT) ## run the unit tests
	@bad=0; for t in $(UNIT); do echo "== $$t"; $$t && continue; how=$$? bad=1; \
		[ $$how -le 128 ] || echo "[  FAILED  ] 1 test(s): $$t ended by signal $$((how - 128))"; done; exit $$bad

# ---- fuzzers of every parser of strangers' bytes; what they found is kept in tests/fuzz/corpus ----

FUZZ = $(patsubst tests/fuzz/%_fuzz.c,%,$(wildcard tests/fuzz/*_fuzz.c))
FUZZ_SECONDS ?= 30

replay: $(FUZZ:%=$(B)/replay/%) ## run the fuzz targets over their kept inputs
	@for t in $(FUZZ); do echo "== replay $$t"; $(B)/replay/$$t tests/fuzz/corpus/$$t || exit 1; done

# What tests/fuzz/stub.h puts in the place of sockets, threads and the database.
STUB = fcgi_slot fcgi_of_slot fcgi_handle fcgi_find fcgi_reply fcgi_counts commit_add commit_look commit_probe \
	commit_want_index commit_current commit_indexed commit_counts commit_crowded \
	readers_add readers_add_search readers_counts \
	store_poll store_history store_search store_list store_tail store_missed clock_ms
$(foreach t,request send,$(B)/replay/$(t) $(B)/fuzz/$(t)): LDFLAGS += $(STUB:%=-Wl,--wrap=%)
# What tests/fuzz/daemon_fuzz.c has of its own.
OWN = clock_ms clock_us worker_new worker_add worker_cancel worker_counts worker_free
$(B)/replay/daemon $(B)/fuzz/daemon: LDFLAGS += $(OWN:%=-Wl,--wrap=%)
$(B)/replay/daemon $(B)/fuzz/daemon: fcgi/main.c

$(B)/replay/%: tests/fuzz/%_fuzz.c tests/fuzz/replay.c $(wildcard tests/fuzz/*.h) $(LIB) | $(B)/replay
	$(call say,LD,$@)$(CC) $(STD) $(CPPFLAGS) $(CFLAGS) $(WARNINGS) $(LDFLAGS) -o $@ $< tests/fuzz/replay.c $(LIB) $(LIBS)

fuzz: ## libFuzzer, FUZZ_SECONDS for each target (needs clang); FUZZ=daemon for one
	@$(MAKE) --no-print-directory B=build/fuzz CC=clang CFLAGS="-O1 -g -fsanitize=fuzzer-no-link $(ASAN)" fuzz-run

fuzz-run: $(FUZZ:%=$(B)/fuzz/%)
	@for t in $(FUZZ); do echo "== fuzz $$t"; mkdir -p $(B)/corpus/$$t; \
		dict=$$(ls tests/fuzz/$$t.dict 2>/dev/null); \
		case $$t in daemon) more=-detect_leaks=0;; *) more=;; esac; \
		$(B)/fuzz/$$t -max_total_time=$(FUZZ_SECONDS) -verbosity=0 -print_final_stats=1 $${dict:+-dict=$$dict} $$more \
		-artifact_prefix=$(B)/fuzz/$$t- $(B)/corpus/$$t tests/fuzz/corpus/$$t || exit 1; done

$(B)/fuzz/%: tests/fuzz/%_fuzz.c $(wildcard tests/fuzz/*.h) $(LIB) | $(B)/fuzz
	$(call say,LD,$@)$(CC) $(STD) $(CPPFLAGS) $(CFLAGS) -fsanitize=fuzzer $(LDFLAGS) -o $@ $< $(LIB) $(LIBS)

$(B)/fuzz $(B)/replay:
	@mkdir -p $@

layers: ## check that includes point downward
	@scripts/layers

format: ## check the format of the C files
	@if command -v clang-format >/dev/null; then clang-format --dry-run --Werror $(C_FILES); \
	else echo "format: skipped, clang-format is not installed"; fi

warnings: build/check/longlined

check: warnings layers format unit replay ## seconds, for every commit: warnings, layers, format, unit tests, fuzzers' findings

# npm ci takes its time and the network, so only after a change. Tests of other targets are skipped without them.
packages: ## what tests need from npm: Socket.IO's client and the like
	@[ tests/js/node_modules/.package-lock.json -nt tests/js/package-lock.json ] || npm --prefix tests/js ci --no-audit --no-fund

conformance soak: packages

e2e: $(B)/longlined ## end-to-end tests: the real nginx, the real daemon
	TEST_CONCURRENCY=3 scripts/node-test tests/e2e

conformance: $(B)/conformanced ## Socket.IO's wire and unmodified clients, against the conformance server
	scripts/node-test tests/conformance

page: $(B)/longlined ## the page: without a DOM, and in headless Chromium
	TEST_CONCURRENCY=3 scripts/node-test tests/js

# The instrumented builds, made by the same rules with another B.
ifeq ($(B),build)
build/asan/longlined: FORCE
	@$(MAKE) --no-print-directory B=build/asan CFLAGS="-O1 -g $(ASAN)" $@
build/asan/longlined-fault: FORCE
	@$(MAKE) --no-print-directory B=build/asan CFLAGS="-O1 -g $(ASAN)" $@
build/tsan/longlined: FORCE
	@$(MAKE) --no-print-directory B=build/tsan CFLAGS="-O1 -g $(TSAN)" $@
build/cover/longlined: FORCE
	@$(MAKE) --no-print-directory B=build/cover CFLAGS="-O0 -g --coverage" $@
build/check/longlined: FORCE
	@$(MAKE) --no-print-directory B=build/check CFLAGS="-O2 -g" WERROR=-Werror $@
endif

asan: build/asan/longlined ## unit and end-to-end tests with AddressSanitizer and UndefinedBehaviorSanitizer
	@$(MAKE) --no-print-directory B=build/asan CFLAGS="-O1 -g $(ASAN)" unit
	LONGLINED="$(CURDIR)/build/asan/longlined" TEST_SLOW=4 TEST_CONCURRENCY=3 scripts/node-test tests/e2e

fault: build/asan/longlined-fault ## each allocation and each call to the disk made to fail in turn, under AddressSanitizer
	TEST_SLOW=4 scripts/node-test tests/fault

SOAK_MINUTES ?= 5
soak: $(B)/longlined ## everything at once, with kills, for SOAK_MINUTES, one line a minute
	SOAK_MINUTES=$(SOAK_MINUTES) node tests/soak/soak.mjs

tsan: build/tsan/longlined ## end-to-end tests with ThreadSanitizer
	LONGLINED="$(CURDIR)/build/tsan/longlined" TEST_SLOW=4 TEST_CONCURRENCY=3 scripts/node-test tests/e2e

cover: build/cover/longlined ## lines of the daemon that the unit and end-to-end tests reach, per file
	@find build/cover -name '*.gcda' -delete
	@# scripts/run gives the daemon another user than root, who counts into the same files.
	@umask 0; find build/cover -type d -exec chmod a+rwx {} +; $(MAKE) --no-print-directory B=build/cover CFLAGS="-O0 -g --coverage" unit >/dev/null
	LONGLINED="$(CURDIR)/build/cover/longlined" scripts/node-test tests/e2e >/dev/null
	@cd build/cover && gcov -n $$(find . -name '*.gcda') 2>/dev/null | awk '/^File .*fcgi\// { f = $$2 } \
		f && /^Lines/ { sub(/Lines executed:/, ""); print f, $$0; f = "" }' | sort -u | column -t

fmt: ## format the C files
	clang-format -i $(C_FILES)

clean: ## remove what was built
	rm -rf build

help: ## list the targets
	@sed -n 's/^\([a-z][a-z0-9-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

# --- for the Makefile ---
# Where nginx finds the daemon, and the origin given to --cors, for nginx's own errors.
SOCKET ?= /run/longline/longlined.sock
CORS ?=
SHARE = $(PREFIX)/share/longline

# DESTDIR is only where the files are put now; what is written into them are the paths of later.
FILL = sed -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@SOCKET@|$(SOCKET)|g' -e 's|@CORS@|$(CORS)|g' \
	-e 's|@STATIC@|$(SHARE)/static|g' -e 's|@CLIENT@|$(SHARE)/client|g' -e 's|@BASE@|$(BASE)|g'

install: $(B)/longlined ## install below DESTDIR and PREFIX; BASE=/chat for a sub-path
	@case '$(BASE)' in ''|/*[!/]) ;; *) echo "BASE must be empty or like /chat, not $(BASE)" >&2; exit 1;; esac
	install -d "$(DESTDIR)$(PREFIX)/sbin" "$(DESTDIR)$(PREFIX)/share/man/man8" \
	    "$(DESTDIR)$(SHARE)/sql" "$(DESTDIR)$(SHARE)/static" "$(DESTDIR)$(SHARE)/nginx" \
	    "$(DESTDIR)$(PREFIX)/lib/systemd/system" "$(DESTDIR)$(PREFIX)/lib/sysusers.d"
	install -m 755 $(B)/longlined "$(DESTDIR)$(PREFIX)/sbin/longlined"
	install -m 644 fcgi/longlined.8 "$(DESTDIR)$(PREFIX)/share/man/man8/longlined.8"
	install -m 644 sql/*.sql "$(DESTDIR)$(SHARE)/sql/"
	install -m 644 static/* "$(DESTDIR)$(SHARE)/static/"
	if [ -d build/client ]; then install -d "$(DESTDIR)$(SHARE)/client" && \
		install -m 644 build/client/* "$(DESTDIR)$(SHARE)/client/"; fi
	for f in longline-http.conf longline.conf longline-auth.conf site-example.conf; do \
		$(FILL) nginx/$$f.in >"$(DESTDIR)$(SHARE)/nginx/$$f" && chmod 644 "$(DESTDIR)$(SHARE)/nginx/$$f" || exit 1; done
	for f in longlined.service longlined.socket longlined-failed.target; do \
		$(FILL) scripts/systemd/$$f >"$(DESTDIR)$(PREFIX)/lib/systemd/system/$$f" && \
		chmod 644 "$(DESTDIR)$(PREFIX)/lib/systemd/system/$$f" || exit 1; done
	install -m 644 scripts/systemd/longline.sysusers "$(DESTDIR)$(PREFIX)/lib/sysusers.d/longline.conf"

FORCE:
.PHONY: all client packages unit replay fuzz fuzz-run layers format warnings check e2e conformance page asan fault soak bench bench-docs hostile tsan cover fmt clean help install FORCE
.DELETE_ON_ERROR:

-include $(OBJ:.o=.d)
