#!/bin/sh
# reduce.sh BUILD SEEDS TARGET... -- makes tests/fuzz/corpus/TARGET anew of SEEDS/TARGET, what campaigns
# left in BUILD/corpus/TARGET and what was there before: the small inputs that reach every edge that
# those reach, named by their hashes. Inputs called found_* were findings once and stay.
set -eu
build=$1
seeds=$2
shift 2
for target in "$@"; do
    corpus=tests/fuzz/corpus/$target
    made=$build/reduced/$target
    found=$build/reduced/$target.found
    rm -rf "$made" "$found"
    mkdir -p "$made" "$build/corpus/$target" "$corpus"
    cp -r "$build/corpus/$target" "$found" # A campaign may go on there.
    if [ "$target" = squeeze ]; then # zstd counts no edges: all seeds stay.
        for file in "$seeds/$target"/*; do
            cp "$file" "$made/$(sha1sum "$file" | cut -d ' ' -f 1)"
        done
    fi
    "$build/fuzz/$target" -merge=1 -use_counters=0 -max_len=2048 "$made" "$seeds/$target" \
        "$found" "$corpus" >"$build/reduce-$target.log" 2>&1 || {
        tail -n 40 "$build/reduce-$target.log"
        exit 1
    }
    find "$corpus" -type f ! -name 'found_*' -delete
    cp "$made"/* "$corpus"
    printf '%-12s %4d inputs, %7d bytes\n' "$target" "$(ls "$corpus" | wc -l)" "$(cat "$corpus"/* | wc -c)"
done
