package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lichen-sandbox/lichen/image/config"
	"github.com/lichen-sandbox/lichen/image/keep"
	"github.com/lichen-sandbox/lichen/image/record"
	"github.com/lichen-sandbox/lichen/image/ref"
	"github.com/lichen-sandbox/lichen/image/store"
	"github.com/lichen-sandbox/lichen/spec"
)

// image is what a sandbox holds of an image while it runs: the lease on the
// tree, and the lock of a kept layer. The kernel lets go of both when the
// launcher ends, however it does.
type image struct {
	ui   *ui
	pull bool // a missing image may be fetched
	held []io.Closer
}

// attach finds the image that a Spec names and makes it the root.
func (i *image) attach(s *spec.Spec) error {
	if s.Rootfs.Image == "" {
		return nil
	}
	origin := s.OriginOf("rootfs.image")
	r, err := i.reference(s.Rootfs.Image)
	if err != nil {
		return at(err, origin)
	}
	ids, err := storeIDs(s)
	if err != nil {
		return at(err, s.OriginOf("rootfs.ids"))
	}
	src := config.Source{Tree: r.Path, Origin: origin}
	base := keep.Base{Reference: r.String(), Manifest: noDigest, ChainID: noDigest, IDs: string(ids)}
	if r.Kind != ref.Dir {
		rec, tree, err := i.find(s, r, ids)
		if err != nil {
			return at(err, origin)
		}
		src.Tree = tree
		src.Origin = spec.Origin{File: "image " + r.String()}
		base = keep.Base{Reference: rec.Reference, Manifest: rec.Manifest, ChainID: rec.ChainID, IDs: string(ids)}
		if err := config.Apply(s, rec, src.Origin); err != nil {
			return err
		}
	}
	if s.Rootfs.Write == spec.WriteKeep {
		if _, err := os.Lstat(s.Rootfs.Keep); err != nil && !i.pull {
			return &spec.Error{Op: "plan", Object: "kept layer " + s.Rootfs.Keep, Reason: "it is not there yet, and a plan makes nothing",
				Origin: s.OriginOf("rootfs.write"), Hint: "a first run makes it; the plan with --write tmpfs is the same but for the upper directory"}
		}
		tree, err := os.Stat(src.Tree)
		if err != nil {
			return at(&spec.Error{Op: "use", Object: "root file system " + src.Tree, Err: unwrapPath(err)}, origin)
		}
		layer, err := keep.Open(s.Rootfs.Keep, base, tree.Mode())
		if err != nil {
			return at(err, s.OriginOf("rootfs.write"))
		}
		i.held = append(i.held, layer)
		src.Upper, src.Work = layer.Upper, layer.Work
	}
	return config.Root(s, src)
}

// reference reads a reference. One on the command line may have a relative path
// in it, which was made absolute there; what is left is for the hints.
func (i *image) reference(text string) (ref.Ref, error) {
	dir, err := os.Getwd()
	if err != nil {
		return ref.Parse(text)
	}
	return ref.ParseIn(text, dir)
}

// noDigest stands in the note of a kept layer over a directory that is no
// image.
const noDigest = "sha256:0000000000000000000000000000000000000000000000000000000000000000"

// find looks an image up in the store, has it fetched where it may be, and
// takes a lease on its tree.
func (i *image) find(s *spec.Spec, r ref.Ref, ids store.IDs) (*record.Record, string, error) {
	fetched := false
	if s.Rootfs.Pull == spec.PullAlways && i.pull {
		if err := i.fetch(s, r); err != nil {
			return nil, "", err
		}
		fetched = true
	}
	for {
		rec, tree, err := i.lookup(r, s.Rootfs.Platform, ids)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return rec, tree, err
		}
		if fetched {
			return nil, "", &spec.Error{Op: "use", Object: "image " + r.String(), Reason: "it was fetched, and is not in the store: somebody removes images"}
		}
		if !i.pull || s.Rootfs.Pull == spec.PullNever {
			return nil, "", &spec.Error{Op: "use", Object: "image " + r.String(), Reason: "it is not in the store", Hint: "fetch it: lichen image pull " + pullHint(s, r)}
		}
		if err := i.fetch(s, r); err != nil {
			return nil, "", err
		}
		fetched = true
	}
}

func pullHint(s *spec.Spec, r ref.Ref) string {
	text := r.String()
	if s.Rootfs.IDs == spec.IDsSubuid {
		text = "--ids subuid " + text
	}
	return text
}

// lookup is all that a launch from a known image costs. A local image that has
// changed since counts as missing.
func (i *image) lookup(r ref.Ref, platform string, ids store.IDs) (*record.Record, string, error) {
	dir, err := store.DefaultDir(os.Getenv)
	if err != nil {
		return nil, "", err
	}
	st, err := store.Open(dir)
	if errors.Is(err, store.ErrNoStore) {
		return nil, "", fs.ErrNotExist
	}
	if err != nil {
		return nil, "", err
	}
	rec, err := st.Record(r, platform)
	if err != nil {
		return nil, "", err
	}
	if rec.Stamp != "" {
		stamp, err := r.Stamp()
		if err != nil {
			return nil, "", err
		}
		if stamp != rec.Stamp {
			return nil, "", fs.ErrNotExist
		}
	}
	key, err := store.Key(rec.ChainID, ids)
	if err != nil {
		return nil, "", err
	}
	lease, err := st.Lease(key)
	if err != nil {
		return nil, "", err
	}
	i.held = append(i.held, lease)
	return rec, lease.Rootfs, nil
}

// errReported is the cause of an error that another program has printed.
var errReported = errors.New("the reason is on standard error")

// fetch runs "lichen-tools image pull", which says itself what goes wrong.
func (i *image) fetch(s *spec.Spec, r ref.Ref) error {
	tools, err := toolsPath()
	if err != nil {
		return err
	}
	args := []string{tools, "image", "pull", "--pull", [...]string{"missing", "always", "never"}[s.Rootfs.Pull]}
	if s.Rootfs.Platform != "" {
		args = append(args, "--platform", s.Rootfs.Platform)
	}
	if s.Rootfs.IDs == spec.IDsSubuid {
		args = append(args, "--ids", "subuid")
	}
	// Standard output belongs to the payload.
	p, err := os.StartProcess(tools, append(args, "--", r.String()), &os.ProcAttr{Files: []*os.File{nil, os.Stderr, os.Stderr}})
	if err != nil {
		return &spec.Error{Op: "run", Object: tools, Err: unwrapPath(err)}
	}
	state, err := p.Wait()
	if err != nil {
		return &spec.Error{Op: "wait for", Object: tools, Err: unwrapPath(err)}
	}
	if !state.Success() {
		return &spec.Error{Op: "fetch", Object: "image " + r.String(), Err: errReported}
	}
	return nil
}

// toolsPath finds the program with the heavy parts: in $LICHEN_LIBEXEC, or in
// libexec/lichen beside the directory of this one.
func toolsPath() (string, error) {
	dir := os.Getenv("LICHEN_LIBEXEC")
	if dir == "" {
		exe, err := os.Executable()
		if err != nil {
			return "", &spec.Error{Op: "find", Object: "lichen-tools", Err: unwrapPath(err)}
		}
		dir = filepath.Join(filepath.Dir(exe), "..", "libexec", "lichen")
	}
	tools := filepath.Join(dir, "lichen-tools")
	if _, err := os.Stat(tools); err != nil {
		return "", &spec.Error{Op: "find", Object: tools, Err: unwrapPath(err), Hint: "install it, or say with LICHEN_LIBEXEC where it is"}
	}
	return tools, nil
}

// at gives an error without a place the place that asked.
func at(err error, origin spec.Origin) error {
	if e, ok := errors.AsType[*spec.Error](err); ok && e.Origin.IsZero() {
		e.Origin = origin
	}
	return err
}
