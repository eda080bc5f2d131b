#!/bin/sh
# Runs the limits by cgroup on a kernel with all controllers on cgroup v2, in a
# virtual machine: run.sh [plain | systemd]...
#
#   plain    the tests of ./init as process 1, without a service manager
#   systemd  Debian's systemd, and a user's: scopes
#
# The kernel and busybox are Debian's, downloaded once into build/guest and
# installed nowhere. Without KVM qemu emulates the processor.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
work=$top/build/guest
limit=${LICHEN_GUEST_LIMIT:-600}
[ $# -gt 0 ] || set -- plain systemd

say() { echo "guest: $*"; }

# download PACKAGE DIR gets a package and unpacks it.
download() {
	mkdir -p "$work/debs"
	(cd "$work/debs" && apt-get download "$1" >/dev/null 2>&1) || {
		apt-get update -qq </dev/null
		(cd "$work/debs" && apt-get download "$1" >/dev/null)
	}
	for deb in "$work/debs/$1"_*.deb; do
		dpkg -x "$deb" "$2"
	done
}

# fetch gets the kernel that the metapackage names, and busybox.
fetch() {
	[ ! -e "$work/ready" ] || return 0
	say "downloading a kernel"
	rm -rf "$work/files" "$work/debs"
	mkdir -p "$work/files"
	case $(dpkg --print-architecture) in
	amd64) meta=linux-image-cloud-amd64 ;;
	*) say "only for amd64" >&2 && exit 1 ;;
	esac
	image=$(apt-cache depends "$meta" | sed -n 's/^ *Depends: *\(linux-image-[0-9].*\)/\1/p' | head -n 1)
	download "$image" "$work/files"
	download busybox-static "$work/files"
	: >"$work/ready"
}

build() {
	mkdir -p "$work/bin"
	CGO_ENABLED=0 "${GO:-go}" build -buildvcs=false -o "$work/bin/" "$top/cmd/lichen" "$top/cmd/lichen-tools" "$here/init"
}

# programs ROOT puts what the tests use into a root.
programs() {
	mkdir -p "$1/usr/libexec/lichen" "$1/usr/bin"
	cp "$work/bin/lichen" "$1/usr/bin/"
	cp "$work/bin/lichen-tools" "$1/usr/libexec/lichen/"
	cp "$work/bin/init" "$1/usr/bin/guest-tests"
	cp "$(find "$work/files" -name brd.ko)" "$1/brd.ko" # a disk in memory
}

# archive ROOT FILE makes an initramfs.
archive() {
	(cd "$1" && find . | "$work/files/bin/busybox" cpio -o -H newc 2>/dev/null) >"$2"
}

plain_root() {
	root=$work/root
	rm -rf "$root"
	mkdir -p "$root/usr/bin" "$root/usr/lib" "$root/usr/sbin" "$root/etc" "$root/proc" "$root/sys" "$root/dev" "$root/tmp" "$root/home/user" "$root/run" "$root/mnt" "$root/var/tmp"
	for d in bin lib sbin; do ln -s "usr/$d" "$root/$d"; done
	cp "$work/files/bin/busybox" "$root/usr/bin/"
	for name in sh cat dd sleep true false unshare mount mkdir; do ln -s busybox "$root/usr/bin/$name"; done
	echo 'root:x:0:0::/:/bin/sh' >"$root/etc/passwd"
	programs "$root"
	ln -s usr/bin/guest-tests "$root/init"
	archive "$root" "$work/plain.cpio"
}

# boot NAME MEMORY runs a machine until it switches itself off.
boot() {
	out=$work/$1.log
	timeout "$limit" qemu-system-x86_64 -accel ${LICHEN_GUEST_ACCEL:-tcg} -cpu max -smp 2 -m "$2" -nodefaults -no-reboot -nographic -serial stdio \
		-kernel "$(find "$work/files/boot" -name 'vmlinuz-*')" -initrd "$work/$1.cpio" \
		-append "console=ttyS0 quiet panic=-1 $3" </dev/null >"$out" 2>&1 || say "qemu: status $?"
	tr -d '\r' <"$out" | grep -E '^(ok|FAIL|  |guest: )' || true
	if ! grep -q '^guest: .* 0 failed' "$out"; then
		say "$1 failed; all that it said is in $out" >&2
		return 1
	fi
}

fetch
build
for kind; do
	say "$kind"
	start=$(date +%s)
	case $kind in
	plain)
		plain_root
		boot plain 512M ""
		;;
	systemd)
		"$here/systemd.sh" "$work"
		boot systemd 1536M "systemd.show_status=0 -- /lib/systemd/systemd"
		;;
	*) say "there is no $kind" >&2 && exit 2 ;;
	esac
	say "$kind: $(($(date +%s) - start)) s"
done
