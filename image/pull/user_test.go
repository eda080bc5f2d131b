package pull

import (
	"strings"
	"testing"
)

const (
	testPasswd = "root:x:0:0:root:/root:/bin/sh\n# comment\n\nshort:x:5\nwww:x:33:44:web:/srv/www:/bin/false\n" +
		"odd:x:-1:0::/:\n1000:x:7:8::/home/seven:\nnohome:x:9:9:::\nlast:x:4294967294:1::/last:/bin/sh"
	testGroup = "root:x:0:\nstaff:x:50:www\nbad:x:many:\n60:x:61:\n"
)

func TestResolveUser(t *testing.T) {
	tests := []struct {
		user     string
		uid, gid uint32
		home     string
		reason   string
	}{
		{"", 0, 0, "/root", ""},
		{"root", 0, 0, "/root", ""},
		{"0", 0, 0, "/root", ""},
		{"www", 33, 44, "/srv/www", ""},
		{"33", 33, 44, "/srv/www", ""},
		{"www:", 33, 44, "/srv/www", ""},
		{"www:staff", 33, 50, "/srv/www", ""},
		{"www:50", 33, 50, "/srv/www", ""},
		{"www:51", 33, 51, "/srv/www", ""},
		{"1234", 1234, 0, "", ""},
		{"1234:staff", 1234, 50, "", ""},
		{"1000", 7, 8, "/home/seven", ""}, // a name of digits
		{":staff", 0, 50, "/root", ""},
		{"nohome", 9, 9, "", ""},
		{"last", 4294967294, 1, "/last", ""},
		{"root:60", 0, 61, "/root", ""},
		{"nobody", 0, 0, "", `no user "nobody"`},
		{"short", 0, 0, "", `no user "short"`},
		{"#", 0, 0, "", `no user "#"`},
		{"odd", 0, 0, "", `bad number`},
		{"www:bad", 0, 0, "", `bad number`},
		{"www:none", 0, 0, "", `no group "none"`},
		{"-1", 0, 0, "", `no user "-1"`},
		{"4294967295", 0, 0, "", `no user "4294967295"`},
		{"99999999999", 0, 0, "", `no user`},
		{"a\nb", 0, 0, "", `"a\nb"`},
	}
	for _, tt := range tests {
		a, reason := resolveUser(tt.user, testPasswd, testGroup)
		if tt.reason != "" {
			if !strings.Contains(reason, tt.reason) {
				t.Errorf("%q: %+v, %q", tt.user, a, reason)
			}
			continue
		}
		if reason != "" || a != (account{tt.uid, tt.gid, tt.home}) {
			t.Errorf("%q: %+v, %q", tt.user, a, reason)
		}
	}
	if a, reason := resolveUser("", "", ""); reason != "" || a != (account{}) {
		t.Errorf("no files: %+v, %q", a, reason)
	}
}
