#!/bin/sh
# test_minimal.sh BUILD -- gcc, make, zstd, xxHash and libcsv alone are enough: everything builds and
# works without the optional libraries, and the build names what was left out.
#
# The optional headers are hidden by a compiler that finds an #error in their place and refuses to
# link their libraries; the build has a folder of its own, BUILD/minimal.
set -u
build=$1
mini=$build/minimal
passed=0
failed=0
daemon=
end() {
    [ -z "$daemon" ] || kill -KILL "$daemon" 2>/dev/null
    rm -rf "$mini/store"
}
trap end EXIT
trap 'exit 130' INT TERM
ok() {
    if [ "$2" -eq 0 ]; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "not ok: $1"
    fi
}

hidden="microhttpd.h jansson.h curl/curl.h histedit.h zlib.h ini.h nettle/sha2.h pcre2.h"
libraries="microhttpd|jansson|curl|edit|z|inih|nettle|pcre2-8"
rm -rf "$mini/absent" "$mini/store"
mkdir -p "$mini/absent/curl" "$mini/absent/nettle"
absent=$(cd "$mini/absent" && pwd)
for h in $hidden; do
    echo "#error \"$h is not installed\"" >"$absent/$h"
done
cat >"$absent/cc" <<CC
#!/bin/sh
for arg in "\$@"; do
    if expr "\$arg" : '-l\($libraries\)\$' >/dev/null; then
        echo "ld: cannot find \$arg" >&2
        exit 1
    fi
done
exec ${CC:-gcc} -I"$absent" "\$@"
CC
sed -i 's/|/\\|/g' "$absent/cc"
chmod +x "$absent/cc"

run_make() {
    env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKEOVERRIDES "${MAKE_PROGRAM:-make}" --no-print-directory \
        -j2 BUILD="$mini" CC="$absent/cc" CFLAGS=-O0 DEBUG=1 "$@"
}
rm -f "$mini/config.mk"
run_make all "$mini/bench/load" >"$mini/make.log" 2>&1
ok "make builds everything without the optional libraries" $?
if [ "$failed" -ne 0 ]; then
    tail -n 30 "$mini/make.log"
    echo "$passed passed, $failed failed"
    exit 1
fi
! grep -qi 'warning:' "$mini/make.log"
ok "without a warning" $?
for f in histd histcli libhist.a libhist.so; do
    [ -e "$mini/$f" ]
    ok "$f is there" $?
done
for package in libmicrohttpd-dev libjansson-dev libcurl4-openssl-dev libedit-dev zlib1g-dev \
    libinih-dev nettle-dev libpcre2-dev; do
    grep -q "left out: .*install $package" "$mini/make.log"
    ok "the build says what $package would bring" $?
done
if command -v ldd >/dev/null 2>&1; then
    ! ldd "$mini/histd" "$mini/histcli" "$mini/libhist.so" | grep -E "lib($libraries)\.so"
    ok "no program is linked with what is hidden" $?
fi

"$mini/histd" --data "$mini/store" --tcp 127.0.0.1:0 >"$mini/ready" 2>"$mini/histd.log" &
daemon=$!
for _ in $(seq 1 200); do
    grep -q '^histd ready' "$mini/ready" && break
    sleep 0.05
done
tcp=$(sed -n 's/^histd ready tcp=\([^ ]*\).*/\1/p' "$mini/ready")
[ -n "$tcp" ]
ok "histd starts and says where it listens" $?
answer=$("$mini/bench/load" A --scale 0.01 --tcp "$tcp" 2>/dev/null)
[ "$answer" = "ok 8600 rejected 0" ]
ok "histd takes lines over TCP and acknowledges them ($answer)" $?
rows=$("$mini/histcli" "$mini/store" --format csv 'cpu | count' 2>&1 | tail -n 1)
[ "$rows" = 8600 ]
ok "histcli asks the folder while histd runs ($rows)" $?
kill -TERM "$daemon"
wait "$daemon"
ok "SIGTERM ends histd with status 0" $?
daemon=
rows=$("$mini/histcli" "$mini/store" --format csv 'cpu | summarize count() by hostname | count' 2>&1 | tail -n 1)
[ "$rows" = 100 ]
ok "histcli asks the folder afterwards ($rows)" $?

# What was left out says so, by name.
said() { # WHAT STATUS WORD COMMAND...
    what=$1 want=$2 word=$3
    shift 3
    out=$("$@" 2>&1 </dev/null)
    status=$?
    [ $status -eq "$want" ] && echo "$out" | grep -qi "$word"
    ok "$what: status $want and '$word' (status $status: $out)" $?
}
said "a URL" 3 libcurl "$mini/histcli" http://127.0.0.1:1 'print 1'
said "a regular expression" 1 pcre2 "$mini/histcli" :memory: "print 'a' matches regex 'b+'"
said "a configuration file" 2 inih "$mini/histd" --data "$mini/store" --config /dev/null
said "HTTP" 2 libmicrohttpd "$mini/histd" --data "$mini/store" --http 127.0.0.1:0

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
