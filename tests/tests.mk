# The suites that take longer than `make check`, and what they need.

# The server that Socket.IO's conformance tests talk to: the same modules, another application.
$(B)/conformanced: tests/conformance/conformanced.c $(LIB)
	$(call say,LD,$@)$(CC) $(STD) $(CPPFLAGS) $(CFLAGS) $(WARNINGS) $(LDFLAGS) -o $@ $^ $(LIBS)

# The daemon whose allocations, disk and clock fail when a test says so; see tests/fault/inject.c.
$(B)/longlined-fault: tests/fault/inject.c $(B)/main.o $(LIB)
	$(call say,LD,$@)$(CC) $(STD) $(CPPFLAGS) $(CFLAGS) $(WARNINGS) $(LDFLAGS) $(call wraps,$<) -o $@ $^ $(LIBS)

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

.PHONY: packages e2e conformance page asan fault soak tsan cover
