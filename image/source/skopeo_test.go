package source

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestSkopeoReads: another implementation reads what is written here.
func TestSkopeoReads(t *testing.T) {
	s := newStore()
	s.tags["v1"] = s.image("amd64", true).Digest
	s.multi()
	dir := t.TempDir()
	for ours, theirs := range map[string]string{
		"oci:" + dir + "/l:v1":                   "oci:" + dir + "/l:v1",
		"oci-archive:" + dir + "/a.tar:v1":       "oci-archive:" + dir + "/a.tar:v1",
		"docker-archive:" + dir + "/d.tar:app:1": "docker-archive:" + dir + "/d.tar:app:1",
	} {
		if _, err := copyTo(t, s, "host.test/x:v1", ours, Options{Platform: "linux/amd64"}); err != nil {
			t.Fatal(err)
		}
		if out := skopeo(t, "inspect", theirs); !strings.Contains(out, `"Architecture": "amd64"`) {
			t.Errorf("%s: %s", theirs, out)
		}
		// A copy makes it read and check every layer.
		skopeo(t, "copy", theirs, "dir:"+temp(t, "copy"))
	}
	if _, err := copyTo(t, s, "host.test/x:multi", "oci-archive:"+dir+"/m.tar:v1", Options{AllPlatforms: true}); err != nil {
		t.Fatal(err)
	}
	// Without the tag: skopeo 1.9 finds those of single images only.
	skopeo(t, "--override-arch", "arm64", "copy", "oci-archive:"+dir+"/m.tar", "dir:"+temp(t, "copy"))
}

// TestSkopeoWrites: what another implementation writes is read here.
func TestSkopeoWrites(t *testing.T) {
	s := newStore()
	s.tags["v1"] = s.image("amd64", false).Digest // docker's form knows no zstd
	want := checkImage(t, s, "host.test/x:v1", "linux/amd64")
	dir := t.TempDir()
	if _, err := copyTo(t, s, "host.test/x:v1", "oci:"+dir+"/l:v1", Options{Platform: "linux/amd64"}); err != nil {
		t.Fatal(err)
	}
	host := realRegistry(t)
	for theirs, ours := range map[string]string{
		"oci:" + dir + "/l2:v1":                    "oci:" + dir + "/l2:v1",
		"oci-archive:" + dir + "/a.tar:v1":         "oci-archive:" + dir + "/a.tar",
		"docker-archive:" + dir + "/d.tar:app:1":   "docker-archive:" + dir + "/d.tar:app:1",
		"docker-archive:" + dir + "/e.tar:a/app:2": "tar:" + dir + "/e.tar",
		"docker://" + host + "/app:v1":             "docker://" + host + "/app:v1",
	} {
		skopeo(t, "copy", "--dest-tls-verify=false", "oci:"+dir+"/l:v1", theirs)
		got := checkImage(t, openSource(t, ours), ours, "linux/amd64")
		if !reflect.DeepEqual(got.DiffIDs, want.DiffIDs) || string(got.Config) != string(want.Config) {
			t.Errorf("%s: %v, not %v", ours, got.DiffIDs, want.DiffIDs)
		}
		// And on, through our writers, back to the other one.
		if _, err := copyTo(t, openSource(t, ours), ours, "docker-archive:"+dir+"/back.tar:app:1", Options{Platform: "linux/amd64"}); err != nil {
			t.Fatal(err)
		}
		skopeo(t, "copy", "docker-archive:"+dir+"/back.tar:app:1", "dir:"+temp(t, "copy"))
		os.Remove(filepath.Join(dir, "back.tar"))
	}
}
