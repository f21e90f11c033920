# Longline. `make help` lists the targets.

CC ?= cc
CFLAGS ?= -O2 -g
CPPFLAGS += -D_GNU_SOURCE -Ifcgi
WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wvla -Wstrict-prototypes -Wmissing-prototypes
STD = -std=c17
LIBS = -lfcgi -lsqlite3 -lutf8proc -lyajl -lnettle -lpthread
TOOL_LIBS = -lsqlite3 -lutf8proc -lyajl -lnettle -lcurl -lpthread

PREFIX ?= /usr/local
DESTDIR ?=
# Where the page and the interface are to be found on the site: empty for /, or /chat and the like.
BASE ?=

# A build of its own for each kind of instrumentation: build/, build/asan/, build/tsan/, build/cover/.
B ?= build
SRC = $(wildcard fcgi/*.c fcgi/*/*.c)
OBJ = $(SRC:fcgi/%.c=$(B)/%.o) $(B)/schema.o
# All but the two main.o, for the daemon, the tool and every other program of their modules.
LIB = $(B)/longline.a
# What is formatted.
C_FILES = fcgi/*.[ch] fcgi/*/*.[ch] tests/*.h tests/unit/*.h tests/unit/*/*.c tests/fuzz/*.[ch] tests/fault/*.[ch] tests/conformance/*.c tests/bench/*.[ch]
SQL = $(sort $(wildcard sql/*.sql))
UNIT = $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/*/*_test.c))

# What is done, in a word, so that a warning is not lost among the commands; V=1 shows these instead.
V ?=
say = $(if $(filter-out 0,$(V)),,@echo '$1 $2'; )
# The linker leads each call of X to the __wrap_X that one of these files has, in the daemon's own modules too.
wraps = $(foreach f,$(sort $(shell grep -oh '__wrap_[a-z0-9_]*' $1)),-Wl,--wrap=$(f:__wrap_%=%))

ASAN = -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined
TSAN = -fsanitize=thread

all: $(B)/longlined $(B)/longline stage client ## build the daemon, the tool and the page, and fetch the client file

stage: ## the page as it is served, in build/static
	@scripts/stage-page static build/static

# Not a file's rule: without npm or a network there is none, and all else is built all the same.
client: ## Socket.IO's client file from npm, into build/client, for nginx to serve
	@scripts/fetch-client build/client

$(B)/longlined: $(B)/main.o $(LIB)
	$(call say,LD,$@)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(B)/longline: $(B)/tool/main.o $(LIB)
	$(call say,LD,$@)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(TOOL_LIBS)

$(LIB): $(filter-out $(B)/main.o $(B)/tool/main.o,$(OBJ)) $(B)/files
	$(call say,AR,$@)rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)

# Written when there are other files than at the last build: of one that is gone, as in another branch, nothing is kept.
$(B)/files: FORCE | $(B)
	@echo '$(SRC) $(SQL)' | cmp -s - $@ || echo '$(SRC) $(SQL)' >$@

$(B)/%.o: fcgi/%.c Makefile | $(B)
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(STD) $(CPPFLAGS) $(CFLAGS) $(WARNINGS) $(WERROR) -MMD -MP -c -o $@ $<

# Written when the version is another one than at the last build; VERSION=1.2.0 says one.
$(B)/version: FORCE | $(B)
	@VERSION='$(VERSION)' scripts/version '$(abspath $@)'

$(B)/base/version.o: $(B)/version
$(B)/base/version.o: CPPFLAGS += -DLONGLINE_VERSION='"$(shell cat $(B)/version 2>/dev/null)"'

# The SQL files as C strings, in the order of their numbers.
$(B)/schema.c: $(SQL) scripts/embed-sql $(B)/files | $(B)
	$(call say,SQL,$@)scripts/embed-sql $(SQL) > $@.new && mv $@.new $@

$(B)/schema.o: $(B)/schema.c
	$(call say,CC,$<)$(CC) $(STD) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(B):
	@mkdir -p $@

$(B)/unit/%: tests/unit/%.c $(wildcard tests/*.h tests/unit/*.h) $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(STD) $(CPPFLAGS) -Itests/unit $(CFLAGS) $(WARNINGS) $(WERROR) $(LDFLAGS) $(call wraps,$<) -o $@ $< $(LIB) -lcmocka $(LIBS)

unit: $(UNIT) ## run the unit tests
	@scripts/unit-tests $(UNIT)

layers: ## check that includes point downward
	@scripts/layers

format: ## check the format of the C files
	@if command -v clang-format >/dev/null; then clang-format --dry-run --Werror $(C_FILES); \
	else echo "format: skipped, clang-format is not installed"; fi

warnings: build/check/longlined build/check/longline

check: warnings layers format unit replay ## seconds, for every commit: warnings, layers, format, unit tests, fuzzers' findings

# The instrumented builds, made by the same rules with another B.
ifeq ($(B),build)
asan_make = $(MAKE) --no-print-directory B=build/asan CFLAGS="-O1 -g $(ASAN)"
# One make for all programs of a folder (&:), since two at once would write the same objects.
IN_ASAN = $(addprefix build/asan/,longlined longline longlined-fault longline-fault)
IN_CHECK = $(addprefix build/check/,longlined longline)
$(IN_ASAN) &: FORCE
	@$(asan_make) $(IN_ASAN)
build/tsan/longlined: FORCE
	@$(MAKE) --no-print-directory B=build/tsan CFLAGS="-O1 -g $(TSAN)" $@
build/cover/longlined: FORCE
	@$(MAKE) --no-print-directory B=build/cover CFLAGS="-O0 -g --coverage" $@
$(IN_CHECK) &: FORCE
	@$(MAKE) --no-print-directory B=build/check CFLAGS="-O2 -g" WERROR=-Werror $(IN_CHECK)
endif

fmt: ## format the C files
	clang-format -i $(C_FILES)

clean: ## remove what was built
	rm -rf build

help: ## list the targets
	@sed -n 's/^\([a-z][a-z0-9-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

include scripts/install.mk tests/tests.mk tests/fuzz/fuzz.mk tests/bench/bench.mk

FORCE:
.PHONY: all stage client unit layers format warnings check fmt clean help FORCE
.DELETE_ON_ERROR:

-include $(OBJ:.o=.d)
