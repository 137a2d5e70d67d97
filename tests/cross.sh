#!/bin/sh
# cross.sh BUILD MACHINE... -- builds the codec and its tests for other machines and runs them in
# qemu: aarch64, armhf (32 bits), s390x (big-endian). Ends with one line a machine.
set -eu
build=$1
shift
libraries="libzstd1 libzstd-dev libxxhash0 libxxhash-dev libcmocka0 libcmocka-dev libcsv3 libcsv-dev"
failed=0
for machine in "$@"; do
    case $machine in
    aarch64) debian=arm64 triple=aarch64-linux-gnu qemu=qemu-aarch64 ;;
    armhf) debian=armhf triple=arm-linux-gnueabihf qemu=qemu-arm ;;
    s390x) debian=s390x triple=s390x-linux-gnu qemu=qemu-s390x ;;
    *)
        echo "usage: cross.sh BUILD aarch64|armhf|s390x..." >&2
        exit 2
        ;;
    esac
    here=$build/cross/$machine
    # shellcheck disable=SC2086
    sh .ci/sysroot.sh "$here" "$debian" $libraries
    root=$here/root/usr
    make --no-print-directory BUILD="$here" ONLY_CODEC=1 CFLAGS='-O2 -g' AR="$triple-ar" \
        CC="$triple-gcc -isystem $root/include -L$root/lib/$triple" test-codec
    export TEST_RUNNER="$qemu -L /usr/$triple -E LD_LIBRARY_PATH=$root/lib/$triple"
    echo "---- $machine"
    C_TESTS_ONLY=1 sh tests/run.sh "$here" || failed=1
    # shellcheck disable=SC2086
    for target in "$here"/replay/*; do
        [ -x "$target" ] || continue
        $TEST_RUNNER "$target" "tests/fuzz/corpus/$(basename "$target")" || failed=1
    done
done
exit $failed
