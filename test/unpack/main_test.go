// Package unpack_test holds the unpacker against the reference: the trees of
// all test images, entry by entry, for every compression and both id modes.
package unpack_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lichen-sandbox/lichen/image/unpacker"
	"github.com/lichen-sandbox/lichen/internal/subid"
	"github.com/lichen-sandbox/lichen/test/images"
)

// orderVariable is set where this program is started again as another user, to
// unpack one image.
const orderVariable = "LICHEN_TEST_UNPACK"

// order is what the other user does.
type order struct {
	Layout, Image string
	Staging       string
	Base          string // "": none
	BaseLayers    int
	Ranges        bool // subordinate ids
	Remove        bool // the staging directory, instead
	DiffIDs       []string
}

func TestMain(m *testing.M) {
	if os.Args[0] == unpacker.Name {
		os.Exit(unpacker.Worker())
	}
	if text := os.Getenv(orderVariable); text != "" {
		if err := obey(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func obey(text string) error {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	uid, gid := uint32(os.Getuid()), uint32(os.Getgid())
	ids := subid.SingleMapping(uid, gid)
	if o.Ranges {
		var err error
		if ids, err = subid.ReadMapping(subid.Caller(uid), gid); err != nil {
			return err
		}
	}
	if o.Remove {
		return unpacker.Remove(o.Staging, ids)
	}
	job := unpacker.Job{Staging: o.Staging, Base: o.Base, BaseLayers: o.BaseLayers, IDs: ids}
	blobs, err := images.Blobs(o.Layout, o.Image)
	if err != nil {
		return err
	}
	for i, path := range blobs {
		job.Layers = append(job.Layers, unpacker.Layer{DiffID: o.DiffIDs[i], Open: func() (io.ReadCloser, error) { return os.Open(path) }})
	}
	result, err := unpacker.Run(context.Background(), job)
	if err == nil {
		fmt.Println(strings.Join(result.Summary.Warnings, "\n"))
	}
	return err
}

// as runs an order as a user.
func as(t *testing.T, uid int, program string, o order) string {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/bin:/bin", orderVariable + "=" + string(text)}
	if uid != os.Getuid() {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("as uid %d: %v\n%s", uid, err, out)
	}
	return string(out)
}
