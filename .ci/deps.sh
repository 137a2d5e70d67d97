#!/bin/sh
# deps.sh run|check|fuzz|cross -- installs, through apt-get, what is missing to build and run the programs
# ("run"), also to test them ("check"), or also to fuzz them ("fuzz"), or to build for other machines and
# emulate those ("cross"). Does nothing, and needs no network, when all is here.
set -eu
run="gcc make libc6-dev libzstd-dev libxxhash-dev libcsv-dev libmicrohttpd-dev libjansson-dev
libedit-dev zlib1g-dev libcurl4-openssl-dev libinih-dev nettle-dev libpcre2-dev"
check="libcmocka-dev clang clang-tidy cppcheck python3 zstd curl mandoc"
cross="qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross gcc-arm-linux-gnueabihf libc6-dev-armhf-cross
gcc-s390x-linux-gnu libc6-dev-s390x-cross"
case "${1:-}" in
run) want=$run ;;
check) want="$run $check" ;;
fuzz) want="$run $check libclang-rt-14-dev" ;;
cross) want="make $cross" ;;
*)
    echo "usage: deps.sh run|check|fuzz|cross" >&2
    exit 2
    ;;
esac

if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "deps: this is no Debian system; needed are (by their Debian names):" $want >&2
    exit 0
fi
missing=
for package in $want; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing="$missing $package"
done
# A tool that is here without its package (a newer python, say) is good enough.
kept=
for package in $missing; do
    case $package in
    gcc | make | clang | clang-tidy | cppcheck | python3 | zstd | curl | mandoc)
        command -v "$package" >/dev/null 2>&1 && continue
        ;;
    esac
    kept="$kept $package"
done
[ -n "$kept" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null 2>&1; then
        as_root=sudo
    else
        echo "deps: missing:$kept" >&2
        echo "deps: run as root: apt-get update && apt-get install -y --no-install-recommends$kept" >&2
        exit 1
    fi
fi
echo "deps: installing$kept"
$as_root apt-get update -qq
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $kept
