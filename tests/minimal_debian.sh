#!/bin/sh
# minimal_debian.sh [SUITE] -- the README's commands on a Debian that has nothing but git and make.
#
#     make minimal        as root; needs debootstrap, a Debian mirror, and about 2 GB under TMPDIR
#
# Installs a minimal Debian (SUITE, default bookworm) into a temporary folder, clones this repository
# there and runs `make quickstart`, `make` and `make check` inside it, as somebody would who has just
# found the project. MIRROR names another mirror, KEEP=1 keeps the folder.
set -eu
suite=${1:-bookworm}
mirror=${MIRROR:-} # empty: the one debootstrap knows
[ "$(id -u)" = 0 ] || {
    echo "minimal_debian: debootstrap and chroot need root" >&2
    exit 1
}
command -v debootstrap >/dev/null || {
    echo "minimal_debian: debootstrap is missing: apt-get install debootstrap" >&2
    exit 1
}
root=$(mktemp -d "${TMPDIR:-/tmp}/hist-minimal.XXXXXX")
end() {
    for m in dev/shm dev/pts dev proc; do
        ! mountpoint -q "$root/$m" || umount "$root/$m"
    done
    if [ -n "${KEEP:-}" ]; then echo "kept: $root"; else rm -rf "$root"; fi
}
trap end EXIT
trap 'exit 130' INT TERM

debootstrap --variant=minbase --include=git,make,ca-certificates "$suite" "$root" ${mirror:+"$mirror"} >"$root.log" 2>&1 || {
    tail -n 20 "$root.log" >&2
    exit 1
}
rm -f "$root.log"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/dev/shm"
mount -t devpts devpts "$root/dev/pts"
cp /etc/resolv.conf "$root/etc/resolv.conf"
for f in /etc/apt/apt.conf.d/*proxy* /etc/apt/sources.list.d/*local*; do
    [ ! -e "$f" ] || cp "$f" "$root$f"
done
mkdir -p "$root/srv"
git clone -q . "$root/srv/hist"
packages() { chroot "$root" dpkg-query -W | wc -l; }
before=$(packages)

for target in quickstart all check; do
    printf '\n==== make %s\n' "$target"
    start=$(date +%s)
    chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
        ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
        make -C /srv/hist "$target"
    echo "==== make $target took $(($(date +%s) - start)) s, $(($(packages) - before)) packages came in"
    before=$(packages)
done
# Nothing but the build folder is left in the tree.
left=$(cd "$root/srv/hist" && git status --porcelain)
[ -z "$left" ] || {
    echo "left in the tree: $left" >&2
    exit 1
}
echo "minimal_debian: $suite: everything passed"
