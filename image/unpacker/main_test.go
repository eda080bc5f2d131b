package unpacker

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/lichen-sandbox/lichen/image/unpack"
	"github.com/lichen-sandbox/lichen/internal/subid"
)

// TestMain is also the worker, whose applier obeys the layers of attack_test.go.
func TestMain(m *testing.M) {
	if os.Args[0] == Name {
		os.Exit(serve(func(root *os.File, o unpack.Options) applier { return &attackable{unpack.New(root, o)} }))
	}
	os.Exit(m.Run())
}

// Users that tests run as. The second has no entry in /etc/passwd and no
// subordinate ids; the third is made by test/setup/setup.sh.
const (
	plainUID  = 1500
	rangesUID = 1501
)

func skip(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("LICHEN_MUST_WORK") == "1" {
		t.Fatal("must work here, but: " + reason)
	}
	t.Skip(reason)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// asUsers runs a test as the suite's user and, when that is root, as the other
// two, and where user namespaces are forbidden: in processes of their own, since ids belong to threads.
func asUsers(t *testing.T, test func(t *testing.T, ids Mapping)) {
	if as := os.Getenv("LICHEN_TEST_AS"); as != "" {
		ids := self()
		if as == "ranges" {
			ids = ranges(t)
		}
		test(t, ids)
		return
	}
	t.Run("self", func(t *testing.T) { test(t, self()) })
	if os.Getuid() != 0 {
		return
	}
	t.Run("plain", func(t *testing.T) { rerun(t, plainUID, "single") })
	t.Run("ranges", func(t *testing.T) {
		if subid.Caller(rangesUID).Name == "" {
			skip(t, "there is no user with ranges; run test/setup/setup.sh")
		}
		rerun(t, rangesUID, "ranges")
	})
	// The host allows no user namespaces, as far as this process can tell, and
	// it has no capabilities.
	t.Run("forbidden", func(t *testing.T) {
		rerun(t, plainUID, "forbidden", "unshare", "-r", "sh", "-c", `echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all --inh-caps=-all "$0" "$@"`)
	})
}

func self() Mapping { return subid.SingleMapping(uint32(os.Getuid()), uint32(os.Getgid())) }

func ranges(t *testing.T) Mapping {
	t.Helper()
	if _, err := os.Stat(helperDir + "newuidmap"); err != nil {
		skip(t, "no newuidmap (Debian: package uidmap)")
	}
	ids, err := subid.ReadMapping(subid.Caller(uint32(os.Getuid())), uint32(os.Getgid()))
	check(t, err)
	return ids
}

func rerun(t *testing.T, uid uint32, as string, through ...string) {
	dir, err := os.MkdirTemp("", "lichen-unpacker-")
	check(t, err)
	defer os.RemoveAll(dir)
	check(t, os.Chmod(dir, 0o777))
	exe, err := os.ReadFile("/proc/self/exe")
	check(t, err)
	check(t, os.WriteFile(dir+"/test", exe, 0o755))
	name, _, _ := strings.Cut(t.Name(), "/")
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	args := append(through, dir+"/test", "-test.v", "-test.run=^"+name+"$")
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LICHEN_TEST_AS="+as, "TMPDIR="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	out, err := cmd.CombinedOutput()
	switch {
	case strings.Contains(string(out), "--- SKIP: "+name+" "):
		t.Skip(string(out))
	case err != nil || !strings.Contains(string(out), "--- PASS: "+name+" "):
		t.Errorf("%v\n%s", err, out)
	}
}

// entry of a layer made by tests.
type entry struct {
	name, content string
	kind          byte // default: a regular file
	mode          int64
	uid, gid      int
	link          string
}

func archive(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		if e.kind == 0 {
			e.kind = tar.TypeReg
		}
		check(t, w.WriteHeader(&tar.Header{Name: e.name, Typeflag: e.kind, Mode: e.mode, Uid: e.uid, Gid: e.gid, Linkname: e.link,
			Size: int64(len(e.content)), ModTime: time.Unix(1e9, 0), Format: tar.FormatPAX}))
		_, err := w.Write([]byte(e.content))
		check(t, err)
	}
	check(t, w.Close())
	return b.Bytes()
}

func gzipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(data)
	check(t, err)
	check(t, w.Close())
	return b.Bytes()
}

func zstded(t *testing.T, data []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	check(t, err)
	return w.EncodeAll(data, nil)
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// layer is a Layer of these compressed bytes.
func layer(compressed, plain []byte) Layer {
	return Layer{DiffID: digest(plain), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(compressed)), nil }}
}

// staging returns a new empty directory, which Remove removes afterwards.
func staging(t *testing.T, ids Mapping) string {
	t.Helper()
	dir := t.TempDir() + "/staging"
	check(t, os.Mkdir(dir, 0o700))
	t.Cleanup(func() {
		if err := Remove(dir, ids); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// deadline bounds every run: a worker that hangs must not hold up the suite.
func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeoutCause(context.Background(), time.Minute, errors.New("took a minute"))
	t.Cleanup(cancel)
	return ctx
}

// children returns the processes whose parent is this one.
func children(t *testing.T) []string {
	t.Helper()
	var all []string
	tasks, err := os.ReadDir("/proc/self/task")
	check(t, err)
	for _, task := range tasks {
		data, err := os.ReadFile("/proc/self/task/" + task.Name() + "/children")
		if err == nil {
			all = append(all, strings.Fields(string(data))...)
		}
	}
	return all
}

func number(s string) int {
	n, _ := strconv.Atoi(s) // tests compare it
	return n
}
