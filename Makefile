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
HISTD_OBJ   := $(HISTD_SRC:%.c=$(OBJ)/%.o)
HISTCLI_OBJ := $(HISTCLI_SRC:%.c=$(OBJ)/%.o)

TEST_SRC     := $(wildcard tests/test_*.c)
SUPPORT_SRC  := $(wildcard tests/support/*.c)
SUPPORT_OBJ  := $(SUPPORT_SRC:%.c=$(OBJ)/%.o)
TESTS        := $(TEST_SRC:tests/%.c=$(BUILD)/tests/%)
BENCH_SRC    := $(wildcard bench/*.c)
BENCHES      := $(BENCH_SRC:bench/%.c=$(BUILD)/bench/%)

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

$(BUILD)/histd: $(HISTD_OBJ) $(FORMATS_OBJ) $(BUILD)/libhist.a
	$(call say,LD,$@)$(CC) $(HIST_LDFLAGS) $(LDFLAGS) -o $@ $(HISTD_OBJ) $(FORMATS_OBJ) $(BUILD)/libhist.a $(LIB_LIBS) $(LIBS_HISTD)

$(BUILD)/histcli: $(HISTCLI_OBJ) $(FORMATS_OBJ) $(BUILD)/libhist.a
	$(call say,LD,$@)$(CC) $(HIST_LDFLAGS) $(LDFLAGS) -o $@ $(HISTCLI_OBJ) $(FORMATS_OBJ) $(BUILD)/libhist.a $(LIB_LIBS) $(LIBS_HISTCLI)

$(BUILD)/tests/%: $(OBJ)/tests/%.o $(SUPPORT_OBJ) $(FORMATS_OBJ) $(BUILD)/libhist.a
	$(call say,LD,$@)mkdir -p $(@D) && $(CC) $(HIST_LDFLAGS) $(LDFLAGS) -o $@ $< $(SUPPORT_OBJ) $(FORMATS_OBJ) $(BUILD)/libhist.a $(LIB_LIBS) $(LIBS_HISTCLI) -lcmocka

$(BUILD)/bench/%: $(OBJ)/bench/%.o $(FORMATS_OBJ) $(BUILD)/libhist.a
	$(call say,LD,$@)mkdir -p $(@D) && $(CC) $(HIST_LDFLAGS) $(LDFLAGS) -o $@ $< $(FORMATS_OBJ) $(BUILD)/libhist.a $(LIB_LIBS) $(LIBS_HISTCLI)

.PRECIOUS: $(OBJ)/%.o

.PHONY: clean
clean:
	rm -rf $(BUILD)

-include $(shell find $(OBJ) -name '*.d' 2>/dev/null)
