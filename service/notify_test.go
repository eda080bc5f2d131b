package service

import (
	"strings"
	"testing"
)

// TestFilter has a line for each assignment of sd_notify(3), and for what is not
// among them.
func TestFilter(t *testing.T) {
	for _, c := range []struct{ in, out string }{
		{"READY=1", "READY=1\n"},
		{"READY=1\n", "READY=1\n"},
		{"RELOADING=1\nMONOTONIC_USEC=123456", "RELOADING=1\nMONOTONIC_USEC=123456\n"},
		{"STOPPING=1\nSTATUS=Bye – ö", "STOPPING=1\nSTATUS=Bye – ö\n"},
		{"STATUS=", "STATUS=\n"},
		{"ERRNO=2\nBUSERROR=org.x.Error\nEXIT_STATUS=SIGTERM", "ERRNO=2\nBUSERROR=org.x.Error\nEXIT_STATUS=SIGTERM\n"},
		{"EXTEND_TIMEOUT_USEC=5\nWATCHDOG_USEC=7", "EXTEND_TIMEOUT_USEC=5\nWATCHDOG_USEC=7\n"},
		{"WATCHDOG=1", "WATCHDOG=1\n"},
		{"WATCHDOG=trigger", "WATCHDOG=trigger\n"},
		{"FDSTORE=1\nFDNAME=a b\nFDPOLL=0", "FDSTORE=1\nFDNAME=a b\nFDPOLL=0\n"},
		{"FDSTOREREMOVE=1\nFDNAME=x", "FDSTOREREMOVE=1\nFDNAME=x\n"},
		{"BARRIER=1", "BARRIER=1\n"},
		{"X_OWN_2=some text", "X_OWN_2=some text\n"},
		{"MAINPID=2", "MAINPID=77\n"},
		{"READY=1\nMAINPID=2\nMAINPID=3\nSTATUS=a\nSTATUS=b", "READY=1\nMAINPID=77\nSTATUS=a\n"},
		// Not the payload's to say.
		{"NOTIFYACCESS=all", ""},
		{"MAINPIDFD=1", ""},
		{"MAINPIDFDID=123", ""},
		{"RESTART_RESET=1", ""},
		{"UNKNOWN=1\nREADY=1", "READY=1\n"},
		// Malformed: the line goes, the others stay.
		{"READY=0\nSTATUS=x", "STATUS=x\n"},
		{"READY\nSTATUS=x", "STATUS=x\n"},
		{" READY=1", ""},
		{"ready=1", ""},
		{"=1", ""},
		{"STATUS=a\x1b[31m", ""},
		{"STATUS=a\x00b", ""},
		{"STATUS=a\tb", ""},
		{"STATUS=\xff\xfe", ""},
		{"STATUS=a\u202eb", ""},
		{"ERRNO=-1", ""},
		{"WATCHDOG_USEC=99999999999999999999999", ""},
		{"EXIT_STATUS=1 2", ""},
		{"MAINPID=0", ""},
		{"MAINPID=x", ""},
		{"FDNAME=a:b", ""},
		{"FDNAME=" + strings.Repeat("a", 256), ""},
		{"X_=1", "X_=1\n"},
		{"X_A B=1", ""},
		{"X_\xc3\xb6=1", ""},
		{"\x00", ""},
		{"", ""},
		{"STATUS=" + strings.Repeat("a", MaxMessage), ""},
	} {
		if got := Filter([]byte(c.in), 77); got.Text != c.out {
			t.Errorf("%q: %q, want %q", c.in, got.Text, c.out)
		}
	}
	for in, want := range map[string]Message{
		"READY=1":                    {},
		"FDSTORE=1":                  {FDs: true},
		"FDSTOREREMOVE=1\nFDNAME=x":  {},
		"BARRIER=1":                  {FDs: true, Barrier: true},
		"BARRIER=1\nREADY=1":         {FDs: true},
		"BARRIER=1\nNOTIFYACCESS=no": {FDs: true, Barrier: true},
	} {
		if m := Filter([]byte(in), 77); m.FDs != want.FDs || m.Barrier != want.Barrier {
			t.Errorf("%q: %+v", in, m)
		}
	}
	// A longer number of the process does not make the message longer than the
	// manager reads.
	long := "MAINPID=2\nSTATUS=" + strings.Repeat("a", MaxMessage-len("MAINPID=2\nSTATUS=")-1)
	if m := Filter([]byte(long), 4194304); len(m.Text) > MaxMessage || m.Text != "" {
		t.Errorf("%d bytes", len(m.Text))
	}
	if m := Filter([]byte(long), 7); len(m.Text) != MaxMessage {
		t.Errorf("%d bytes", len(m.Text))
	}
}

// known is what may come out, written down a second time.
var known = strings.Fields(`READY RELOADING STOPPING STATUS ERRNO BUSERROR EXIT_STATUS WATCHDOG WATCHDOG_USEC
	EXTEND_TIMEOUT_USEC MONOTONIC_USEC FDSTORE FDSTOREREMOVE FDNAME FDPOLL BARRIER MAINPID`)

// FuzzNotify: whatever comes in, what goes out is bounded, known, printable, names
// the launcher alone, and passes a second time as it is.
func FuzzNotify(f *testing.F) {
	for _, seed := range []string{"READY=1\nMAINPID=5\nSTATUS=ok", "FDSTORE=1\nFDNAME=x", "BARRIER=1", "X_A=1\nX_A=2\n\nNOTIFYACCESS=all", "STATUS=\x00\xff", strings.Repeat("MAINPID=1\n", 500)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		const pid = 4194304
		m := Filter(in, pid)
		if len(m.Text) > MaxMessage {
			t.Fatalf("%d bytes", len(m.Text))
		}
		if again := Filter([]byte(m.Text), pid); again != m {
			t.Fatalf("%+v, and then %+v", m, again)
		}
		seen := map[string]bool{}
		for line := range strings.SplitSeq(strings.TrimSuffix(m.Text, "\n"), "\n") {
			if m.Text == "" {
				break
			}
			name, value, ok := strings.Cut(line, "=")
			if !ok || seen[name] || !contains(known, name) && !strings.HasPrefix(name, "X_") {
				t.Fatalf("line %q of %q", line, m.Text)
			}
			seen[name] = true
			if name == "MAINPID" && value != "4194304" {
				t.Fatalf("the main process is %s", value)
			}
			for _, r := range value {
				if r < ' ' || r == 0x7f || r == '\u202e' {
					t.Fatalf("%q", line)
				}
			}
		}
		if m.FDs != (seen["FDSTORE"] || seen["BARRIER"]) {
			t.Fatalf("%+v", m)
		}
	})
}
