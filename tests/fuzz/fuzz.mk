# Fuzzers of every parser of strangers' bytes; what they found is kept in tests/fuzz/corpus.

FUZZ = $(patsubst tests/fuzz/%_fuzz.c,%,$(wildcard tests/fuzz/*_fuzz.c))
FUZZ_SECONDS ?= 30

replay-built: $(FUZZ:%=$(B)/replay/%)
replay: replay-built ## run the fuzz targets over their kept inputs
	@for t in $(FUZZ); do echo "== replay $$t"; $(B)/replay/$$t tests/fuzz/corpus/$$t || exit 1; done

# A target's source, and the stubs that it includes.
stubbed = $< $(shell grep -q 'include "stub.h"' $< && echo tests/fuzz/stub.h)
$(B)/replay/daemon $(B)/fuzz/daemon: fcgi/main.c

$(B)/replay/%: tests/fuzz/%_fuzz.c tests/fuzz/replay.c $(wildcard tests/*.h tests/fuzz/*.h) $(LIB) | $(B)/replay
	$(call say,LD,$@)$(CC) $(STD) $(CPPFLAGS) $(CFLAGS) $(WARNINGS) $(LDFLAGS) $(call wraps,$(stubbed)) -o $@ $< tests/fuzz/replay.c $(LIB) $(LIBS)

fuzz: ## libFuzzer, FUZZ_SECONDS for each target (needs clang); FUZZ=daemon for one
	@$(MAKE) --no-print-directory B=build/fuzz CC=clang CFLAGS="-O1 -g -fsanitize=fuzzer-no-link $(ASAN)" fuzz-run

fuzz-run: $(FUZZ:%=$(B)/fuzz/%)
	@for t in $(FUZZ); do echo "== fuzz $$t"; mkdir -p $(B)/corpus/$$t; \
		dict=$$(ls tests/fuzz/$$t.dict 2>/dev/null); \
		case $$t in daemon) more=-detect_leaks=0;; *) more=;; esac; \
		$(B)/fuzz/$$t -max_total_time=$(FUZZ_SECONDS) -verbosity=0 -print_final_stats=1 $${dict:+-dict=$$dict} $$more \
		-artifact_prefix=$(B)/fuzz/$$t- $(B)/corpus/$$t tests/fuzz/corpus/$$t || exit 1; done

$(B)/fuzz/%: tests/fuzz/%_fuzz.c $(wildcard tests/*.h tests/fuzz/*.h) $(LIB) | $(B)/fuzz
	$(call say,LD,$@)$(CC) $(STD) $(CPPFLAGS) $(CFLAGS) -fsanitize=fuzzer $(LDFLAGS) $(call wraps,$(stubbed)) -o $@ $< $(LIB) $(LIBS)

$(B)/fuzz $(B)/replay:
	@mkdir -p $@

.PHONY: replay replay-built fuzz fuzz-run
