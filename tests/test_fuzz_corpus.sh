#!/bin/sh
# test_fuzz_corpus.sh BUILD -- every fuzz target over its corpus, whole, cut and with bytes changed.
# `make fuzz` lets the fuzzers themselves run.
set -u
build=$1
passed=0
failed=0
for source in tests/fuzz/fuzz_*.c; do
    name=$(basename "$source" .c | sed 's/^fuzz_//')
    if [ ! -d "tests/fuzz/corpus/$name" ]; then
        failed=$((failed + 1))
        echo "not ok: $name has no corpus"
    elif timeout 300 "$build/replay/$name" "tests/fuzz/corpus/$name" >"$build/replay/$name.log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "not ok: $name"
        tail -n 20 "$build/replay/$name.log"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
