#!/bin/sh
# test_histd.sh BUILD -- the daemon at its surfaces: TCP, HTTP, signals, exit statuses.
set -u
build=$1
if [ ! -x "$build/histd" ]; then
    echo "$build/histd is not there"
    echo "0 passed, 1 failed"
    exit 1
fi
if ! command -v python3 >/dev/null; then
    echo "skipped: python3 is not here"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
exec python3 "$(dirname "$0")/clients/histd_checks.py" "$build"
