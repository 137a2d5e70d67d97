#!/bin/sh
# test_floors.sh -- the floors: includes go only downwards, files and functions stay short, the
# library exports hist_* names only, and no file names a machine's own paths.
set -u
build=$1
passed=0
failed=0
ok() {
    if [ "$2" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "not ok: $1"
    fi
}

files=$(find libhist formats histd histcli tests bench docs -name '*.[ch]' | sort)
# shellcheck disable=SC2086
awk -f tests/floors.awk $files
ok "every file keeps to its floor" $?

# The check itself must be able to fail.
scratch=$(mktemp -d)
mkdir -p "$scratch/libhist/codec"
printf '/* x.c -- breaks a rule. */\n#include "store/part.h"\n' >"$scratch/libhist/codec/x.c"
(cd "$scratch" && awk -f "$OLDPWD/tests/floors.awk" libhist/codec/x.c >/dev/null)
[ $? -ne 0 ]
ok "an include upwards is caught" $?
rm -rf "$scratch"

if [ -e "$build/libhist.so" ]; then
    foreign=$(nm -D --defined-only "$build/libhist.so" | awk '$3 !~ /^hist_/ {print $3}' | grep -v '^_' || true)
    [ -z "$foreign" ] || echo "exported: $foreign"
    [ -z "$foreign" ]
    ok "libhist.so exports hist_ names only" $?
fi

found=$(grep -rnE '(^|[^A-Za-z0-9_.$])/(work|root|home)/[a-z.]' libhist formats histd histcli tests bench docs README.md Makefile .ci \
    --include='*' 2>/dev/null | grep -v 'tests/test_floors.sh' | head -n 5)
[ -z "$found" ] || echo "$found"
[ -z "$found" ]
ok "no file names a path of one machine" $?

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
