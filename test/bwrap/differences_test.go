package bwrap

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// difference is one deliberate difference from bubblewrap: in what cases and
// fields that match the patterns show.
type difference struct {
	Cases  []string
	Fields []string
	User   string // "user" or "root"; "" for both
	Shows  string // a pattern for what lichen shows there; "" for anything
	Why    string
	before int // only a reference of a lower minor version shows it; 0: all do
}

// list is for patterns in one line.
func list(patterns ...string) []string { return patterns }

// differences are all there are. One that no case shows fails the suite, and
// so does one that is not here. doc/bwrap.md has the same list. The first entry
// that matches counts.
var differences = []difference{
	{Cases: list("stricter/*"), Fields: list("*"),
		Why: "a number that does not fit, and an option that nothing follows, are mistakes: bubblewrap reads on over them"},
	{Cases: list("told/version"), Fields: list("stdout"), Shows: "bubblewrap 0.11.1\n", before: 11,
		Why: "lichen-bwrap stands for 0.11.1"},
	{Cases: list("defect/link to the old root", "defect/file through a link to the old root"), Fields: list("*"),
		Why: "a link that a program has planted must not lead to the host (CVE-2026-87766)"},
	{Cases: list("defect/link to the new root", "defect/absolute link as destination", "defect/below an absolute link"), Fields: list("*"),
		Why: "links are read as the program reads them: absolute ones start at the sandbox's root"},
	{Cases: list("defect/environment of pid 1"), Fields: list("path /proc/1/environ"), User: "user",
		Why: "process 1 is out of the program's reach: bubblewrap's environment can be read there, whatever --clearenv says"},
	{Cases: list("defect/magic link as directory"), Fields: list("*"),
		Why: "a link of /proc leads out of the sandbox (CVE-2024-21626)"},
	{Cases: list("*"), Fields: list("parent's user namespace"), Shows: "another",
		Why: "process 1 stays outside of the program's user namespace, which keeps it out of reach"},
	{Cases: list("*"), Fields: list("mount /"), Shows: "r?,nosuid,nodev,relatime tmpfs / mode=755",
		Why: "the root is a tmpfs of its own, not a directory in the one that the set-up used"},
	{Cases: list("made/*", "fd/used ones are closed*", "real/flatpak"), Fields: list("mount *"), Shows: "r?,nosuid,nodev,relatime tmpfs /? mode=700",
		Why: "what --bind-data and --ro-bind-data mount is in a tmpfs of its own, of which nothing else is left"},
	{Cases: list("overlay/*"), Fields: list("mount *"), Shows: "*/proc/self/fd/*",
		Why: "layers are handed to the kernel as descriptors: no path is walked twice, none can be exchanged in between"},
	{Cases: list("overlay/lower is a file"), Fields: list("stderr"), Shows: "bwrap: Can't find source path *: Not a directory",
		Why: "found out before the mount, and named"},
	{Cases: list("signal/*"), Fields: list("after the signal"), Shows: "the payload is gone",
		Why: "the program does not outlive the launcher, with --die-with-parent or without"},
	{Cases: list("left/in a pid namespace*", "left/told*"), Fields: list("stdout afterwards"), Shows: "closed",
		Why: "the launcher waits for background processes, where bubblewrap leaves them running without a parent; with --die-with-parent both end them"},
	{Cases: list("fd/sync-fd", "fd/sync-fd twice", "fd/sync-fd that is bad"), Fields: list("processes between", "parent's user namespace"),
		Why: "the launcher itself holds the descriptor: no process in between is needed"},
	{Cases: list("error/a closed directory"), Fields: list("exit", "stderr"), User: "user",
		Why: "what the caller's permissions hide is not found: bubblewrap looks with the capabilities of its namespace"},
	{Cases: list("error/--mqueue /usr"), Fields: list("stderr"), User: "root", Shows: "bwrap: Can't mount mqueue on *: Operation not permitted",
		Why: "message queues need --unshare-ipc for root as for everybody: otherwise they are the host's"},
	{Cases: list("*"), Fields: list("uid_map", "gid_map"), User: "root", Shows: "*0 1",
		Why: "there is a user namespace for root too: root in the sandbox has no rights over the host"},
	{Cases: list("*"), Fields: list("setgroups"), User: "root", Shows: "deny", Why: "follows from root's user namespace"},
	{Cases: list("*"), Fields: list("namespace user"), User: "root", Shows: "its own", Why: "the same namespace"},
	{Cases: list("cap/*"), Fields: list("status Cap*"), User: "root",
		Why: "root starts without capabilities, as everybody does, and has those that --cap-add names, in the program's own namespace"},
	{Cases: list("*"), Fields: list("status Cap*"), User: "root", Shows: "0000000000000000",
		Why: "no capabilities but those that --cap-add names; bubblewrap leaves root all of the host's"},
	{Cases: list("*"), Fields: list("path *"), User: "root", Shows: "*Permission denied*",
		Why: "follows from that: no CAP_DAC_OVERRIDE, permission bits hold for root"},
	{Cases: list("*"), Fields: list("mount */null", "mount */zero", "mount */full", "mount */random", "mount */urandom", "mount */tty"), User: "root", Shows: "ro,nosuid,*",
		Why: "below --dev: devices work on a read-only mount too, but their owner, who is root, cannot change their modes on the host"},
	{Cases: list("*"), Fields: list("mount */sys"), User: "root", Shows: "ro,nosuid,nodev,*proc /sys *",
		Why: "below --proc: most sysctls ask for uid 0 alone and need no capability"},
}

// deliberate finds the entry of the list that covers a difference, with the
// patterns that did.
func deliberate(name, user, field, shows string) (entry int, patterns []string) {
	for i := range differences {
		d := &differences[i]
		if d.User != "" && d.User != user || d.Shows != "" && !matches(d.Shows, shows) {
			continue
		}
		a := slices.IndexFunc(d.Cases, func(p string) bool { return matches(p, name) })
		b := slices.IndexFunc(d.Fields, func(p string) bool { return matches(p, field) })
		if a >= 0 && b >= 0 {
			return i, []string{d.Cases[a], d.Fields[b]}
		}
	}
	return -1, nil
}

// row is the line of doc/bwrap.md for an entry.
func (d *difference) row() string {
	user := d.User
	if user == "" {
		user = "both"
	}
	return "| `" + strings.Join(d.Cases, "`, `") + "` | `" + strings.Join(d.Fields, "`, `") + "` | " + user + " | " + d.Why + " |"
}

// TestDocument: doc/bwrap.md has the list, all of it, in this order.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../../doc/bwrap.md")
	if err != nil {
		t.Fatal(err)
	}
	const head = "| cases | what they show | as | why |\n|---|---|---|---|\n"
	_, table, ok := strings.Cut(string(text), head)
	if !ok {
		t.Fatalf("no table with the head\n%s", head)
	}
	table, _, _ = strings.Cut(table, "\n\n")
	var want []string
	for i := range differences {
		want = append(want, differences[i].row())
	}
	if got := strings.TrimSpace(table); got != strings.Join(want, "\n") {
		t.Errorf("the table should be\n%s", strings.Join(want, "\n"))
	}
}
