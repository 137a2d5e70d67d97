#!/bin/sh
# sysroot.sh DIR ARCHITECTURE PACKAGE... -- unpacks Debian packages of another architecture into DIR/root,
# without their dependencies. The system's own packages, and the architectures it knows, are left
# alone: apt gets a state of its own in DIR/apt. Does nothing, and needs no network, when it was done.
set -eu
dir=$1
architecture=$2
shift 2
if [ "$(cat "$dir/unpacked" 2>/dev/null || true)" = "$*" ]; then
    exit 0
fi
rm -rf "$dir/root" "$dir/apt" "$dir/unpacked"
mkdir -p "$dir/root" "$dir/apt/lists/partial" "$dir/apt/cache/archives/partial" "$dir/apt/debs"
dir=$(cd "$dir" && pwd)
: >"$dir/apt/status"
cat >"$dir/apt/apt.conf" <<END
Dir::State "$dir/apt";
Dir::State::status "$dir/apt/status";
Dir::Cache "$dir/apt/cache";
APT::Architecture "$architecture";
APT::Architectures { "$architecture"; };
APT::Sandbox::User "$(id -un)";
Acquire::Languages "none";
END
echo "sysroot: fetching $* for $architecture"
export APT_CONFIG="$dir/apt/apt.conf"
# A mirror may lack one of several lists; what can be downloaded without it decides.
apt-get update -qq || echo "sysroot: some lists are missing" >&2
(cd "$dir/apt/debs" && apt-get download -qq "$@")
for deb in "$dir"/apt/debs/*.deb; do
    dpkg-deb -x "$deb" "$dir/root"
done
rm -rf "$dir/apt"
echo "$*" >"$dir/unpacked"
