// Package unpacker unpacks the layers of an image in a process of its own.
//
// Layers are bytes of strangers, and what reads them (decompressors, the tar
// reader, the applier) runs where a fault in it is worth little: in its own
// user, network, IPC and process namespaces, behind Landlock and a seccomp
// filter, without environment, network or a file but the new tree. The parent
// side, Run, feeds it compressed bytes through pipes and takes a short report
// back, which it does not trust either.
//
// The program that calls Run must call Worker first thing in main when it was
// started under the name Name.
package unpacker

import (
	"encoding/hex"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/image/tree"
	"github.com/lichen-sandbox/lichen/image/unpack"
	"github.com/lichen-sandbox/lichen/internal/subid"
	"github.com/lichen-sandbox/lichen/spec"
)

// Name is what the program is started as, argv[0], when it is the worker.
const Name = "lichen-unpack"

// Names in a tree's directory, as the store has them.
const (
	rootfsName = "rootfs"
	ownersName = "owners"
)

// maxLayers bounds a job: each layer is a pipe. The largest images have 127,
// which is what their builders' overlay mounts allow.
const maxLayers = 512

// Mapping is the ids that a tree is unpacked with.
type Mapping = subid.Mapping

// Layer is one layer of an image.
type Layer struct {
	// Open returns the layer's compressed bytes as they arrive. It is called
	// when the worker is about to want them, from any goroutine, once at most:
	// not for layers of the base, nor after a failure. Open must end when the
	// job's context does; Close may come during a Read and must end it.
	Open      func() (io.ReadCloser, error)
	MediaType string // for messages; how it is compressed shows in its bytes
	DiffID    string // "sha256:" and the digest of the uncompressed bytes
}

// Job is a tree to make.
type Job struct {
	Staging string // an existing directory; gets "rootfs" and "owners"
	Base    string // a directory with both to start from; "" for none
	// BaseLayers is how many of the first Layers Base has; those are not opened.
	BaseLayers int
	Layers     []Layer // of the whole image, lowest first
	IDs        Mapping
	Limits     unpack.Limits
	NoSetID    bool // as in unpack.Options; not with a base, which may have such files
}

// Result is what became of a job.
type Result struct {
	Summary     unpack.Summary
	Cloned      tree.Stats // what was taken over from Base
	Confinement Confinement
}

// Confinement is what the worker ran under.
type Confinement struct {
	Namespaces []string // "user", "net", "ipc", "pid"; none where they are forbidden
	Landlock   int      // the kernel's ABI; 0: none
	Missing    []string // what this kernel did not confine, for people
}

func (j *Job) validate() error {
	switch {
	case !filepath.IsAbs(j.Staging):
		return invalid("the staging directory " + strconv.Quote(j.Staging) + " is not an absolute path")
	case j.Base != "" && !filepath.IsAbs(j.Base):
		return invalid("the base " + strconv.Quote(j.Base) + " is not an absolute path")
	case j.BaseLayers < 0 || j.BaseLayers > len(j.Layers):
		return invalid("the base has " + strconv.Itoa(j.BaseLayers) + " layers of " + strconv.Itoa(len(j.Layers)))
	case (j.Base == "") != (j.BaseLayers == 0):
		return invalid("a base without layers, or layers without a base")
	case j.NoSetID && j.Base != "":
		return invalid("a base may have setuid files")
	case len(j.Layers)-j.BaseLayers > maxLayers:
		return invalid(strconv.Itoa(len(j.Layers)) + " layers, more than " + strconv.Itoa(maxLayers))
	case len(j.IDs.UIDs.Extents) == 0 || len(j.IDs.GIDs.Extents) == 0:
		return invalid("no ids are mapped")
	}
	for _, l := range j.Layers {
		sum, ok := strings.CutPrefix(l.DiffID, "sha256:")
		if raw, err := hex.DecodeString(sum); !ok || err != nil || len(raw) != 32 || sum != strings.ToLower(sum) {
			return invalid("the diffID " + strconv.Quote(l.DiffID) + " is no sha256 digest")
		}
	}
	return nil
}

func invalid(reason string) error { return &spec.Error{Op: "unpack", Reason: reason} }
