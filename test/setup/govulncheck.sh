#!/usr/bin/env bash
# Runs govulncheck. Exit status: 0 no known vulnerability, 3 not checked because
# the database cannot be reached, else a vulnerability or another failure.
set -uo pipefail

output=$("${GO:-go}" run "${GOVULNCHECK:?}" ./... 2>&1)
status=$?
printf '%s\n' "$output"
if [ "$status" -ne 0 ] && grep -q 'fetching vulnerabilities' <<<"$output"; then
	echo "govulncheck: NOT CHECKED: the vulnerability database cannot be reached"
	exit 3
fi
exit "$status"
