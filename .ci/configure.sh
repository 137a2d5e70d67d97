#!/bin/sh
# configure.sh BUILD -- finds out which optional libraries are here and writes BUILD/config.mk
# (for make) and BUILD/config.txt (for people). Called by the Makefile; CC names the compiler.
set -eu
build=$1
: "${CC:=gcc}"
mk=$build/config.mk.new
txt=$build/config.txt
defs=
histd=
histcli=
pcre2=
missing=
probe=$build/probe.$$
trap 'rm -f "$probe" "$probe.c"' EXIT

# have HEADER LIBS: does a program with this header link with these libraries?
have() {
    printf '#include <stddef.h>\n#include <stdint.h>\n#include <stdio.h>\n#include <stdarg.h>\n#include <sys/types.h>\n%s\n#include <%s>\nint main(void) { return 0; }\n' "${3:-}" "$1" >"$probe.c"
    # shellcheck disable=SC2086
    $CC -o "$probe" "$probe.c" $2 >/dev/null 2>&1
}

want() { # NAME HEADER LIBS PACKAGE WHAT-FOR PROGRAMS
    if have "$2" "$3" "${7:-}"; then
        defs="$defs -DHIST_WITH_$1"
        case " $6 " in *" histd "*) histd="$histd $3" ;; esac
        case " $6 " in *" histcli "*) histcli="$histcli $3" ;; esac
        case " $6 " in *" libhist "*) pcre2="$pcre2 $3" ;; esac
    else
        missing="$missing
  left out: $5 (install $4)"
    fi
}

for must in "zstd.h -lzstd libzstd-dev" "xxhash.h -lxxhash libxxhash-dev" "csv.h -lcsv libcsv-dev"; do
    # shellcheck disable=SC2086
    set -- "$build" $must
    if ! have "$2" "$3"; then
        echo "configure: $2 is needed and not here: install $4 (or run: make deps)" >&2
        exit 1
    fi
done
histcli="$histcli -lcsv"

want MICROHTTPD microhttpd.h -lmicrohttpd libmicrohttpd-dev "HTTP in histd" histd
want JANSSON jansson.h -ljansson libjansson-dev "reading JSON (HTTP queries, URLs in histcli)" "histd histcli"
want CURL curl/curl.h -lcurl libcurl4-openssl-dev "histcli with a URL" histcli
want EDIT histedit.h -ledit libedit-dev "line editing in histcli" histcli
want ZLIB zlib.h -lz zlib1g-dev "gzip (import .gz, export --compress gzip, HTTP bodies)" "histd histcli"
want INIH ini.h -linih libinih-dev "histd --config FILE" histd
want NETTLE nettle/sha2.h -lnettle nettle-dev "SHA-256 in export manifests" histcli
want PCRE2 pcre2.h -lpcre2-8 libpcre2-dev "regular expressions in KQL" libhist "#define PCRE2_CODE_UNIT_WIDTH 8"

{
    echo "CONFIG_DEFS :=$defs"
    echo "LIBS_HISTD :=$histd"
    echo "LIBS_HISTCLI :=$histcli"
    echo "LIBS_PCRE2 :=$pcre2"
} >"$mk"
mv "$mk" "$build/config.mk"
if [ -n "$missing" ]; then
    echo "built with what is here;$missing" >"$txt"
else
    echo "built with every optional library" >"$txt"
fi
