# What it does under load, beside floors and peers.

BENCH_CFLAGS = -O2 -g
LOAD = load crowd rate pace held conn dialect proc

bench: $(B)/longlined build/bench/load build/bench/floor build/bench/insert build/bench/longlined-heap ## measure; BENCH=fanout,sends N=1000 PAIRS=5 choose what
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

# The daemon as it is, but that it tells what it has of malloc.
build/bench/longlined-heap: tests/bench/heap.c build/main.o build/longline.a | build/bench
	$(call say,LD,$@)$(CC) $(STD) $(CPPFLAGS) $(BENCH_CFLAGS) $(WARNINGS) $(call wraps,$<) -o $@ $^ $(LIBS)

build/bench:
	@mkdir -p $@

.PHONY: bench hostile bench-docs
