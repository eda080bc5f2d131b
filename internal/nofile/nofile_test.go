package nofile_test

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/internal/nofile"
)

// The test is outside of the package: with its imports in it, the package would come
// after package syscall.

// TestSoft protects that the limit is read before package syscall raises it: it
// runs itself under a low one.
func TestSoft(t *testing.T) {
	const low = 123
	if os.Getenv("NOFILE_CHILD") != "" {
		soft, ok := nofile.Soft()
		if s, hard := nofile.Started(); s != soft || hard < soft {
			t.Errorf("started with %d, %d", s, hard)
		}
		os.Stdout.WriteString("soft " + strconv.FormatUint(soft, 10) + " " + strconv.FormatBool(ok) + "\n")
		return
	}
	cmd := exec.Command("sh", "-c", `ulimit -Sn `+strconv.Itoa(low)+`; exec "$0" -test.run=TestSoft`, os.Args[0])
	cmd.Env = append(os.Environ(), "NOFILE_CHILD=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "soft 123 true\n") {
		t.Errorf("%v\n%s", err, out)
	}
}
