#!/bin/sh
# test_embed.sh BUILD -- docs/examples/embed.c, compiled against the installed library alone.
set -u
build=$1
passed=0
failed=0
ok() {
    if [ "$2" -eq 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "not ok: $1"; fi
}
dest=$(mktemp -d)
trap 'rm -rf "$dest"' EXIT
# Only files: what is built already is installed, nothing is built anew.
${MAKE:-make} --no-print-directory BUILD="$build" DEBUG=1 CFLAGS='-O1 -g' DESTDIR="$dest" PREFIX=/usr install >"$dest/log" 2>&1
ok "make install works" $?
for f in usr/bin/histd usr/bin/histcli usr/lib/libhist.a usr/lib/libhist.so usr/include/hist.h \
    usr/lib/pkgconfig/libhist.pc usr/share/man/man1/histcli.1 usr/share/man/man8/histd.8 \
    usr/share/man/man3/libhist.3 usr/lib/systemd/system/histd.service; do
    [ -e "$dest/$f" ]
    ok "$f is installed" $?
done
cc=${CC:-gcc}
$cc -Wall -Wextra -std=c11 -I"$dest/usr/include" docs/examples/embed.c -L"$dest/usr/lib" -lhist -o "$dest/embed" 2>"$dest/cc.log"
ok "embed.c compiles against the shared library" $?
cat "$dest/cc.log"
out=$(LD_LIBRARY_PATH="$dest/usr/lib" "$dest/embed" "$dest/store" 2>&1)
ok "embed runs" $?
echo "$out"
echo "$out" | grep -q '^room 101: 1000 rows, average 22.450$'
ok "it reads back what it wrote" $?
out=$(LD_LIBRARY_PATH="$dest/usr/lib" "$dest/embed" "$dest/store" 2>&1)
echo "$out" | grep -q '^room 102: 2 rows, average 18.600$'
ok "a second run writes the same rows and they are there once" $?
if [ -n "$(command -v g++)" ]; then
    printf '#include <hist.h>\nint main() { return hist_version() == 0; }\n' >"$dest/x.cc"
    g++ -Wall -I"$dest/usr/include" "$dest/x.cc" -L"$dest/usr/lib" -lhist -o "$dest/x" 2>&1
    ok "the headers compile as C++" $?
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
