# The suites that take longer than `make check`, and what they need.

# The server that Socket.IO's conformance tests talk to: the same modules, another application.
$(B)/conformanced: tests/conformance/conformanced.c $(LIB)
	$(call say,LD,$@)$(CC) $(STD) $(CPPFLAGS) $(CFLAGS) $(WARNINGS) $(LDFLAGS) -o $@ $^ $(LIBS)

# Who may what, asked 100,000 times by a test.
$(B)/grants_check: tests/conformance/grants_check.c $(LIB)
	$(call say,LD,$@)$(CC) $(STD) $(CPPFLAGS) $(CFLAGS) $(WARNINGS) $(WERROR) $(LDFLAGS) -o $@ $^ $(LIBS)

# The daemon and the tool whose allocations, disk and clock fail when a test says so; see tests/fault/inject.c.
$(B)/longlined-fault: tests/fault/inject.c $(B)/main.o $(LIB)
	$(call say,LD,$@)$(CC) $(STD) $(CPPFLAGS) $(CFLAGS) $(WARNINGS) $(LDFLAGS) $(call wraps,$<) -o $@ $^ $(LIBS)

$(B)/longline-fault: tests/fault/inject.c $(B)/tool/main.o $(LIB)
	$(call say,LD,$@)$(CC) $(STD) $(CPPFLAGS) $(CFLAGS) $(WARNINGS) $(LDFLAGS) $(call wraps,$<) -o $@ $^ $(TOOL_LIBS)

built: warnings replay-built $(B)/longlined $(B)/longline $(B)/grants_check $(B)/conformanced $(UNIT) ## what check, e2e, conformance and page run
instrumented: ## what asan, fault and tsan run
	@$(asan_make) $(IN_ASAN) $(UNIT:$(B)/%=build/asan/%)
	@$(MAKE) --no-print-directory build/tsan/longlined

# npm ci takes its time and the network, so only after a change. Tests of other targets are skipped without them.
packages: ## what tests need from npm: Socket.IO's client and the like
	@[ tests/js/node_modules/.package-lock.json -nt tests/js/package-lock.json ] || npm --prefix tests/js ci --no-audit --no-fund

conformance soak: packages

# Files that are run side by side: more than two processors have, since their tests wait for something half of the time.
AT_ONCE = TEST_CONCURRENCY=$${TEST_CONCURRENCY:-4}

e2e: $(B)/longlined $(B)/longline $(B)/grants_check ## end-to-end tests: the real nginx, the real daemon
	$(AT_ONCE) scripts/node-test tests/e2e

conformance: $(B)/conformanced ## Socket.IO's wire and unmodified clients, against the conformance server
	$(AT_ONCE) scripts/node-test tests/conformance

# SUITE is a checkout of the repository socketio/socket.io, as its authors have it. Their suites stand in
# docs/engine.io-protocol/v4-test-suite and docs/socket.io-protocol/v5-test-suite: "npm ci" in both, once. They ask at port
# 3000 of this machine.
SUITE ?=
conformance-official: $(B)/conformanced ## Socket.IO's own suites, unedited, against the conformance server: SUITE=CHECKOUT
	@SUITE='$(SUITE)' node tests/conformance/official.mjs

page: $(B)/longlined ## the page: without a DOM, and in headless Chromium
	$(AT_ONCE) scripts/node-test tests/js

# With a sanitizer not those of scripts, of what is installed and of what nginx serves by itself.
COMPILED = $(filter-out $(addprefix tests/e2e/,base% client% layers% share% stage% version%),$(wildcard tests/e2e/*.test.mjs))

asan: build/asan/longlined build/asan/longline ## unit and end-to-end tests with AddressSanitizer and UndefinedBehaviorSanitizer
	@$(asan_make) unit
	LONGLINED="$(CURDIR)/build/asan/longlined" TEST_SLOW=4 $(AT_ONCE) scripts/node-test tests/e2e $(COMPILED)

fault: build/asan/longlined-fault build/asan/longline-fault ## each allocation and each call to the disk made to fail in turn, under AddressSanitizer
	TEST_SLOW=4 TEST_CONCURRENCY=$${TEST_CONCURRENCY:-3} scripts/node-test tests/fault

SOAK_MINUTES ?= 5
soak: $(B)/longlined ## everything at once, with kills, for SOAK_MINUTES, one line a minute
	SOAK_MINUTES=$(SOAK_MINUTES) node tests/soak/soak.mjs

# Not those of programs that have one thread, nor of what the loop's thread does alone.
ONE_THREAD = $(addprefix tests/e2e/,tool% check% grants-order% readme% config% cors% dryrun% hostile% limits% log.% names% \
	nginx% sql% upgrade% upgrading% websocket%)
tsan: build/tsan/longlined ## end-to-end tests with ThreadSanitizer
	LONGLINED="$(CURDIR)/build/tsan/longlined" TEST_SLOW=4 $(AT_ONCE) scripts/node-test tests/e2e \
		$(filter-out $(ONE_THREAD),$(COMPILED))

cover: build/cover/longlined ## lines of the daemon that the unit and end-to-end tests reach, per file
	@find build/cover -name '*.gcda' -delete
	@# scripts/run gives the daemon another user than root, who counts into the same files.
	@umask 0; find build/cover -type d -exec chmod a+rwx {} +; $(MAKE) --no-print-directory B=build/cover CFLAGS="-O0 -g --coverage" unit >/dev/null
	LONGLINED="$(CURDIR)/build/cover/longlined" scripts/node-test tests/e2e >/dev/null
	@cd build/cover && gcov -n $$(find . -name '*.gcda') 2>/dev/null | awk '/^File .*fcgi\// { f = $$2 } \
		f && /^Lines/ { sub(/Lines executed:/, ""); print f, $$0; f = "" }' | sort -u | column -t

deb-test: ## the Debian package in a bare Debian: installed, upgraded, removed, purged, booted; needs root and mmdebstrap
	tests/deb/deb-test

.PHONY: built instrumented packages deb-test e2e conformance conformance-official page asan fault soak tsan cover
