#!/bin/sh
# test_kill.sh BUILD -- kill -9 while acknowledged batches come in through the C API, TCP and HTTP;
# after each kill an oracle outside the store says whether an acknowledged row is missing.
#
# ROUNDS kills in all (24; HIST_LONG=1: 1000), KILL_SEED=N repeats a run. Of each three kills one
# falls into ordinary work, one into a writer that flushes and merges all the time (small budget and
# log), one into the first moments after a restart, that is into recovery.
set -u
build=$1
rounds=${ROUNDS:-24}
[ -z "${HIST_LONG:-}" ] || rounds=${ROUNDS:-1000}
seed=${KILL_SEED:-$(date +%s)}
passed=0
failed=0
skipped=0
here=$(mktemp -d)
daemon=
writer=
end() {
    for p in $writer $daemon; do kill -KILL "$p" 2>/dev/null; done
    rm -rf "$here"
}
trap end EXIT
trap 'exit 130' INT TERM

ok() {
    if [ "$2" -eq 0 ]; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "not ok: $1 (KILL_SEED=$seed0)"
    fi
}
seed0=$seed
echo "KILL_SEED=$seed0 ROUNDS=$rounds"

# A random number below $1 in $random.
draw() {
    seed=$(((seed * 1103515245 + 12345) % 2147483648))
    random=$((seed / 32768 % $1))
}
nap() {
    sleep "$(awk -v ms="$1" 'BEGIN { printf "%.3f", ms / 1000 }')"
}

pcre2=$(sed -n 's/^LIBS_PCRE2 := *//p' "$build/config.mk")
# shellcheck disable=SC2086
${CC:-gcc} -std=c11 -O1 -g -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -Ilibhist/include \
    tests/kill_writer.c "$build/libhist.a" -o "$here/kill_writer" -pthread -lzstd -lxxhash -lm $pcre2
ok "kill_writer compiles" $?

check() { # NAME OPTIONS
    # shellcheck disable=SC2086
    "$here/kill_writer" check "$here/$1" "$here/$1.acks" $2 >"$here/check.log" 2>&1
    status=$?
    [ $status -eq 0 ] || cat "$here/check.log"
    return $status
}

# Kinds of kill: 0 ordinary work, 1 flushes and merges, 2 recovery.
moment() {
    case $1 in
    2) draw 40 ;;
    *)
        draw 400
        random=$((random + 30))
        ;;
    esac
}

api_kill() { # ROUND
    kind=$(($1 % 3))
    # Stores are made small or large; a recovery kill takes turns between them.
    if [ $kind -eq 1 ] || [ $(($1 % 6)) -eq 2 ]; then name=api-small memory=8388608; else name=api memory=0; fi
    "$here/kill_writer" api "$here/$name" "$here/$name.acks" $memory 2>"$here/writer.log" &
    writer=$!
    moment $kind
    nap "$random"
    kill -KILL $writer 2>/dev/null
    wait $writer 2>/dev/null
    status=$?
    writer=
    # 137: it was killed, as it should be; anything else is a writer that gave up.
    [ $status -eq 137 ] || {
        cat "$here/writer.log"
        false
    }
    ok "api, kill $1: the writer was writing until it was killed" $?
    check $name ""
    ok "api, kill $1 after $random ms: every acknowledged row is there, batches are whole" $?
}

start_daemon() { # DIR, then flags
    dir=$1
    shift
    : >"$here/ready"
    "$build/histd" --data "$dir" "$@" >"$here/ready" 2>>"$here/histd.log" &
    daemon=$!
}

ready() {
    for _ in $(seq 1 400); do
        grep -q '^histd ready' "$here/ready" && return 0
        kill -0 "$daemon" 2>/dev/null || return 1
        sleep 0.025
    done
    return 1
}

net_kill() { # ROUND tcp|http
    kind=$(($1 % 3))
    name=$2
    flags="--tcp 127.0.0.1:0"
    if [ "$2" = http ]; then flags="$flags --http 127.0.0.1:0"; else flags="$flags --http off"; fi
    # As with the API: a store with a small budget, and one without.
    if [ $kind -eq 1 ] || [ $(($1 % 6)) -eq 2 ]; then
        name=$2-small
        flags="$flags --memory 8M"
    fi
    # shellcheck disable=SC2086
    start_daemon "$here/$name" $flags
    moment $kind
    if [ $kind -ne 2 ]; then
        ready
        ok "$2, kill $1: histd opens the store by itself" $? || return
        where=$(sed -n "s/^histd ready .*$2=\([^ ]*\).*/\1/p" "$here/ready")
        "$here/kill_writer" "$2" "$where" "$here/$name.acks" 2>"$here/writer.log" &
        writer=$!
    fi
    nap "$random"
    kill -KILL $daemon 2>/dev/null
    wait $daemon 2>/dev/null
    status=$?
    daemon=
    [ $status -eq 137 ]
    ok "$2, kill $1: histd ran until it was killed" $?
    if [ -n "$writer" ]; then
        wait $writer
        status=$?
        writer=
        [ $status -eq 0 ] || cat "$here/writer.log"
        ok "$2, kill $1: every answer was the one expected" $status
    fi
    pieces=
    [ "$2" != tcp ] || pieces=--pieces
    check "$name" "$pieces"
    ok "$2, kill $1 after $random ms: every acknowledged row is there" $?
}

# Which ways in there are: HTTP may have been left out of the build.
ways="api"
if [ -x "$build/histd" ]; then
    ways="$ways tcp"
    start_daemon "$here/probe" --tcp 127.0.0.1:0 --http 127.0.0.1:0
    ready && grep -q 'http=[0-9]' "$here/ready" && ways="$ways http"
    kill -TERM "$daemon" 2>/dev/null
    wait "$daemon" 2>/dev/null
    daemon=
fi
case $ways in
*http*) ;;
*)
    skipped=1
    echo "# SKIP kills over HTTP: histd was built without it"
    ;;
esac

start_s=$(date +%s)
round=0
while [ $round -lt "$rounds" ]; do
    for way in $ways; do
        [ $round -lt "$rounds" ] || break
        turn=$((round / $(echo "$ways" | wc -w)))
        case $way in
        api) api_kill $turn ;;
        *) net_kill $turn "$way" ;;
        esac
        round=$((round + 1))
    done
done

# Nothing of this may be quiet because nothing was written.
for way in $ways; do
    acked=$(cat "$here/$way.acks" 2>/dev/null | tail -n 1)
    [ "${acked:-0}" -gt 20 ]
    ok "$way: batches were acknowledged at all (${acked:-0})" $?
    echo "$way: ${acked:-0} batches acknowledged"
done

# The oracle itself must be able to fail: claim one batch more than there is.
echo $((acked + 5)) >>"$here/$way.acks"
! check "$way" --pieces >/dev/null
ok "a row that is missing is noticed" $?

echo "$round kills in $(($(date +%s) - start_s)) s"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
