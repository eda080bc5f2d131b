#!/bin/sh
# Makes the machine with systemd: systemd.sh DIR, for run.sh. A Debian with a
# user whose service manager runs from the start, and a service that runs the
# tests on the console.
set -eu

work=$1
export SOURCE_DATE_EPOCH=1700000000

if [ ! -e "$work/systemd.tar" ]; then
	echo "guest: installing a Debian with systemd"
	sources=/etc/apt/sources.list.d/debian.sources
	[ -e "$sources" ] || sources=/etc/apt/sources.list
	mmdebstrap --quiet --format=tar --variant=minbase --include=systemd,dbus,dbus-user-session,libpam-systemd \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
		--customize-hook='chroot "$1" useradd --uid 1500 --user-group --create-home --shell /bin/sh user' \
		--customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/* "$1"/usr/share/zoneinfo "$1"/usr/lib/udev/hwdb.d "$1"/usr/lib/udev/hwdb.bin' \
		'' "$work/systemd.tar.new" - <"$sources" >"$work/mmdebstrap.log" 2>&1 || {
		cat "$work/mmdebstrap.log" >&2
		exit 1
	}
	mv "$work/systemd.tar.new" "$work/systemd.tar"
fi

root=$work/systemd
rm -rf "$root"
mkdir "$root"
tar -C "$root" -xf "$work/systemd.tar"
mkdir -p "$root/usr/libexec/lichen" "$root/var/lib/systemd/linger"
cp "$work/bin/lichen" "$work/bin/init" "$root/usr/bin/"
mv "$root/usr/bin/init" "$root/usr/bin/guest-tests"
cp "$work/bin/lichen-tools" "$root/usr/libexec/lichen/"
cp "$work/files/bin/busybox" "$root/usr/bin/busybox"
ln -s usr/bin/guest-tests "$root/init"
: >"$root/var/lib/systemd/linger/user"
cat >"$root/etc/systemd/system/guest-tests.service" <<UNIT
[Unit]
After=user@1500.service systemd-logind.service
Wants=user@1500.service
FailureAction=reboot-immediate
SuccessAction=reboot-immediate

[Service]
ExecStart=/usr/bin/guest-tests -systemd
StandardOutput=tty
StandardError=tty
TTYPath=/dev/console
UNIT
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -s ../guest-tests.service "$root/etc/systemd/system/multi-user.target.wants/"
ln -sf /lib/systemd/system/multi-user.target "$root/etc/systemd/system/default.target"
# What takes time and is of no use here.
for unit in apt-daily.timer apt-daily-upgrade.timer systemd-timesyncd.service getty@tty1.service serial-getty@ttyS0.service systemd-udevd.service \
	systemd-udev-trigger.service systemd-journal-flush.service systemd-update-utmp.service; do
	ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
(cd "$root" && find . | "$work/files/bin/busybox" cpio -o -H newc 2>/dev/null) >"$work/systemd.cpio"
rm -rf "$root"
