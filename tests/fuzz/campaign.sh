#!/bin/sh
# campaign.sh BUILD LIMIT TARGET... -- runs fuzz targets one after another, each until LIMIT (an option of
# libFuzzer), and prints a line for each: executions, executions a second, edges covered. A finding ends
# the campaign; the input that made it is in BUILD/found.
set -u
build=$1
limit=$2
shift 2
mkdir -p "$build/found"
for target in "$@"; do
    mkdir -p "$build/corpus/$target" "tests/fuzz/corpus/$target"
    log=$build/fuzz-$target.log
    "$build/fuzz/$target" "$limit" -rss_limit_mb=2048 -print_final_stats=1 -max_len=4096 -entropic_scale_per_exec_time=1 \
        -artifact_prefix="$build/found/$target-" "$build/corpus/$target" "tests/fuzz/corpus/$target" \
        >"$log" 2>&1
    status=$?
    awk -v name="$target" '
        /number_of_executed_units/ { runs = $2 }
        /average_exec_per_sec/ { speed = $2 }
        { for (i = 1; i < NF; i++) { if ($i == "cov:") { edges = $(i + 1) } } }
        END { printf "%-12s %9d executions, %6d a second, %5d edges\n", name, runs, speed, edges }' "$log"
    if [ "$status" -ne 0 ]; then
        tail -n 40 "$log"
        exit 1
    fi
done
