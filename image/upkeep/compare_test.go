package upkeep

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// build makes a tree: names that end in a slash are directories.
func build(t *testing.T, names ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, name := range names {
		path := filepath.Join(root, name)
		var err error
		if strings.HasSuffix(name, "/") {
			err = os.Mkdir(path, 0o755)
		} else if err = os.WriteFile(path, []byte(name), 0o644); err == nil {
			err = os.Chtimes(path, time.Unix(1, 0), time.Unix(1, 0))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func differences(t *testing.T, got, want string) string {
	t.Helper()
	var list []string
	if err := compareTrees(got, want, func(d Difference) { list = append(list, d.Path+": "+d.What) }); err != nil {
		t.Fatal(err)
	}
	return strings.Join(list, "; ")
}

func TestCompareNames(t *testing.T) {
	// "a.b" sorts before "a/b" as bytes, and comes after it in a walk.
	all := []string{"a/", "a/b", "a/c/", "a/c/d", "a.b", "a0", "z"}
	if d := differences(t, build(t, all...), build(t, all...)); d != "" {
		t.Errorf("the same trees: %s", d)
	}
	for i, name := range all {
		less := slices.DeleteFunc(slices.Clone(all), func(s string) bool {
			return strings.HasPrefix(s, all[i]) && (s == name || strings.HasSuffix(name, "/"))
		})
		path := strings.TrimSuffix(name, "/")
		if d := differences(t, build(t, less...), build(t, all...)); d != path+": missing" {
			t.Errorf("without %s: %s", name, d)
		}
		if d := differences(t, build(t, all...), build(t, less...)); d != path+": no part of the image" {
			t.Errorf("with %s: %s", name, d)
		}
	}
}

func TestCompareEntries(t *testing.T) {
	for name, tt := range map[string]struct {
		do   func(root string) error
		want string
	}{
		"nothing":   {func(string) error { return nil }, ""},
		"fifo":      {func(r string) error { os.Remove(r + "/f"); return syscall.Mkfifo(r+"/f", 0o644) }, "f: type fifo, not file"},
		"mode":      {func(r string) error { return os.Chmod(r+"/d", 0o1755|os.ModeSticky) }, "d: mode 01755, not 0755"},
		"root mode": {func(r string) error { return os.Chmod(r, 0o711) }, ".: mode 0711, not 0755"},
		"attribute": {func(r string) error { return syscall.Setxattr(r+"/f", "user.x", []byte("1"), 0) }, `f: an extended attribute too many: "user.x"`},
		"link": {func(r string) error {
			if err := os.Remove(r + "/g"); err != nil {
				return err
			}
			return os.Link(r+"/f", r+"/g")
		}, `g: a hard link of "f", not of "g"; g: other content, from byte 0 on`},
	} {
		got, want := build(t, "d/", "f", "g"), build(t, "d/", "f", "g")
		for _, root := range []string{got, want} {
			if err := os.Chmod(root, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := tt.do(got); err != nil {
			if name == "attribute" && err == syscall.ENOTSUP {
				continue
			}
			t.Fatal(err)
		}
		if d := differences(t, got, want); d != tt.want {
			t.Errorf("%s: %q, want %q", name, d, tt.want)
		}
	}
}

func TestFirstDifference(t *testing.T) {
	long := strings.Repeat("x", 300_000)
	for _, tt := range []struct {
		a, b string
		want int64
	}{
		{"", "", -1}, {long, long, -1}, {long + "a", long + "b", 300_000}, {"abc", "aXc", 1}, {"ab", "abc", 2},
	} {
		if got, err := firstDifference(strings.NewReader(tt.a), strings.NewReader(tt.b)); err != nil || got != tt.want {
			t.Errorf("%d, %v, want %d", got, err, tt.want)
		}
	}
}
