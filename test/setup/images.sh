#!/bin/sh
# Makes what the test images are built from: images.sh DIR
#
#   DIR/debs/          Debian packages and their index, a repository for apt
#   DIR/debian.tar     a minbase Debian
#   DIR/python.tar     the same with python3-minimal
#   DIR/busybox.tar    the files of busybox-static
#   DIR/*.sha256       the digest of each
#
# Only the packages need the network, and only once: delete all but debs/, and
# the rest is made again without it. Same packages, same bytes. As root, because
# the packages' scripts want to be.
set -eu

[ $# -eq 1 ] || { echo "usage: images.sh DIR" >&2; exit 2; }
mkdir -p "$1"
dir=$(cd "$1" && pwd)
# The times of what installing makes.
export SOURCE_DATE_EPOCH=1700000000

say() { echo "images: $*"; }

if [ -e "$dir/ready" ]; then
	exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
	say "only root can make them; as root: $0 $dir" >&2
	exit 1
fi
umask 022

# download fills debs/ by an apt that knows nothing of this machine's packages.
download() {
	say "downloading Debian packages to $dir/debs"
	apt=$(mktemp -d)
	mkdir -p "$apt/lists/partial" "$apt/archives/partial"
	: >"$apt/status"
	# Where this machine gets Debian from; other repositories are left alone.
	sources=/etc/apt/sources.list.d/debian.sources
	[ -e "$sources" ] || sources=/etc/apt/sources.list
	cat >"$apt/apt.conf" <<-CONF
		Dir::State "$apt";
		Dir::State::lists "$apt/lists";
		Dir::State::status "$apt/status";
		Dir::Cache "$apt";
		Dir::Etc::sourcelist "$sources";
		Dir::Etc::sourceparts "/dev/null";
		Dir::Etc::preferences "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
		APT::Install-Recommends "false";
		APT::Sandbox::User "root";
	CONF
	export APT_CONFIG="$apt/apt.conf"
	apt-get update -qq </dev/null
	apt-get install -y -qq --download-only '?essential' '?priority(required)' \
		apt usr-is-merged python3-minimal busybox-static hello </dev/null >/dev/null
	unset APT_CONFIG
	rm -rf "$dir/debs"
	mkdir "$dir/debs"
	mv "$apt"/archives/*.deb "$dir/debs/"
	rm -rf "$apt"
}

# index writes the Packages file that makes debs/ a repository.
index() {
	cd "$dir/debs"
	for deb in *.deb; do
		dpkg-deb -f "$deb"
		sum=$(sha256sum "$deb")
		printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$deb" "$(stat -c %s "$deb")" "${sum%% *}"
	done >Packages.new
	mv Packages.new Packages
	cd - >/dev/null
}

# bootstrap NAME [OPTION...] installs to NAME.tar from debs/ alone. What would
# tell of this machine is replaced.
bootstrap() {
	name=$1
	shift
	say "installing $name.tar"
	mmdebstrap --quiet --mode=root --variant=minbase --format=tar --skip=output/dev \
		--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr "$@" \
		--customize-hook='echo "# each test names its own" >"$1/etc/apt/sources.list"' \
		--customize-hook='rm -f "$1/etc/hostname" "$1/etc/resolv.conf"; echo debian >"$1/etc/hostname"; : >"$1/etc/resolv.conf"' \
		'' "$dir/$name.tar.new" "deb [trusted=yes] copy:$dir/debs ./" \
		</dev/null >"$dir/$name.log" 2>&1 || { cat "$dir/$name.log" >&2; exit 1; }
	mv "$dir/$name.tar.new" "$dir/$name.tar"
}

[ -e "$dir/debs/Packages" ] || { download && index; }
bootstrap debian --include=apt
bootstrap python --include=apt,python3-minimal
dpkg-deb --fsys-tarfile "$dir"/debs/busybox-static_*.deb >"$dir/busybox.tar"
for name in debian python busybox; do
	sum=$(sha256sum "$dir/$name.tar")
	echo "${sum%% *}" >"$dir/$name.tar.sha256"
done
: >"$dir/ready"
say "ready"
