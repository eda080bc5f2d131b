#!/usr/bin/env bash
# Runs every fuzz target for a time: fuzz.sh TIME. Each for itself, as go test
# -fuzz takes one.
set -euo pipefail

# fuzz DIR TARGET runs one. Go reports "context deadline exceeded" when a worker
# is a little late at the end of the time, without having found anything: that
# is tried again, twice at most.
fuzz() {
	local tries output
	for tries in 1 2 3; do
		echo "fuzz $1 $2 $time"
		if output=$("${GO:-go}" test -run '^$' -fuzz "^$2\$" -fuzztime "$time" -fuzzminimizetime 10x "$1" 2>&1); then
			printf '%s\n' "$output"
			return 0
		fi
		printf '%s\n' "$output"
		if ! grep -q 'context deadline exceeded' <<<"$output" || grep -q 'Failing input' <<<"$output"; then
			break
		fi
	done
	return 1
}

time=$1
dirs=$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -r -n 1 dirname | sort -u)
for dir in $dirs; do
	for target in $("${GO:-go}" test -list '^Fuzz' "$dir" | grep '^Fuzz'); do
		fuzz "$dir" "$target"
	done
done
