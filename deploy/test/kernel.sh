#!/bin/bash
# Fetches Debian's own kernel and makes an initial file system for it, once, so that tests can run real Linux code (the
# kernel's WireGuard) under QEMU where the machine has no modules of its own. Prints the folder: vmlinuz, initrd.gz, lib/.
#
#   deploy/test/kernel.sh
#
# The guest boots with this machine's files below it, read-only, and writes into memory. It runs the script that the kernel
# command line names with run=, in the folder that it shares with the test.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
need=()
command -v qemu-system-x86_64 >/dev/null || need+=(qemu-system-x86)
command -v busybox >/dev/null || need+=(busybox-static)
command -v cpio >/dev/null || need+=(cpio)
command -v depmod >/dev/null || need+=(kmod)
if [ ${#need[@]} -gt 0 ]; then
    echo "installing: ${need[*]}" >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${need[@]}" >&2
fi

package=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -1)
version=${package#linux-image-}
[ -n "$version" ] || { echo "apt knows no kernel: apt-get update" >&2; exit 1; }
dir=$root/.cache/foreign/$package
if [ -e "$dir/initrd.gz" ]; then
    echo "$dir"
    exit 0
fi
mkdir -p "$root/.cache/foreign"
exec 9>"$root/.cache/foreign/.kernel.lock"
flock 9
if [ ! -e "$dir/initrd.gz" ]; then
    away=$(mktemp -d)
    chmod 755 "$away"
    trap 'rm -rf "$away"' EXIT
    echo "fetching $package, once" >&2
    (cd "$away" && apt-get download -q "$package" >&2 && dpkg-deb -x "$package"_*.deb tree)
    rm -rf "$dir.new"
    mkdir -p "$dir.new" "$away/ird/bin" "$away/ird/m"
    cp "$away/tree/boot/vmlinuz-$version" "$dir.new/vmlinuz"
    mv "$away/tree/lib" "$dir.new/lib"
    depmod -b "$dir.new" "$version"
    cp "$(command -v busybox)" "$away/ird/bin/busybox"
    order=()
    for name in virtio_pci virtio_net 9pnet_virtio 9p overlay; do
        while read -r _ file; do
            base=$(basename "$file")
            case " ${order[*]-} " in *" $base "*) continue ;; esac
            order+=("$base")
            cp "$file" "$away/ird/m/$base"
        done < <(modprobe -d "$dir.new" -S "$version" --show-depends "$name" | grep ^insmod)
    done
    {
        echo '#!/bin/busybox sh'
        echo '/bin/busybox mkdir -p /proc /sys /dev /lower /rw /newroot'
        echo '/bin/busybox mount -t proc proc /proc; /bin/busybox mount -t sysfs sys /sys; /bin/busybox mount -t devtmpfs dev /dev'
        for base in "${order[@]}"; do echo "/bin/busybox insmod /m/$base"; done
        cat <<'INIT'
b=/bin/busybox
$b mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=262144 hostroot /lower
$b mount -t tmpfs tmpfs /rw; $b mkdir -p /rw/up /rw/work
$b mount -t overlay -o lowerdir=/lower,upperdir=/rw/up,workdir=/rw/work overlay /newroot
$b mount -t proc proc /newroot/proc; $b mount -t sysfs sys /newroot/sys; $b mount -t devtmpfs dev /newroot/dev
run=$($b sed 's/.*run=\([^ ]*\).*/\1/' /proc/cmdline)
exec $b switch_root /newroot /bin/sh "$run"
INIT
    } > "$away/ird/init"
    chmod 755 "$away/ird/init"
    ln -s busybox "$away/ird/bin/sh"
    (cd "$away/ird" && find . | cpio -o -H newc --quiet | gzip -1) > "$dir.new/initrd.gz"
    mv "$dir.new" "$dir"
fi
echo "$dir"
