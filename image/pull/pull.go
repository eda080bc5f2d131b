// Package pull brings images into the store: it resolves a reference, fetches
// what the store lacks, unpacks it while it arrives, and writes the record that
// a launch reads.
package pull

import (
	"context"
	"errors"
	"io/fs"
	"strconv"
	"sync"

	"github.com/lichen-sandbox/lichen/image/record"
	"github.com/lichen-sandbox/lichen/image/ref"
	"github.com/lichen-sandbox/lichen/image/source"
	"github.com/lichen-sandbox/lichen/image/source/oci"
	"github.com/lichen-sandbox/lichen/image/store"
	"github.com/lichen-sandbox/lichen/image/unpack"
	"github.com/lichen-sandbox/lichen/internal/subid"
	"github.com/lichen-sandbox/lichen/spec"
)

// Policy says when the source of an image is asked.
type Policy uint8

const (
	Missing Policy = iota // when the store does not have the image
	Always                // always; what it has now is taken
	Never                 // never
)

// ParsePolicy reads the name of a policy.
func ParsePolicy(s string) (Policy, error) {
	switch s {
	case "", "missing":
		return Missing, nil
	case "always":
		return Always, nil
	case "never":
		return Never, nil
	}
	return 0, &spec.Error{Op: "pull", Reason: "there is no policy " + strconv.Quote(s) + ": missing, always or never"}
}

// ErrIncomplete is the cause of a failure under the policy Never: the store has
// the image's record, but not all that was asked for.
var ErrIncomplete = errors.New("part of it is not in the store, and nothing is to be fetched")

// Options say what to pull.
type Options struct {
	Store    *store.Store
	Ref      ref.Ref
	Platform string // "" is this host's
	Policy   Policy
	// Manifest is the digest of the image to get, "" for the one that Ref names
	// now.
	Manifest string
	// Whole fetches layers too that are in no need of being unpacked.
	Whole   bool
	NoSetID bool // Unpack only; as in unpack.Options
	IDs     subid.Mapping
	Sources *source.Config
	Limits  unpack.Limits
	Watcher Watcher // may be nil
}

// Result is an image that is ready.
type Result struct {
	Record   *record.Record
	Tree     store.TreeKey
	Changed  bool     // the record or the tree is new
	Warnings []string // what was left out of the tree, such as device nodes
}

// Layer is one layer of an image that is being fetched.
type Layer struct {
	Number, Of int    // from 1
	Digest     string // of what is fetched
	Size       int64  // bytes to fetch
	Present    bool   // it was in the store already
}

// Watcher is told how layers arrive. Its methods are called by several
// goroutines at once.
type Watcher interface {
	Begin(l Layer)
	Bytes(l Layer, n int64) // n of them are there
	End(l Layer, err error)
}

// puller is one pull.
type puller struct {
	Options
	ids    store.IDs
	stamp  string         // of a local reference, now
	old    *record.Record // nil: none, or of no use
	result Result

	mu     sync.Mutex
	remote source.Source // nil until it is asked
}

// Pull makes an image ready to run. Nothing that can be seen in the store is
// ever half there: blobs and trees appear by rename, the record comes last.
// Several pulls of one image, by any processes, do the work once. A context
// that ends leaves downloads for the next pull to resume.
func Pull(ctx context.Context, o Options) (*Result, error) {
	p := &puller{Options: o, ids: store.IDs(o.IDs.ID())}
	defer p.close()
	if err := p.begin(); err != nil {
		return nil, err
	}
	if !p.Whole && p.ready() {
		return &p.result, nil
	}
	if err := p.pull(ctx, p.prepare); err != nil {
		return nil, p.ended(ctx, err)
	}
	return &p.result, nil
}

// pull finds the image and does with it what is wanted, all under one lock.
func (p *puller) pull(ctx context.Context, do func(context.Context, *Image) error) error {
	writing, err := wait(ctx, p.Store.Writing)
	if err != nil {
		return err
	}
	defer writing.Close()
	img, err := p.find(ctx)
	if err != nil {
		return err
	}
	return do(ctx, img)
}

// ended puts the end of the context in the place of what followed from it.
func (p *puller) ended(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return &spec.Error{Op: "pull", Object: p.Ref.String(), Err: context.Cause(ctx)}
}

// begin checks the options and looks for a record that may be used.
func (p *puller) begin() error {
	if p.Ref.Kind == ref.Dir {
		return p.fail("a directory is used as it is", "give it to lichen run --image, without a pull")
	}
	if err := p.normalize(); err != nil {
		return err
	}
	return p.readRecord()
}

// normalize writes the platform in one way, "" for the host's.
func (p *puller) normalize() error {
	if p.Platform == "" {
		return nil
	}
	platform, err := oci.ParsePlatform(p.Platform)
	if err != nil {
		return err
	}
	if p.Platform = platform.String(); p.Platform == store.HostPlatform() {
		p.Platform = ""
	}
	return nil
}

// readRecord looks for a record that may be used.
func (p *puller) readRecord() error {
	stamp, err := p.Ref.Stamp()
	if err != nil && p.Policy != Never {
		return err
	}
	p.stamp = stamp
	rec, err := p.Store.Record(p.Ref, p.Platform)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if p.Policy == Never {
			return p.fail("the store does not have it, and nothing is to be fetched", "lichen image pull --pull missing "+p.Ref.String())
		}
		return nil
	case err != nil && p.Policy == Never:
		return err
	case err != nil: // damaged: it is written again
		return nil
	}
	if p.Policy == Never || p.Policy == Missing && rec.Stamp == stamp {
		p.old = rec
	}
	return nil
}

// ready reports whether there is nothing to do, and sets the result.
func (p *puller) ready() bool {
	if p.old == nil {
		return false
	}
	k, err := store.Key(p.old.ChainID, p.ids)
	if err != nil || !p.Store.HasTree(k) {
		return false
	}
	p.result = Result{Record: p.old, Tree: k}
	return true
}

func (p *puller) fail(reason, hint string) error {
	return &spec.Error{Op: "pull", Object: p.Ref.String(), Reason: reason, Hint: hint}
}
