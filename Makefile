# Lotse: build, test, install. `make help` says what there is.
#
# Everything that is made goes to $(BUILD). A variant is one way to compile all folders:
#
#   release   what is installed                     $(BUILD)/lotse
#   asan      AddressSanitizer and UBSan            $(BUILD)/asan/lotse, unit tests
#   tsan      ThreadSanitizer                       $(BUILD)/tsan/lotse, unit tests named *_threads_test.c
#   debug     for Valgrind and gdb                  $(BUILD)/debug/lotse
#   fuzz      clang with libFuzzer, ASan, UBSan     $(BUILD)/fuzz/<target>
#
# A new file needs no line here: sources are found by their folder, tests by their name.

BUILD   ?= build
PREFIX  ?= /usr/local
CC       = gcc
CLANG   ?= clang
PYTHON  ?= /usr/bin/python3
VERSION := 0.1.0

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := $(BUILD)/lotse

# ---------------------------------------------------------------------------- the house

FOLDERS := base sip stun resolver registrar federation gateway

# What a folder stands on, itself included (docs: "who may include whom").
NEEDS_base       := base
NEEDS_sip        := sip base
NEEDS_stun       := stun base
NEEDS_resolver   := resolver base
NEEDS_registrar  := registrar sip base
NEEDS_federation := federation registrar resolver sip base
NEEDS_gateway    := gateway federation registrar resolver stun sip base

PACKAGES := jansson libcares libcurl libuv libxxhash lmdb openssl yaml-0.1

# Asked once, and only when something is compiled: the packages may not be there before `make demo` has installed them.
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell pkg-config --cflags $(PACKAGES)))$(PKG_CFLAGS)
PKG_LIBS   = $(eval PKG_LIBS := $$(shell pkg-config --libs $(PACKAGES)))$(PKG_LIBS)

# ---------------------------------------------------------------------------- flags

WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	-Wpointer-arith -Wvla -Wformat=2 -Wundef -Wwrite-strings -Wcast-qual -Wredundant-decls \
	-Wnested-externs -Wimplicit-fallthrough -Wdouble-promotion -Wnull-dereference
WARNINGS_gcc   := -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wjump-misses-init
WARNINGS_clang := -Wno-unknown-warning-option -Wassign-enum -Wcomma -Wunreachable-code

STANDARD := -std=gnu11 -D_GNU_SOURCE -I.
HARDEN   := -fPIE -fstack-protector-strong -fstack-clash-protection
LINK     := -pie -pthread -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed

ifeq ($(shell uname -m),x86_64)
HARDEN   += -fcf-protection
endif

VARIANTS := release asan tsan debug fuzz

CC_release := $(CC)
CC_asan    := $(CC)
CC_tsan    := $(CC)
CC_debug   := $(CC)
CC_fuzz    := $(CLANG)

CFLAGS_release := -O2 -g $(HARDEN) -D_FORTIFY_SOURCE=2 $(WARNINGS_gcc)
CFLAGS_asan    := -O1 -g -fPIE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer $(WARNINGS_gcc)
CFLAGS_tsan    := -O1 -g -fPIE -fsanitize=thread -fno-omit-frame-pointer $(WARNINGS_gcc)
CFLAGS_debug   := -O1 -g -fPIE -fno-omit-frame-pointer $(WARNINGS_gcc)
CFLAGS_fuzz    := -O1 -g -fPIE -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer $(WARNINGS_clang)

# With a sanitizer's instrumentation gcc loses track of which pointers were checked.
CFLAGS_asan    += -Wno-null-dereference -Wno-maybe-uninitialized
CFLAGS_tsan    += -Wno-null-dereference -Wno-maybe-uninitialized

LINK_asan := -fsanitize=address,undefined
LINK_tsan := -fsanitize=thread
LINK_fuzz := -fsanitize=address,undefined

# $(call flags,variant)
flags = $(STANDARD) $(PKG_CFLAGS) -pthread $(WARNINGS) $(CFLAGS_$(1)) $(CFLAGS)

ifeq ($(V),)
Q   := @
say  = @printf '  %-7s %s\n' '$(1)' '$(2)'
else
Q   :=
say  = @:
endif

# ---------------------------------------------------------------------------- objects, libraries, the program

GIT_HASH := $(shell git rev-parse --short=10 HEAD 2>/dev/null)
LOTSE_VERSION := $(VERSION)$(if $(GIT_HASH),+g$(GIT_HASH))

# A file whose first line changes only when $(2) does, so that what depends on it is made again then and only then.
# $(call remember,file,text)
define remember
$(1): FORCE
	@mkdir -p $$(@D)
	@printf '%s\n' '$(2)' | cmp -s - $$@ || printf '%s\n' '$(2)' > $$@
endef

$(eval $(call remember,$(BUILD)/version,$(LOTSE_VERSION)))

# Objects keep the path of their source: $(BUILD)/<variant>/obj/<path>.o
define variant
$(BUILD)/$(1)/flags: FORCE
	@mkdir -p $$(@D)
	@printf '%s\n' '$$(CC_$(1)) $$(call flags,$(1))' | cmp -s - $$@ || printf '%s\n' '$$(CC_$(1)) $$(call flags,$(1))' > $$@

$(BUILD)/$(1)/obj/%.o: %.c $(BUILD)/$(1)/flags
	$$(call say,CC,$(1) $$<)
	@mkdir -p $$(@D)
	$$(Q)$$(CC_$(1)) $$(call flags,$(1)) $$(DEFINES) -MMD -MP -c $$< -o $$@

$(BUILD)/$(1)/lotse: $(BUILD)/$(1)/obj/gateway/main.o $$(call libraries,$(1),gateway)
	$$(call say,LINK,$$@)
	$$(Q)$$(CC_$(1)) $(LINK) $$(LINK_$(1)) $$(LDFLAGS) $$(filter %.o,$$^) $$(call group,$$(filter %.a,$$^)) $$(PKG_LIBS) -o $$@
endef

# $(call library,variant,folder)
define library
$(BUILD)/$(1)/lib$(2).a: $$(patsubst %.c,$(BUILD)/$(1)/obj/%.o,$$(filter-out gateway/main.c,$$(wildcard $(2)/*.c)))
	$$(call say,AR,$$@)
	$$(Q)rm -f $$@ && ar rcsD $$@ $$^
endef

# The libraries that a folder is linked with; a folder without sources has none. $(call libraries,variant,folder)
libraries = $(foreach f,$(NEEDS_$(2)),$(if $(filter-out gateway/main.c,$(wildcard $(f)/*.c)),$(BUILD)/$(1)/lib$(f).a))
group     = $(if $(1),-Wl$(comma)--start-group $(1) -Wl$(comma)--end-group)
comma    := ,

$(foreach v,$(VARIANTS),$(eval $(call variant,$(v))))
$(foreach v,$(VARIANTS),$(foreach f,$(FOLDERS),$(eval $(call library,$(v),$(f)))))

# Who prints the version is compiled again when it changes, nobody else.
VERSION_USERS := $(shell grep -ls LOTSE_VERSION $(foreach f,$(FOLDERS),$(wildcard $(f)/*.c)))
define version_user
$(BUILD)/$(1)/obj/$(2:.c=.o): $(BUILD)/version
$(BUILD)/$(1)/obj/$(2:.c=.o): private DEFINES := -DLOTSE_VERSION='"$(LOTSE_VERSION)"'
endef
$(foreach v,$(VARIANTS),$(foreach s,$(VERSION_USERS),$(eval $(call version_user,$(v),$(s)))))

$(BUILD)/lotse: $(BUILD)/release/lotse
	$(Q)cp -f $< $@

# ---------------------------------------------------------------------------- unit tests
#
# tests/unit/<folder>/<noun>_test.c is a program of its own, linked with the folder's libraries and those it stands on.
# Other .c files there, and in tests/unit, are helpers that every test of the folder may use.

UNIT_SOURCES   := $(sort $(wildcard $(if $(T),tests/unit/$(T)_test.c,tests/unit/*/*_test.c)))
THREAD_SOURCES := $(filter %_threads_test.c,$(UNIT_SOURCES))
unit_names      = $(patsubst tests/unit/%_test.c,%,$(1))
UNIT_PROGRAMS  := $(addprefix $(BUILD)/asan/unit/,$(call unit_names,$(UNIT_SOURCES)))
TSAN_PROGRAMS  := $(addprefix $(BUILD)/tsan/unit/,$(call unit_names,$(THREAD_SOURCES)))
ALLOCATORS     := malloc calloc realloc reallocarray aligned_alloc strdup strndup
WRAP           := $(addprefix -Wl$(comma)--wrap=,$(ALLOCATORS))

# $(call unit_helpers,variant,folder)
unit_helpers = $(patsubst %.c,$(BUILD)/$(1)/obj/%.o,$(filter-out %_test.c,$(wildcard tests/unit/*.c tests/unit/$(2)/*.c)))

# $(call unit_rule,variant,folder)
define unit_rule
$(BUILD)/$(1)/unit/$(2)/libhelp.a: $(call unit_helpers,$(1),$(2))
	@mkdir -p $$(@D)
	$$(Q)rm -f $$@ && ar rcsD $$@ $$^

$(BUILD)/$(1)/unit/$(2)/%: $(BUILD)/$(1)/obj/tests/unit/$(2)/%_test.o $(BUILD)/$(1)/unit/$(2)/libhelp.a $(call libraries,$(1),$(2))
	$$(call say,LINK,$$@)
	$$(Q)$$(CC_$(1)) $(LINK) $(LINK_$(1)) $(WRAP) $$(LDFLAGS) $$(filter %.o,$$^) $$(call group,$$(filter %.a,$$^)) $$(PKG_LIBS) -lcmocka -o $$@
endef
$(foreach v,asan tsan,$(foreach f,$(FOLDERS),$(eval $(call unit_rule,$(v),$(f)))))

.SECONDARY:

# ---------------------------------------------------------------------------- fuzz targets
#
# tests/fuzz/<folder>_<noun>.c is a program of its own. A line `corpus: DIR...` in its first comment names where inputs to begin with lie.

FUZZ_SECONDS  ?= 60
FUZZ_SOURCES  := $(sort $(wildcard tests/fuzz/$(if $(T),$(T),*).c))
FUZZ_PROGRAMS := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(FUZZ_SOURCES))

define fuzz_rule
$(BUILD)/fuzz/$(1)_%: $(BUILD)/fuzz/obj/tests/fuzz/$(1)_%.o $(call libraries,fuzz,$(1))
	$$(call say,LINK,$$@)
	$$(Q)$$(CC_fuzz) $(LINK) -fsanitize=fuzzer,address,undefined $$(LDFLAGS) $$(filter %.o,$$^) $$(call group,$$(filter %.a,$$^)) $$(PKG_LIBS) -o $$@
endef
$(foreach f,$(FOLDERS),$(eval $(call fuzz_rule,$(f))))

# ---------------------------------------------------------------------------- what people type

RUN = BUILD='$(BUILD)' $(PYTHON) tests/run.py

.PHONY: help all unit tsan lint fuzz fuzz-smoke system test test-long demo install uninstall clean format \
	unit-programs tsan-programs fuzz-programs programs packages FORCE
FORCE:

help: ## this list
	@echo 'Lotse $(LOTSE_VERSION). In a hurry: `make demo`, then README.md.'
	@echo
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/\1\t\2/p' $(firstword $(MAKEFILE_LIST)) | while IFS="$$(printf '\t')" read -r name text; do \
		printf '  make %-12s %s\n' "$$name" "$$text"; done
	@echo
	@echo 'Variables: BUILD=$(BUILD) PREFIX=$(PREFIX) DESTDIR= CFLAGS= LDFLAGS= V=1 (show commands)'

demo: ## install what is missing, build, and show a call between two providers
	@tests/setup/install.sh build demo
	@$(MAKE) --no-print-directory -j$$(nproc) $(BUILD)/lotse
	@LOTSE='$(abspath $(BUILD)/lotse)' tests/demo/run

test: ## install what is missing, build, lint, and run every test; ends with "N passed, N failed"
	@tests/setup/install.sh build demo test
	@$(RUN) all

test-long: ## the same with the long tests in full
	@tests/setup/install.sh build demo test
	@LOTSE_LONG=1 $(RUN) all

all: $(BUILD)/lotse unit-programs tsan-programs fuzz-programs ## build everything, run nothing

unit: ## unit tests under ASan and UBSan (T=sip/uri: one of them)
	@$(RUN) unit $(T)

tsan: ## unit tests with threads under ThreadSanitizer (T=base/mailbox_threads)
	@$(RUN) tsan $(T)

system: ## the whole program among real counterparts (T=expression: as pytest -k)
	@T='$(T)' $(RUN) system

fuzz: ## fuzz each target for FUZZ_SECONDS=60 (T=sip_message: one of them)
	@FUZZ_SECONDS='$(FUZZ_SECONDS)' $(RUN) fuzz $(T)

fuzz-smoke: ## each fuzz target over its corpus and two seconds more
	@$(RUN) fuzz-smoke $(T)

lint: ## second compiler, clang-format, clang-tidy, cppcheck, order of folders (T=order: one of them)
	@$(RUN) lint $(T)

format: ## let clang-format settle our own C files (T='sip/*.c': those)
	@clang-format -i $(if $(T),$(wildcard $(T)),$(wildcard $(foreach f,$(FOLDERS) tests/unit tests/unit/* tests/fuzz tests/system,$(f)/*.[ch])))

packages: ## install the Debian packages that building, demo and tests need
	@tests/setup/install.sh build demo test

install: $(BUILD)/lotse ## install below $(DESTDIR)$(PREFIX)
	install -d '$(DESTDIR)$(PREFIX)/bin' '$(DESTDIR)$(PREFIX)/share/doc/lotse/examples'
	install -m 755 $(BUILD)/lotse '$(DESTDIR)$(PREFIX)/bin/lotse'
	$(if $(wildcard README.md LICENSE docs/*.md),install -m 644 $(wildcard README.md LICENSE docs/*.md) '$(DESTDIR)$(PREFIX)/share/doc/lotse/')
	$(if $(wildcard docs/examples/*),install -m 644 $(wildcard docs/examples/*) '$(DESTDIR)$(PREFIX)/share/doc/lotse/examples/')

uninstall: ## remove what install installed
	rm -f '$(DESTDIR)$(PREFIX)/bin/lotse'
	rm -rf '$(DESTDIR)$(PREFIX)/share/doc/lotse'

clean: ## remove $(BUILD)
	rm -rf '$(BUILD)'

unit-programs: $(UNIT_PROGRAMS)
tsan-programs: $(TSAN_PROGRAMS)
fuzz-programs: $(FUZZ_PROGRAMS)
programs: $(BUILD)/lotse $(foreach v,asan tsan debug,$(BUILD)/$(v)/lotse)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
