# Makefile -- build, test and install the historian. `make help` lists the targets.
#
#   BUILD=dir   where everything that is made goes (default: build)
#   CC=clang    another compiler; CFLAGS, CPPFLAGS, LDFLAGS are honoured, not overwritten
#   SAN=address,undefined   sanitizers; DEBUG=1 assertions and no optimisation
#   V=1         show the commands

BUILD   ?= build
PREFIX  ?= /usr/local
CC      := $(if $(filter default,$(origin CC)),gcc,$(CC))
CFLAGS  ?= -O2 -g
AR      ?= ar
Q       := $(if $(V),,@)
comma   := ,
space   := $(subst ,, )
say      = $(if $(V),,@printf '  %-8s %s\n' '$(1)' '$(2)';)

SO_VERSION := 0

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
	-Wold-style-definition -Wvla -Wundef -Wwrite-strings -Wpointer-arith -Wformat=2 \
	-Wdouble-promotion -Wimplicit-fallthrough -fno-common
HIST_CFLAGS := -std=c11 -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -D_FILE_OFFSET_BITS=64 -Ilibhist -Ilibhist/include -I. \
	-I$(BUILD)/gen -ffp-contract=off -fno-math-errno -fno-strict-aliasing -fPIC -pthread -MMD -MP $(WARN) $(if $(WERROR),-Werror)
HIST_LDFLAGS := -pthread
ifneq ($(SAN),)
HIST_CFLAGS  += -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
HIST_LDFLAGS += -fsanitize=$(SAN)
else
HIST_CFLAGS  += -fstack-protector-strong
endif
ifneq ($(DEBUG)$(SAN),)
else
HIST_CFLAGS  += -DNDEBUG
endif

-include $(BUILD)/config.mk

LIB_LIBS := -lzstd -lxxhash -lm $(LIBS_PCRE2)

# ---- sources, by floor -------------------------------------------------------------------------

LIB_SRC := $(filter-out %_body.c,$(wildcard libhist/base/*.c libhist/os/*.c libhist/codec/*.c \
	libhist/store/*.c libhist/query/*.c libhist/api/*.c formats/lineproto*.c))
BODY_SRC := $(wildcard libhist/*/*_body.c)
FORMATS_SRC := $(filter-out formats/lineproto%.c,$(wildcard formats/*.c))
HISTD_SRC   := $(wildcard histd/*.c)
HISTCLI_SRC := $(wildcard histcli/*.c)

# Fuzz targets of the codec.
FUZZ_CODEC := bits block body cold coldtrip fold rans roundtrip shared squeeze stream text

# Other machines (make cross) get the codec and its tests only.
ifneq ($(ONLY_CODEC),)
LIB_SRC     := $(filter libhist/base/% libhist/codec/%,$(LIB_SRC))
BODY_SRC    := $(filter libhist/codec/%,$(BODY_SRC))
FORMATS_SRC :=
endif

# A file NAME_body.c is one plain C body built once for each CPU variant, with HI_VARIANT set.
MACHINE := $(shell $(CC) -dumpmachine)
ifneq ($(filter x86_64%,$(MACHINE)),)
VARIANTS := base avx2 avx512
else
VARIANTS := base
endif
VARIANT_base   :=
VARIANT_avx2   := -mavx2 -mfma -mbmi -mbmi2
VARIANT_avx512 := -mavx512f -mavx512dq -mavx512bw -mavx512vl -mavx2 -mfma -mbmi -mbmi2 -mprefer-vector-width=512

OBJ := $(BUILD)/obj
BODY_OBJ := $(foreach v,$(VARIANTS),$(BODY_SRC:%_body.c=$(OBJ)/%_body_$(v).o))
LIB_OBJ  := $(LIB_SRC:%.c=$(OBJ)/%.o) $(BODY_OBJ)
FORMATS_OBJ := $(FORMATS_SRC:%.c=$(OBJ)/%.o)
# histd writes answers and reads no files: it needs no libcsv.
HISTD_FORMATS_OBJ := $(filter-out %/csv_read.o %/csv_table.o,$(FORMATS_OBJ))
HISTD_OBJ   := $(HISTD_SRC:%.c=$(OBJ)/%.o)
HISTCLI_OBJ := $(HISTCLI_SRC:%.c=$(OBJ)/%.o)

TEST_SRC     := $(wildcard tests/test_*.c)
SUPPORT_SRC  := $(wildcard tests/support/*.c)
ifneq ($(ONLY_CODEC),)
# The model of folds adds up in 128 bits, which 32-bit machines do not have.
FOLD_SRC     := $(if $(filter arm-%,$(MACHINE)),,tests/test_fold.c)
TEST_SRC     := $(filter tests/test_codec%.c tests/test_cold%.c $(FOLD_SRC) tests/test_wide.c,$(TEST_SRC))
SUPPORT_SRC  := tests/support/codec_columns.c tests/support/fuzz_codec.c tests/support/fuzz_values.c
endif
SUPPORT_OBJ  := $(SUPPORT_SRC:%.c=$(OBJ)/%.o)
TESTS        := $(TEST_SRC:tests/%.c=$(BUILD)/tests/%)
# bench_*.c are benchmarks; what else is in bench/ are tools they and the quickstart use.
BENCHES      := $(patsubst bench/%.c,$(BUILD)/bench/%,$(wildcard bench/bench_*.c))
BENCH_TOOLS  := $(patsubst bench/%.c,$(BUILD)/bench/%,$(filter-out bench/bench_%,$(wildcard bench/*.c)))
BENCH_COLUMNS_OBJ := $(patsubst %.c,$(OBJ)/%.o,$(wildcard bench/columns/*.c))

.PHONY: all
all: $(BUILD)/histd $(BUILD)/histcli $(BUILD)/libhist.a $(BUILD)/libhist.so
	$(Q)cat $(BUILD)/config.txt

# ---- what this machine has ---------------------------------------------------------------------

$(BUILD)/config.mk: .ci/configure.sh Makefile
	$(Q)mkdir -p $(BUILD)
	$(Q)CC="$(CC)" sh .ci/configure.sh $(BUILD)

# ---- objects -----------------------------------------------------------------------------------

$(OBJ)/libhist/%.o: libhist/%.c $(BUILD)/config.mk
	$(call say,CC,$<)mkdir -p $(@D) && $(CC) $(HIST_CFLAGS) -fvisibility=hidden $(CPPFLAGS) $(CONFIG_DEFS) $(CFLAGS) -c -o $@ $<

# The part of formats/ that is in the library shows nothing of itself outside it.
$(filter $(OBJ)/formats/%,$(LIB_OBJ)): $(OBJ)/formats/%.o: formats/%.c $(BUILD)/config.mk
	$(call say,CC,$<)mkdir -p $(@D) && $(CC) $(HIST_CFLAGS) -fvisibility=hidden $(CPPFLAGS) $(CONFIG_DEFS) $(CFLAGS) -c -o $@ $<

define variant_rule
$(OBJ)/%_body_$(1).o: %_body.c $(BUILD)/config.mk
	$$(call say,CC,$$< ($(1)))mkdir -p $$(@D) && $(CC) $(HIST_CFLAGS) -fvisibility=hidden $(CPPFLAGS) $(CFLAGS) $(if $(DEBUG),,-O3) $(VARIANT_$(1)) -DHI_VARIANT=$(1) -c -o $$@ $$<
endef
$(foreach v,$(VARIANTS),$(eval $(call variant_rule,$(v))))

$(OBJ)/%.o: %.c $(BUILD)/config.mk
	$(call say,CC,$<)mkdir -p $(@D) && $(CC) $(HIST_CFLAGS) $(CPPFLAGS) $(CONFIG_DEFS) $(CFLAGS) -c -o $@ $<

# ---- libraries and programs --------------------------------------------------------------------

$(BUILD)/libhist.a: $(LIB_OBJ)
	$(call say,AR,$@)rm -f $@ && $(AR) rcs $@ $(LIB_OBJ)

$(BUILD)/libhist.so: $(LIB_OBJ)
	$(call say,LD,$@)$(CC) $(HIST_LDFLAGS) $(LDFLAGS) -shared -Wl,-soname,libhist.so.$(SO_VERSION) -Wl,-z,relro,-z,now -o $@ $(LIB_OBJ) $(LIB_LIBS)

$(BUILD)/histd: $(HISTD_OBJ) $(HISTD_FORMATS_OBJ) $(BUILD)/libhist.a
	$(call say,LD,$@)$(CC) $(HIST_LDFLAGS) $(LDFLAGS) -o $@ $(HISTD_OBJ) $(HISTD_FORMATS_OBJ) $(BUILD)/libhist.a $(LIB_LIBS) $(LIBS_HISTD)

$(BUILD)/histcli: $(HISTCLI_OBJ) $(FORMATS_OBJ) $(BUILD)/libhist.a
	$(call say,LD,$@)$(CC) $(HIST_LDFLAGS) $(LDFLAGS) -o $@ $(HISTCLI_OBJ) $(FORMATS_OBJ) $(BUILD)/libhist.a $(LIB_LIBS) $(LIBS_HISTCLI)

$(BUILD)/tests/%: $(OBJ)/tests/%.o $(SUPPORT_OBJ) $(FORMATS_OBJ) $(BUILD)/libhist.a
	$(call say,LD,$@)mkdir -p $(@D) && $(CC) $(HIST_LDFLAGS) $(LDFLAGS) -o $@ $< $(SUPPORT_OBJ) $(FORMATS_OBJ) $(BUILD)/libhist.a $(LIB_LIBS) $(LIBS_HISTCLI) -lcmocka

$(BUILD)/bench/bench_columns: $(BENCH_COLUMNS_OBJ)
$(BUILD)/bench/%: $(OBJ)/bench/%.o $(FORMATS_OBJ) $(BUILD)/libhist.a
	$(call say,LD,$@)mkdir -p $(@D) && $(CC) $(HIST_LDFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(BUILD)/libhist.a $(LIB_LIBS) $(LIBS_HISTCLI)

.PRECIOUS: $(OBJ)/%.o

.PHONY: clean
clean:
	rm -rf $(BUILD)

-include $(shell find $(OBJ) $(BUILD)/fuzz -name '*.d' 2>/dev/null)

# ---- jobs --------------------------------------------------------------------------------------

.PHONY: replays help deps deps-check quickstart check test-programs run-tests asan tsan fuzz bench install lint minimal

help:
	@echo 'make                what this machine can build: $(BUILD)/histd, histcli, libhist.a, libhist.so'
	@echo 'make quickstart     install what is missing, build, run the main job on sample data'
	@echo 'make check          install what is missing, build with assertions, run every test'
	@echo 'make bench          the benchmarks, one line a figure'
	@echo 'make bench-codec    sizes and speeds on real columns (HIST_DATA=dir; BENCH_ARGS=--quick, see bench/README.md)'
	@echo 'make asan           the C tests and the fuzz corpora under address and undefined-behaviour sanitizers'
	@echo 'make tsan           under the thread sanitizer, what uses threads: test_$(subst $(space),$(comma) test_,$(TSAN_TESTS))'
	@echo 'make fuzz           each fuzz target for FUZZ_SECONDS (default 30), or FUZZ_RUNS=n executions;'
	@echo '                    FUZZ_TARGETS="block cold" chooses'
	@echo 'make fuzz-corpus    the corpora of the codec anew, after a change of the format'
	@echo 'make kill           a thousand kill -9; make long: every test in its long form'
	@echo 'make golden         tests/golden/codec.* anew, after a change of the format'
	@echo 'make cross          the codec for aarch64, 32-bit ARM and s390x, tested in qemu'
	@echo 'make minimal        the commands of the README in a minimal Debian (root)'
	@echo 'make lint           static checks'
	@echo 'make install        DESTDIR= PREFIX=$(PREFIX)'

deps:
	@sh .ci/deps.sh run

deps-check:
	@sh .ci/deps.sh check

test-programs: all $(TESTS) replays $(BENCH_TOOLS)

replays: $(foreach t,$(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c)),$(BUILD)/replay/$(t))

run-tests: test-programs
	$(Q)sh tests/run.sh $(BUILD)

# Tests run with assertions on, in a folder of their own.
check: deps-check
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/check DEBUG=1 CFLAGS='-O1 -g' run-tests

asan: deps-check
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/asan SAN=address,undefined CFLAGS='-O1 -g' test-programs
	$(Q)C_TESTS_ONLY=1 UBSAN_OPTIONS=print_stacktrace=1 sh tests/run.sh $(BUILD)/asan
	$(Q)sh tests/test_fuzz_corpus.sh $(BUILD)/asan

# Only the programs that use threads.
TSAN_TESTS ?= chunk store crash
tsan: deps-check
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/tsan SAN=thread CFLAGS='-O1 -g' $(foreach t,$(TSAN_TESTS),$(BUILD)/tsan/tests/test_$(t))
	$(Q)sh tests/run.sh $(BUILD)/tsan $(TSAN_TESTS)

# Slow campaigns.
.PHONY: kill long
kill: all
	$(Q)ROUNDS=1000 sh tests/test_kill.sh $(BUILD)

# Every C test in its long form: more seeds, every bit, every call.
long: deps-check
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/check DEBUG=1 CFLAGS='-O1 -g' test-programs
	$(Q)HIST_LONG=1 TEST_SECONDS_MAX=7200 C_TESTS_ONLY=1 sh tests/run.sh $(BUILD)/check

# Pages that every machine must decode, and checksums of those it must make: anew after a change of
# the format or of the choice of models.
.PHONY: golden
golden: $(BUILD)/tests/test_codec_golden
	$(Q)mkdir -p tests/golden && $(BUILD)/tests/test_codec_golden write

# The codec on a 64-bit and a 32-bit ARM and on a big-endian machine, in qemu.
.PHONY: cross test-codec
cross:
	$(Q)sh .ci/deps.sh cross
	$(Q)sh tests/cross.sh $(BUILD) aarch64 armhf s390x

test-codec: $(TESTS) $(FUZZ_CODEC:%=$(BUILD)/replay/%)

# The README's commands in a minimal Debian, made with debootstrap; needs root.
minimal:
	$(Q)sh tests/minimal_debian.sh

# bench_columns has a target of its own, bench-codec: it needs real data.
bench: all $(BENCHES) $(BENCH_TOOLS)
	$(Q)bad=0; for b in $(filter-out %/bench_columns,$(BENCHES)); do $$b || bad=1; done; sh bench/bench_store.sh $(BUILD) || bad=1; exit $$bad

# The codec on real columns: HIST_DATA is the folder of columns.tar.zst, BENCH_ARGS go to bench_columns.
HIST_DATA ?= $(or $(HIST_SHARED),../shared)/data
COLUMNS   := $(BUILD)/columns

.PHONY: bench-codec
bench-codec:
	$(Q)if [ -e '$(HIST_DATA)/columns.tar.zst' ]; then \
	    $(MAKE) --no-print-directory $(COLUMNS)/IDX.tsv $(BUILD)/bench/bench_columns >&2 && \
	    $(BUILD)/bench/bench_columns $(BENCH_ARGS) $(COLUMNS); \
	else \
	    echo 'bench-codec: no $(HIST_DATA)/columns.tar.zst (set HIST_DATA): nothing was measured'; \
	fi

$(COLUMNS)/IDX.tsv: $(HIST_DATA)/columns.tar.zst
	$(call say,UNPACK,$<)rm -rf $(COLUMNS) $(COLUMNS).new && mkdir -p $(COLUMNS).new && \
	    zstd -dcq $< >$(COLUMNS).new/tar && tar -xf $(COLUMNS).new/tar -C $(COLUMNS).new && \
	    rm $(COLUMNS).new/tar && touch $(COLUMNS).new/IDX.tsv && mv $(COLUMNS).new $(COLUMNS)

# ---- fuzzing -----------------------------------------------------------------------------------

# Each target ends after FUZZ_SECONDS, or with FUZZ_RUNS=n after n executions, however long they take.
FUZZ_SECONDS ?= 30
FUZZ_RUNS    ?=
FUZZ_LIMIT   := $(if $(FUZZ_RUNS),-runs=$(FUZZ_RUNS),-max_total_time=$(FUZZ_SECONDS))
FUZZ_ALL     := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_TARGETS ?= $(FUZZ_ALL)

# Comparisons tell a fuzzer what bytes to try. Those of hot loops and encoders tell nothing, and to look at
# each takes twice the time of all else.
ifneq ($(findstring fuzzer,$(SAN)),)
FUZZ_READERS := $(patsubst %,$(OBJ)/libhist/codec/%.o,bits cold_form ints rans_freq squeeze)
$(BODY_OBJ) $(filter-out $(FUZZ_READERS) %_read.o,$(filter $(OBJ)/libhist/codec/%,$(LIB_OBJ))): \
    override CFLAGS += -fno-sanitize-coverage=trace-cmp
endif

# An archive, so that a target carries, and the fuzzer counts, no more code than it calls.
$(BUILD)/fuzz/support.a: $(SUPPORT_OBJ) $(FORMATS_OBJ)
	$(call say,AR,$@)mkdir -p $(@D) && rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/fuzz/%: tests/fuzz/fuzz_%.c $(BUILD)/fuzz/support.a $(BUILD)/libhist.a
	$(call say,LD,$@)clang $(HIST_CFLAGS) $(CONFIG_DEFS) -g -O1 -fsanitize=fuzzer,address,undefined -o $@ $< $(BUILD)/fuzz/support.a $(BUILD)/libhist.a $(LIB_LIBS) $(LIBS_HISTCLI) -lcmocka

# The same targets without a fuzzer, over their corpora: part of make check.
REPLAYS := $(FUZZ_ALL:%=$(BUILD)/replay/%)
$(BUILD)/replay/%: $(OBJ)/tests/fuzz/fuzz_%.o $(OBJ)/tests/fuzz/replay.o $(SUPPORT_OBJ) $(FORMATS_OBJ) $(BUILD)/libhist.a
	$(call say,LD,$@)mkdir -p $(@D) && $(CC) $(HIST_LDFLAGS) $(LDFLAGS) -o $@ $< $(OBJ)/tests/fuzz/replay.o $(SUPPORT_OBJ) $(FORMATS_OBJ) $(BUILD)/libhist.a $(LIB_LIBS) $(LIBS_HISTCLI) -lcmocka

fuzz:
	$(Q)sh .ci/deps.sh fuzz
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/fuzzing CC=clang SAN=address,undefined,fuzzer-no-link CFLAGS='-O1 -g' fuzz-run

.PHONY: fuzz-run
fuzz-run: $(FUZZ_TARGETS:%=$(BUILD)/fuzz/%)
	$(Q)sh tests/fuzz/campaign.sh $(BUILD) $(FUZZ_LIMIT) $(FUZZ_TARGETS)

# The corpora of the codec's targets anew: what the encoder makes of every shape of values, and what
# campaigns on this machine found, reduced to what reaches something of its own.
.PHONY: fuzz-corpus fuzz-reduce
fuzz-corpus: $(BUILD)/fuzz-seeds
	$(Q)rm -rf $(BUILD)/seeds && $(BUILD)/fuzz-seeds $(BUILD)/seeds
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/fuzzing CC=clang SAN=address,undefined,fuzzer-no-link CFLAGS='-O1 -g' SEEDS=$(BUILD)/seeds fuzz-reduce

fuzz-reduce: $(FUZZ_CODEC:%=$(BUILD)/fuzz/%)
	$(Q)sh tests/fuzz/reduce.sh $(BUILD) $(SEEDS) $(FUZZ_CODEC)

$(BUILD)/fuzz-seeds: $(OBJ)/tests/fuzz/seeds.o $(SUPPORT_OBJ) $(FORMATS_OBJ) $(BUILD)/libhist.a
	$(call say,LD,$@)$(CC) $(HIST_LDFLAGS) $(LDFLAGS) -o $@ $< $(SUPPORT_OBJ) $(FORMATS_OBJ) $(BUILD)/libhist.a $(LIB_LIBS) $(LIBS_HISTCLI) -lcmocka

# ---- install -----------------------------------------------------------------------------------

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/include $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man8 $(DESTDIR)$(PREFIX)/share/man/man3 $(DESTDIR)$(PREFIX)/lib/systemd/system
	install -m 755 $(BUILD)/histd $(BUILD)/histcli $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(BUILD)/libhist.a $(DESTDIR)$(PREFIX)/lib
	install -m 755 $(BUILD)/libhist.so $(DESTDIR)$(PREFIX)/lib/libhist.so.$(SO_VERSION)
	ln -sf libhist.so.$(SO_VERSION) $(DESTDIR)$(PREFIX)/lib/libhist.so
	install -m 644 libhist/include/*.h $(DESTDIR)$(PREFIX)/include
	sed -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@PCRE2@|$(LIBS_PCRE2)|g' docs/install/libhist.pc.in >$(DESTDIR)$(PREFIX)/lib/pkgconfig/libhist.pc
	sed -e 's|@PREFIX@|$(PREFIX)|g' docs/install/histd.service.in >$(DESTDIR)$(PREFIX)/lib/systemd/system/histd.service
	install -m 644 docs/man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 docs/man/*.8 $(DESTDIR)$(PREFIX)/share/man/man8
	install -m 644 docs/man/*.3 $(DESTDIR)$(PREFIX)/share/man/man3

# ---- lints -------------------------------------------------------------------------------------

# What is known and meant: right shifts of negative numbers (gcc and clang keep the sign), readdir on a
# DIR of our own, and divisors that are checked by the caller.
CPPCHECK_KNOWN := --suppress=shiftTooManyBitsSigned --suppress=readdirCalled --suppress=zerodivcond

lint: deps-check
	$(Q)cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --library=posix \
	    --suppress=missingIncludeSystem $(CPPCHECK_KNOWN) --error-exitcode=1 -j2 -Ilibhist -Ilibhist/include -I. \
	    -DHI_VARIANT=base libhist formats histd histcli
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/clang CC=clang WERROR=1 CFLAGS='-O1' all

quickstart: deps
	$(Q)$(MAKE) --no-print-directory all $(BUILD)/bench/plant
	$(Q)sh docs/quickstart.sh $(BUILD)
