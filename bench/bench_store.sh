#!/bin/sh
# bench_store.sh BUILD -- what the daemon costs: CPU, disk, memory, time to open; a figure a line.
#
# Each workload (bench/load.c) goes over TCP into a histd with an empty folder. The CPU counted is the
# daemon's until it is quiet again, plus that of sealing and merging what it still holds in memory
# (histcli compact, after the daemon has ended): from bytes on the wire to merged parts. The stream is
# over when the daemon has answered `ok`, that is when all of it is on stable storage.
# BENCH_SCALE=0.1 shortens it. Needs /proc.
set -eu
build=$1
scale=${BENCH_SCALE:-1}
here=$(mktemp -d "${TMPDIR:-/tmp}/bench_store.XXXXXX")
daemon=
end() {
    rm -f "$here/loading"
    [ -z "$daemon" ] || kill -KILL "$daemon" 2>/dev/null || true
    wait
    rm -rf "$here"
}
trap end EXIT
trap 'exit 130' INT TERM
ticks=$(getconf CLK_TCK)
limit=${BENCH_SECONDS_MAX:-120} # Of one load, or one rewrite: something that hangs is an error.

say() { # WHAT VALUE UNIT
    printf '%-58s %12s %s\n' "$1" "$2" "$3"
}
calc() { # FORMAT EXPRESSION
    awk "BEGIN { printf \"$1\", $2 }"
}
cpu_ticks() {
    sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }'
}
anon_kib() {
    awk '/^RssAnon/ { print $2 }' "/proc/$1/status"
}

# Starts histd on $1; $tcp is its port, $open_ms the time until it was ready.
start() {
    rm -f "$here/fifo"
    mkfifo "$here/fifo"
    from=$(date +%s%N)
    "$build/histd" --data "$1" --tcp 127.0.0.1:0 --http off >"$here/fifo" 2>>"$here/histd.log" &
    daemon=$!
    read -r line <"$here/fifo" || line=
    open_ms=$(calc '%.1f' "($(date +%s%N) - $from) / 1e6")
    tcp=$(echo "$line" | sed -n 's/^histd ready tcp=\([^ ]*\).*/\1/p')
    [ -n "$tcp" ] || {
        tail -n 3 "$here/histd.log" >&2
        exit 1
    }
}

# Until the daemon has used less than 2 ticks in half a second, twice.
quiet() {
    calm=0
    while [ $calm -lt 2 ]; do
        before=$(cpu_ticks "$daemon")
        sleep 0.5
        after=$(cpu_ticks "$daemon")
        if [ $((after - before)) -lt 2 ]; then calm=$((calm + 1)); else calm=0; fi
    done
}

# Samples private memory until the file $here/loading is gone.
watch_memory() {
    most=0
    while [ -e "$here/loading" ]; do
        now=$(anon_kib "$daemon" 2>/dev/null || echo 0)
        [ "${now:-0}" -le "$most" ] || most=$now
        sleep 0.05
    done
    echo "$most" >"$here/peak"
}

stop() {
    kill -TERM "$daemon"
    wait "$daemon"
    daemon=
}

# Runs a command; its CPU seconds in $child_cpu. `times` prints, for the children of the shell that
# asks, 0m1.234s 0m0.100s in its second line.
with_cpu() {
    (
        timeout "$limit" "$@" >"$here/command.log" 2>&1 || {
            echo "bench_store: $* failed" >&2
            tail -n 3 "$here/command.log" >&2
            exit 1
        }
        times >"$here/times"
    ) || exit 1
    child_cpu=$(awk 'END { for (i = 1; i <= 2; i++) { split($i, t, /[ms]/); s += t[1] * 60 + t[2] } print s + 0.001 }' "$here/times")
}

# Files that a rewrite has replaced stay for one generation more; they are in "all files" only.
disk() { # NAME DIR VALUES
    data=$("$build/histcli" info "$2" | awk '/^  (part|catalog) bytes/ { sum += $3 } END { print sum }')
    all=$(stat -c %s "$2"/* | awk '{ sum += $1 } END { print sum }')
    say "$1: parts and catalog" "$(calc '%.3f' "$data / $3")" "bytes/value"
    say "$1: all files, log and reserve preallocated" "$(calc '%.3f' "$all / $3")" "bytes/value"
}

# NAME WORKLOAD TABLE VALUES-PER-LINE UNIT [load options]
measure() {
    name=$1 kind=$2 table=$3 per_line=$4 unit=$5
    shift 5
    store=$here/store
    rm -rf "$store"
    start "$store"
    touch "$here/loading"
    watch_memory &
    watcher=$!
    answer=$(timeout "$limit" "$build/bench/load" "$kind" --scale "$scale" "$@" --tcp "$tcp" 2>"$here/sent") || {
        rm -f "$here/loading"
        echo "bench_store: $name was not loaded within $limit s; histd says:" >&2
        tail -n 3 "$here/histd.log" >&2
        exit 1
    }
    rm -f "$here/loading"
    wait $watcher
    read -r lines _ bytes _ seconds _ <"$here/sent"
    [ "$answer" = "ok $lines rejected 0" ] || {
        echo "bench_store: $name: sent $lines lines, histd says: $answer" >&2
        exit 1
    }
    say "$name: over TCP until acknowledged" "$(calc '%.2f' "$lines / $seconds / 1e6")" "M lines/s ($(calc '%.0f' "$bytes / $seconds / 1e6") MB/s)"
    quiet
    daemon_cpu=$(calc '%.3f' "$(cpu_ticks "$daemon") / $ticks")
    say "$name: private memory, most while loading" "$(calc '%.1f' "$(cat "$here/peak") / 1024")" "MiB"
    stop
    with_cpu "$build/histcli" compact "$store"
    values=$(calc '%.0f' "$lines * $per_line")
    say "$name: ingest, daemon CPU until quiet" "$(calc '%.2f' "$values / $daemon_cpu / 1e6")" "M $unit/CPU-s"
    say "$name: ingest, and sealed and merged" "$(calc '%.2f' "$values / ($daemon_cpu + $child_cpu) / 1e6")" "M $unit/CPU-s"
    disk "$name, warm" "$store" "$values"
    rows=$("$build/histcli" "$store" --format csv "$table | count" | tail -n 1)
    [ "$rows" = "$lines" ] || {
        echo "bench_store: $name: sent $lines rows, found $rows" >&2
        exit 1
    }
}

cold() { # NAME: of the store that was measured last
    with_cpu "$build/histcli" compact "$store" --cold
    disk "$1, cold" "$store" "$values"
    say "$1: cold rewrite" "$(calc '%.2f' "$values / $child_cpu / 1e6")" "M values/CPU-s"
}

# NAME WORKLOAD: kill -9 right after the last acknowledgement, then open.
reopen() {
    store=$here/store
    rm -rf "$store"
    start "$store"
    timeout "$limit" "$build/bench/load" "$2" --scale "$scale" --tcp "$tcp" >/dev/null 2>&1
    kill -KILL "$daemon"
    wait "$daemon" 2>/dev/null || true
    start "$store"
    say "$1: from start to ready after kill -9" "$open_ms" "ms"
    stop
}

start "$here/idle"
sleep 1
say "idle daemon: private memory" "$(calc '%.1f' "$(anon_kib "$daemon") / 1024")" "MiB"
say "idle daemon: from start to ready, new store" "$open_ms" "ms"
stop

measure A A cpu 10 values
cold A
measure "A shuffled" A cpu 10 values --shuffle
reopen A A
measure B B gauge 1 lines
cold B
reopen B B
# The last, because of what it asks of the memory budget: a million series at once.
measure C C meter 1 points
reopen C C
echo "all rows that were sent were found"
