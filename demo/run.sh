#!/usr/bin/env bash
# Builds two real projects inside the profile "build", with the network off, and
# shows what the sandbox could see and do beside what the same program can see
# and do outside. Fails when anything is not as lichen claims.
#
# Takes no network and changes nothing outside of build/.
set -euo pipefail
cd "$(dirname "$0")/.."
checkout=$PWD
lichen=$checkout/${LICHEN:-bin/lichen}
failed=0

mkdir -p build
work=$(mktemp -d "$checkout/build/demo.XXXXXX")
server=
cleanup() {
	if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; fi
	rm -rf "$work"
}
trap cleanup EXIT

title() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || title() { printf '\n%s\n' "$*"; }
show() { printf '$ %s\n' "$*"; }
wrong() {
	printf '  WRONG: %s\n' "$*"
	failed=1
}

# A home with a secret, a project with a .git, and a token in the environment.
mkdir -p "$work/home/.ssh" "$work/home/documents" "$work/project/.git/hooks"
echo "the secret" >"$work/home/.ssh/id_demo"
cp demo/survey/Makefile demo/survey/*.[ch] "$work/project/"
real_home=${HOME:-/}
export HOME=$work/home
export SURVEY_KEY=$work/home/.ssh/id_demo SURVEY_BESIDE=$work/beside.txt SURVEY_PROJECT=$work/project
export BUILD_TOKEN=not-for-the-build
cd "$work/project"

title "1. A C project, built inside"
show "lichen run -p build -- make"
"$lichen" run -p build -- make

title "2. What a program can see and do: outside, and inside"
./survey serve >"$work/port" &
server=$!
for _ in $(seq 50); do
	[ ! -s "$work/port" ] || break
	sleep 0.1
done
SURVEY_PORT=$(cat "$work/port")
export SURVEY_PORT SURVEY_PID=$server

forget() { rm -f "$work/home/survey-was-here" "$work/beside.txt" notes.txt .git/hooks/post-commit; }
./survey >"$work/outside"
forget
show "lichen run -p build --env 'SURVEY_*' -- ./survey"
"$lichen" run -p build --env 'SURVEY_*' -- ./survey >"$work/inside"

# value FILE NAME prints a finding.
value() { awk -F '\t' -v name="$2" '$1 == name { print $2 }' "$1"; }

# expect NAME PATTERN compares a finding from inside with what lichen promises.
expect() {
	local inside
	inside=$(value "$work/inside" "$1")
	printf '  %-34s %-26s %s\n' "$1" "$(value "$work/outside" "$1")" "$inside${3:+ $3}"
	# shellcheck disable=SC2254 # a pattern
	case $inside in
	$2) ;;
	*) wrong "$1: want $2" ;;
	esac
}
absent() { [ ! -e "$1" ] || wrong "$1 is there"; }

printf '\n  %-34s %-26s %s\n' "" outside inside
expect "write into the project" yes
expect "files in the home directory" 0
expect "read the key in ~/.ssh" "no *"
expect "write into the home directory" yes "(an empty one, discarded)"
# Below /tmp, the directory around the project is a file system in memory.
case $(value "$work/inside" "write beside the project") in
yes) expect "write beside the project" yes "(discarded)" ;;
*) expect "write beside the project" "no *" ;;
esac
expect "may write in /etc" "no *"
expect "plant a git hook" "no *"
expect "network devices" lo
expect "reach a server on this machine" "no *"
expect "host name" localhost
expect "processes" 2
expect "signal a process of the user's" "no *"
expect "environment variables" "*"
expect "see a token in the environment" no
expect "capabilities" 0000000000000000
expect "make namespaces" "no *"

# What the host says afterwards counts more than what the program saw.
[ -s notes.txt ] || wrong "the file that the program wrote into the project is not there"
absent "$work/home/survey-was-here"
absent "$work/beside.txt"
absent .git/hooks/post-commit
[ "$(ls -A "$work/home")" = "$(printf '.ssh\ndocuments')" ] || wrong "the home directory has changed"
if [ "$(value "$work/outside" "reach a server on this machine")" != yes ]; then
	wrong "the server could not be reached outside either: that proves nothing"
fi

title "3. An image, made here and run without a registry"
export LICHEN_STORE=$work/store
mkdir -p "$work/tree/bin" "$work/tree/etc"
cc -static -o "$work/tree/bin/survey" ./*.o
echo "a system of its own" >"$work/tree/etc/motd"
show "lichen image pack --cmd '[\"/bin/survey\"]' tree survey:v1"
"$lichen" image pack --cmd '["/bin/survey"]' "$work/tree" survey:v1
show "lichen run --image survey:v1 --env 'SURVEY_*'"
"$lichen" run --image survey:v1 --env 'SURVEY_*' >"$work/inside"
printf '\n  %-34s %-26s %s\n' "" outside "in the image"
expect "read the key in ~/.ssh" "no *"
expect "write into the project" "no *"
expect "may write in /etc" "no *"
expect "network devices" lo
expect "processes" 2
expect "capabilities" 0000000000000000
show "lichen image verify"
"$lichen" image verify || wrong "the store is damaged"

title "4. lichen itself, built inside by Go"
mkdir "$work/lichen-source"
tar -C "$checkout" --exclude=./.git --exclude=./build --exclude=./bin -cf - . | tar -C "$work/lichen-source" -xf -
cd "$work/lichen-source"
modules=$(HOME=$real_home go env GOMODCACHE) goroot=$(HOME=$real_home go env GOROOT)
grants=(--ro "$modules")
case $goroot in
/usr/*) ;;
*) grants+=(--ro "$goroot") ;;
esac
show "lichen run -p build --ro $modules … -- go build ./cmd/lichen"
start=$SECONDS
"$lichen" run -p build "${grants[@]}" --env GOMODCACHE="$modules" --env GOPROXY=off --env GOTOOLCHAIN=local --env CGO_ENABLED=0 \
	-- "$goroot/bin/go" build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=${VERSION:-devel}" -o lichen ./cmd/lichen
echo "  built in $((SECONDS - start)) s, with an empty build cache"
if [ -n "${VERSION:-}" ]; then
	if cmp -s lichen "$lichen"; then
		echo "  the same bytes as the lichen that was built outside"
	else
		wrong "the bytes differ from those of $lichen"
	fi
fi

title "$([ $failed = 0 ] && echo "All as claimed." || echo "Not as claimed; see WRONG above.")"
exit $failed
