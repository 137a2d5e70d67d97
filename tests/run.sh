#!/bin/sh
# run.sh BUILD [NAME...] -- runs the test programs of a build (all, or those named) and the shell
# tests, two at a time, and ends with one line: N passed, N failed, N skipped.
#
# A C test is BUILD/tests/test_NAME (cmocka); a shell test is tests/test_NAME.sh, called with BUILD,
# and ends with such a line itself. TEST_RUNNER is put before a C test (an emulator). A test that dies, hangs or prints no count is one failure.
set -u
build=$1
shift
logs=$build/test-logs
rm -rf "$logs"
mkdir -p "$logs"
limit=${TEST_SECONDS_MAX:-600}

if [ $# -eq 0 ]; then
    set -- $(for f in "$build"/tests/test_*; do [ -x "$f" ] && [ ! -d "$f" ] && basename "$f" | sed 's/^test_//'; done)
    [ -n "${C_TESTS_ONLY:-}" ] ||
        set -- "$@" $(for f in tests/test_*.sh; do [ -e "$f" ] && basename "$f" .sh | sed 's/^test_//'; done)
fi

one() {
    name=$1
    log=$logs/$name.log
    start=$(date +%s)
    if [ -x "$build/tests/test_$name" ]; then
        CMOCKA_MESSAGE_OUTPUT=TAP timeout "$limit" ${TEST_RUNNER:-} "$build/tests/test_$name" >"$log" 2>&1
        status=$?
        # cmocka writes "not ok N # SKIP" for a test that was skipped.
        skipped=$(grep -cE '^(not )?ok [0-9]+ # SKIP' "$log")
        failed=$(grep '^not ok' "$log" | grep -cv '# SKIP')
        passed=$(grep '^ok' "$log" | grep -cv '# SKIP')
    else
        timeout "$limit" sh "tests/test_$name.sh" "$build" >"$log" 2>&1
        status=$?
        last=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1)
        passed=$(echo "$last" | sed -n 's/^\([0-9]*\) passed.*/\1/p')
        failed=$(echo "$last" | sed -n 's/.* \([0-9]*\) failed.*/\1/p')
        skipped=$(echo "$last" | sed -n 's/.* \([0-9]*\) skipped.*/\1/p')
        passed=${passed:-0} failed=${failed:-0} skipped=${skipped:-0}
    fi
    if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then
        failed=1
        echo "(ended with status $status)" >>"$log"
    elif [ $((passed + failed + skipped)) -eq 0 ]; then
        failed=1
        echo "(ran no test)" >>"$log"
    fi
    echo "$passed $failed $skipped" >"$logs/$name.count"
    printf '%-24s %5d passed %3d failed %3d skipped  %4d s\n' "$name" "$passed" "$failed" \
        "$skipped" $(($(date +%s) - start))
    if [ "$failed" -ne 0 ]; then
        echo "---- $name (the last lines of $log)"
        grep -vE '^ok' "$log" | tail -n 40
        echo "----"
    fi
    grep -hE '^# SKIP|^SKIP|^skip(ped)?:| agree \(' "$log" | head -n 5
}

running=0
for name in "$@"; do
    one "$name" &
    running=$((running + 1))
    if [ "$running" -ge "${TEST_JOBS:-2}" ]; then
        wait
        running=0
    fi
done
wait
cat "$logs"/*.count | awk '{p += $1; f += $2; s += $3}
    END {printf "%d passed, %d failed, %d skipped\n", p, f, s; exit f != 0 || p == 0}'
