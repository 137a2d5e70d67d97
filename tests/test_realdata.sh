#!/bin/sh
# test_realdata.sh BUILD -- real measurements in, asked, merged, rewritten and out again (realdata.py).
#
# The data lies beside the tree, in $HIST_SHARED (../shared); without it the test is skipped.
# HIST_LONG=1 takes all files of the families instead of some.
set -u
build=$1
archive=${HIST_SHARED:-../shared}/data/series.tar.zst
skip() {
    echo "# SKIP real data: $1"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
}
[ -e "$archive" ] || skip "$archive is not here"
command -v python3 >/dev/null || skip "python3 is not here"
command -v zstd >/dev/null || skip "zstd is not here"
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
trap 'exit 130' INT TERM
python3 tests/realdata.py "$build/histcli" "$archive" "$here"
