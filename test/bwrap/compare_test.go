package bwrap

import (
	"flag"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// TestSame runs every case by both programs.
func TestSame(t *testing.T) {
	all := cases()
	if n := len(all); n < 200 {
		t.Errorf("%d cases, at least 200 are promised", n)
	}
	names := make(map[string]bool)
	var tally tally
	t.Run("cases", func(t *testing.T) {
		for _, tc := range all {
			if names[tc.name] {
				t.Errorf("%s is there twice", tc.name)
			}
			names[tc.name] = true
			for user, uid := range users() {
				if tc.only != "" && tc.only != user {
					continue
				}
				t.Run(tc.name+"/"+user, func(t *testing.T) {
					t.Parallel()
					compare(t, &tc, user, uid, &tally)
				})
			}
		}
	})
	t.Logf("%d cases, %d comparisons of %d fields, %d of them different on purpose; reference 0.%d",
		len(all), tally.runs.Load(), tally.fields.Load(), tally.deliberate.Load(), reference.minor)
	if candidate == reference || t.Failed() || strings.Contains(flag.Lookup("test.run").Value.String(), "/") {
		return
	}
	tally.complete(t)
}

// tally counts what was seen.
type tally struct {
	runs, fields, deliberate atomic.Int64
	shown                    sync.Map // of shownBy
}

type shownBy struct {
	entry   int
	pattern string
}

// complete: every pattern of every entry was needed.
func (c *tally) complete(t *testing.T) {
	for i := range differences {
		d := &differences[i]
		if _, ok := users()[d.User]; d.User != "" && !ok || d.before != 0 && reference.minor >= d.before {
			continue
		}
		for _, p := range slices.Concat(d.Cases, d.Fields) {
			if _, ok := c.shown.Load(shownBy{i, p}); !ok {
				t.Errorf("no case shows the difference %q: %s", p, d.Why)
			}
		}
	}
}

func compare(t *testing.T, tc *testCase, user string, uid int, tally *tally) {
	if candidate.minor < tc.since {
		t.Skipf("the program under test is 0.%d, and the case needs 0.%d", candidate.minor, tc.since)
	}
	a, b := referenceRun(t, tc, uid), runOnce(t, tc, candidate, uid)
	if reference.minor < tc.since {
		b = lasting(b, uid)
	}
	if tc.command == "" && reference.minor >= tc.since && a["uid"] == "" && !strings.Contains(a["stderr"], "bwrap: ") {
		t.Errorf("report did not run: %v", a)
	}
	tally.runs.Add(1)
	for _, field := range fields(a, b) {
		tally.fields.Add(1)
		if a[field] == b[field] {
			continue
		}
		if i, patterns := deliberate(tc.name, user, field, b[field]); i >= 0 && candidate != reference {
			tally.deliberate.Add(1)
			for _, p := range patterns {
				tally.shown.Store(shownBy{i, p}, true)
			}
			continue
		}
		t.Errorf("%s:\n reference %s\n candidate %s", field, value(a, field), value(b, field))
	}
}

// referenceRuns holds what the reference showed, because TestParser asks again.
var referenceRuns sync.Map

func referenceRun(t *testing.T, tc *testCase, uid int) observation {
	t.Helper()
	key := fmt.Sprint(uid, tc.name)
	if o, ok := referenceRuns.Load(key); ok {
		return o.(observation)
	}
	if reference.minor < tc.since {
		o, ok := recorded[recordedAs(tc, uid)]
		if !ok {
			t.Fatalf("%s is not in %s: see LICHEN_BWRAP_RECORD", recordedAs(tc, uid), recordFile)
		}
		return o
	}
	o := runOnce(t, tc, reference, uid)
	referenceRuns.Store(key, o)
	if tc.since > oldest {
		record(tc, uid, o)
	}
	return o
}

func value(o observation, field string) string {
	if v, ok := o[field]; ok {
		return fmt.Sprintf("%q", v)
	}
	return "nothing"
}

func fields(a, b observation) []string {
	var all []string
	for f := range a {
		all = append(all, f)
	}
	for f := range b {
		all = append(all, f)
	}
	sort.Strings(all)
	return slices.Compact(all)
}

// matches compares with a pattern in which each "*" is any text and each "?" any
// character.
func matches(pattern, s string) bool {
	return wildcard(pattern).MatchString(s)
}

var wildcards sync.Map

func wildcard(pattern string) *regexp.Regexp {
	if re, ok := wildcards.Load(pattern); ok {
		return re.(*regexp.Regexp)
	}
	text := strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(regexp.QuoteMeta(pattern))
	re := regexp.MustCompile(`(?s)^` + text + `$`)
	wildcards.Store(pattern, re)
	return re
}

// TestObservations: the harness sees what it is there for.
func TestObservations(t *testing.T) {
	uid := users()["user"]
	tc := c("self", sys+" --unshare-all --proc /proc --dev /dev --tmpfs /t --bind @W/src /s --symlink x /y --json-status-fd 11",
		look("+/s /y /usr"), exit(7), fd(11, fdOut))
	o := runOnce(t, &tc, reference, uid)
	for field, want := range map[string]string{
		"exit": "7", "uid": fmt.Sprint(uid, uid, uid), "pid": "2, parent 1", "cwd": "/usr/share", "stderr": "",
		"namespace net": "its own", "namespace time": "the caller's", "loopback": "up",
		"mount /t": "rw,nosuid,nodev,relatime tmpfs / mode=755", "status NoNewPrivs": "1", "fd 1": "socket",
		"user namespace": "can be made", "fd 11 got, object 1, exit-code": "7", "processes between": "1", "host /src/f": "-rw-r--r--",
		"env CANARY": "1", "path /y": fmt.Sprintf("120777 %d:%d [] x", uid, gidOf(uid)),
		"path /s/f": fmt.Sprintf("100644 %d:%d [writable] hi\n", uid, gidOf(uid)),
	} {
		if o[field] != want {
			t.Errorf("%s: %q, want %q", field, o[field], want)
		}
	}
}

// TestPlantedLinks: what the list of differences says of links to the host, in
// full. The reference shows that they would work.
func TestPlantedLinks(t *testing.T) {
	if candidate == reference {
		t.Skip("only the reference is asked for")
	}
	made := func(o observation) (names []string) {
		for f := range o {
			if strings.HasPrefix(f, "host /rw/") {
				names = append(names, f)
			}
		}
		return names
	}
	n := 0
	for _, tc := range defectCases() {
		if !strings.Contains(tc.name, "link to the old root") {
			continue
		}
		n++
		for user, uid := range users() {
			if len(made(referenceRun(t, &tc, uid))) == 0 {
				t.Errorf("%s as %s: the reference makes nothing on the host", tc.name, user)
			}
			if o := runOnce(t, &tc, candidate, uid); o["exit"] != "1" || o["uid"] != "" || len(made(o)) > 0 {
				t.Errorf("%s as %s: exit %s, made %q", tc.name, user, o["exit"], made(o))
			}
		}
	}
	if n != 2 {
		t.Errorf("%d cases", n)
	}
}

func TestMatches(t *testing.T) {
	for _, tt := range []struct {
		pattern, s string
		want       bool
	}{{"a", "a", true}, {"a", "ab", false}, {"a*", "abc", true}, {"*c", "abc", true}, {"a*c", "abc", true}, {"a*d", "abc", false},
		{"*", "", true}, {"a*b*c", "a/b/c", true}, {"a*b*c", "a/c", false},
		{"r?,a", "rw,a", true}, {"r?,a", "r,a", false}, {"a.c", "abc", false}} {
		if matches(tt.pattern, tt.s) != tt.want {
			t.Errorf("%q %q", tt.pattern, tt.s)
		}
	}
}
