# What it does under load, beside floors and peers.

BENCH_CFLAGS = -O2 -g
LOAD = load crowd rate pace held readers upgrade conn flow dialect dialect_flow proc header

# The reference server of Socket.IO, where there is npm.
reference:
	@[ tests/bench/node_modules/.package-lock.json -nt tests/bench/package-lock.json ] || ! command -v npm >/dev/null || \
		npm --prefix tests/bench ci --no-audit --no-fund || echo "bench: without the reference server of Socket.IO" >&2

bench: $(B)/longlined build/bench/load build/bench/floor build/bench/insert build/bench/longlined-heap reference ## measure; BENCH=fanout,sends N=1000 PAIRS=5 choose what
	@BENCH='$(BENCH)' N='$(N)' PAIRS='$(PAIRS)' SECONDS='$(SECONDS)' ROWS='$(ROWS)' ROOMS='$(ROOMS)' node tests/bench/bench.mjs

hostile: $(B)/longlined build/bench/load build/bench/floor ## attacks by strangers, and what others notice; ATTACKS=small-events-4,one-* RUNS=5 SECONDS=3
	@ATTACKS='$(ATTACKS)' RUNS='$(RUNS)' SECONDS='$(SECONDS)' node tests/bench/hostile.mjs

flow-cost: $(B)/longlined build/bench/load build/bench/floor reference ## WebSockets and streams beside floors, polls and peers; N=5000 PAIRS=5 SECONDS=1
	@BENCH=flows N='$(N)' PAIRS='$(PAIRS)' SECONDS='$(SECONDS)' node tests/bench/bench.mjs

storm-cost: $(B)/longlined build/bench/load ## 9,500 WebSockets or streams that connect at once, and what each takes; PAIRS=5
	@BENCH=storms PAIRS='$(PAIRS)' node tests/bench/bench.mjs

stall-cost: $(B)/longlined build/bench/load build/bench/longlined-heap ## readers that stop reading: memory, and what others notice; PAIRS=5 SECONDS=2
	@BENCH=stalled PAIRS='$(PAIRS)' SECONDS='$(SECONDS)' node tests/bench/bench.mjs

access-cost: $(B)/longlined build/bench/load ## what tokens, grants and limits cost, on beside off; PAIRS=5 SECONDS=1
	@BENCH=access PAIRS='$(PAIRS)' SECONDS='$(SECONDS)' node tests/bench/bench.mjs

changes-cost: $(B)/longlined build/bench/load ## what 100 edits a second cost those who send; PAIRS=5 SECONDS=1
	@BENCH=changes PAIRS='$(PAIRS)' SECONDS='$(SECONDS)' node tests/bench/bench.mjs

beside: $(B)/longlined build/bench/load ## this daemon beside another build of it; OLD=DIR/build/longlined PAIRS=5 SECONDS=1 FLAGS=
	@BENCH=beside OLD='$(OLD)' FLAGS='$(FLAGS)' PAIRS='$(PAIRS)' SECONDS='$(SECONDS)' node tests/bench/bench.mjs

retention-cost: $(B)/longlined build/bench/load ## what others notice while half of a log goes; ROWS=2000000 SECONDS=2 RATE=200 TURNS=40
	@ROWS='$(ROWS)' SECONDS='$(SECONDS)' RATE='$(RATE)' TURNS='$(TURNS)' node tests/bench/retention.mjs

scrub-cost: $(B)/longlined build/bench/load build/bench/insert ## how long what was deleted stays in the files, and what others notice; ROWS=600000 RATE=200
	@ROWS='$(ROWS)' RATE='$(RATE)' node tests/bench/scrub.mjs

search-oracle: build/bench/words_lines ## what is found, beside what ICU finds, in texts of 25 languages; CORPUS=Thai for one
	@CORPUS='$(CORPUS)' node tests/bench/search-oracle.mjs $<

FORTUNES = /usr/share/games/fortunes
words-cost: build/bench/words_cost ## what the tokenizer costs beside unicode61: ASCII, Chinese, German, Russian; PAIRS=5
	@cat $(wildcard docs/*.md) README.md | LC_ALL=C grep -v '[^ -~]' | LC_ALL=C sort -u >build/bench/ascii
	@for f in $(FORTUNES)/chinese.u8 '$(FORTUNES)/de/*.u8' '$(FORTUNES)/ru/*.u8'; do cat $$f | LC_ALL=C sort -u >build/bench/lines; \
		echo "$$f:"; $< $(or $(PAIRS),5) build/bench/lines || exit 1; done; echo "ASCII:"; $< $(or $(PAIRS),5) build/bench/ascii

search-cost: $(B)/longlined build/bench/load ## the search index: its size, how long it takes to make it anew, what others notice, what searches take; ROWS=1000000 RATE=200
	@ROWS='$(ROWS)' RATE='$(RATE)' node tests/bench/index.mjs

page-cost: $(B)/longlined ## how soon the page begins on a slow line, and how it bears a flood on a slow processor; RUNS=5 MESSAGES=20000 SECONDS=60
	@RUNS='$(RUNS)' MESSAGES='$(MESSAGES)' SECONDS='$(SECONDS)' node tests/bench/page.mjs

bench-docs: ## put the figures of the last bench into docs/PERFORMANCE.md
	@node tests/bench/report.mjs

build/bench/load: $(LOAD:%=tests/bench/%.c) tests/bench/load.h | build/bench
	$(call say,LD,$@)$(CC) $(STD) $(CPPFLAGS) $(BENCH_CFLAGS) $(WARNINGS) -o $@ $(filter %.c,$^)

build/bench/floor: tests/bench/floor.c tests/bench/floor_flow.c build/longline.a tests/bench/floor.h | build/bench
	$(call say,LD,$@)$(CC) $(STD) $(CPPFLAGS) $(BENCH_CFLAGS) $(WARNINGS) -o $@ $(filter %.c %.a,$^) -lnettle

build/bench/insert: tests/bench/insert.c | build/bench
	$(call say,LD,$@)$(CC) $(STD) $(CPPFLAGS) $(BENCH_CFLAGS) $(WARNINGS) -o $@ $< -lsqlite3

build/bench/words_lines build/bench/words_cost: build/bench/%: tests/bench/%.c build/longline.a tests/bench/lines.h | build/bench
	$(call say,LD,$@)$(CC) $(STD) $(CPPFLAGS) $(BENCH_CFLAGS) $(WARNINGS) -o $@ $(filter %.c %.a,$^) $(LIBS)

# The daemon as it is, but that it tells what it has of malloc.
build/bench/longlined-heap: tests/bench/heap.c build/main.o build/longline.a | build/bench
	$(call say,LD,$@)$(CC) $(STD) $(CPPFLAGS) $(BENCH_CFLAGS) $(WARNINGS) $(call wraps,$<) -o $@ $^ $(LIBS)

build/bench:
	@mkdir -p $@

.PHONY: bench reference hostile flow-cost storm-cost stall-cost access-cost changes-cost beside retention-cost scrub-cost search-cost page-cost search-oracle words-cost bench-docs
