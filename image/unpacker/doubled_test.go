package unpacker

import (
	"os"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/internal/subid"
)

// TestDoubledSubuid: newuidmap refuses what a doubled line and an overlapping
// one would make of a map, so they are made one before.
func TestDoubledSubuid(t *testing.T) {
	if os.Getenv("LICHEN_TEST_AS") != "" {
		ids := ranges(t)
		first, second := sample(t)
		run(t, Job{IDs: ids, Layers: []Layer{layer(first, first), layer(second, second)}})
		if n := len(ids.UIDs.Extents); n != 2 {
			t.Errorf("%d extents", n)
		}
		return
	}
	name := subid.Caller(rangesUID).Name
	if os.Getuid() != 0 || name == "" {
		skip(t, "needs root, and the user of test/setup/setup.sh")
	}
	dir := t.TempDir()
	line := name + ":300000:65536\n"
	check(t, os.WriteFile(dir+"/doubled", []byte(line+line+strings.Replace(line, "65536", "10", 1)), 0o644))
	rerun(t, 0, "ranges", "unshare", "-m", "sh", "-c",
		`mount --bind `+dir+`/doubled /etc/subuid && mount --bind `+dir+`/doubled /etc/subgid && exec setpriv --reuid 1501 --regid 1501 --clear-groups "$0" "$@"`)
}
