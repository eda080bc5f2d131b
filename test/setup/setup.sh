#!/bin/sh
# Sets up what the tests need: setup.sh [LIST...]
#
# As root: installs the Debian packages of packages.txt, and of other lists
# beside it that are named, that are missing, makes the user lichen-test with
# ranges of subordinate ids, and what the test images are built from, see
# images.sh. As another user: names what is missing. Run again, it changes
# nothing.
#
# With LICHEN_MUST_WORK=1 anything missing is an error; without, the tests that
# need it are skipped.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
images=${LICHEN_TEST_IMAGES:-$here/../../build/images}
lists="packages.txt $*"
must=${LICHEN_MUST_WORK:-0}
test_user=lichen-test
test_uid=1501
range=65536

say() { echo "setup: $*"; }

give_up() {
	say "$*"
	[ "$must" != 1 ] || exit 1
	say "going on: tests that need it are skipped (LICHEN_MUST_WORK=1 makes this an error)"
	exit 0
}

# missing prints the packages none of whose files exist.
missing() {
	for list in $lists; do
		while read -r package files _; do
			case $package in '' | '#'*) continue ;; esac
			found=
			for file in $(echo "$files" | tr '|' ' '); do
				if [ -e "$file" ]; then found=yes; fi
			done
			[ -n "$found" ] || echo "$package"
		done <"$here/$list"
	done
}

# no_daemons keeps packages of services from starting one, and PostgreSQL's from
# making a cluster: tests run the programs as an ordinary user. What is there
# already stays as it is.
no_daemons() {
	policy=/usr/sbin/policy-rc.d
	if [ ! -e "$policy" ]; then
		printf '#!/bin/sh\nexit 101\n' >"$policy" # "forbidden", see invoke-rc.d(8)
		chmod 755 "$policy"
		trap 'rm -f "$policy"' EXIT
	fi
	cluster=/etc/postgresql-common/createcluster.conf
	if [ ! -e "$cluster" ]; then
		mkdir -p "${cluster%/*}"
		echo 'create_main_cluster = false' >"$cluster"
	fi
	export UCF_FORCE_CONFFOLD=1 # keeps that file, without a question
}

install_packages() {
	export DEBIAN_FRONTEND=noninteractive
	# shellcheck disable=SC2086 # a list of names
	set -- $1
	say "installing $*"
	no_daemons
	if apt-get install -y -qq --no-install-recommends "$@" </dev/null >/dev/null 2>&1; then
		return 0
	fi
	# The package lists may be missing or old.
	apt-get update -qq </dev/null && apt-get install -y -qq --no-install-recommends "$@" </dev/null >/dev/null
}

# subordinate_ids FILE makes sure that the test user has exactly one range in
# FILE: newuidmap(1) refuses overlapping ones, and a doubled line overlaps.
subordinate_ids() {
	file=$1
	[ -e "$file" ] || : >"$file"
	lines=$(grep -c "^$test_user:" "$file" || true)
	if [ "$lines" -gt 1 ]; then
		say "$file: more than one range of $test_user, keeping the first"
		awk -F: -v user="$test_user" '$1 != user || !seen++' "$file" >"$file.lichen"
		cat "$file.lichen" >"$file" # keeps owner and mode
		rm -f "$file.lichen"
	elif [ "$lines" -eq 0 ]; then
		first=$(awk -F: '{ end = $2 + $3; if (end > max) max = end } END { print (max > 100000) ? max : 100000 }' "$file")
		echo "$test_user:$first:$range" >>"$file"
	fi
}

make_user() {
	if ! id "$test_user" >/dev/null 2>&1; then
		say "making the user $test_user"
		useradd --uid "$test_uid" --user-group --create-home --shell /bin/sh "$test_user"
	fi
	subordinate_ids /etc/subuid
	subordinate_ids /etc/subgid
}

packages=$(missing | tr '\n' ' ')
packages=${packages% }
if [ "$(id -u)" -ne 0 ]; then
	[ -z "$packages" ] || give_up "missing Debian packages: $packages; as root: apt-get install $packages"
	say "nothing is missing"
	exit 0
fi
if [ -n "$packages" ]; then
	command -v apt-get >/dev/null || give_up "missing, and there is no apt-get here: $packages"
	install_packages "$packages" || give_up "apt-get could not install: $packages"
	packages=$(missing | tr '\n' ' ')
	[ -z "$packages" ] || give_up "still missing after apt-get install: $packages"
fi
make_user
"$here/images.sh" "$images" || give_up "the files for test images could not be made"
say "ready"
