package store

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/lichen-sandbox/lichen/image/record"
)

// keepPartial is how long an interrupted download is kept for its resumption.
const keepPartial = 7 * 24 * time.Hour

// Sweep says what to remove.
type Sweep struct {
	// Digests returns the digests of all blobs that a record's image needs.
	// Where it is nil, or fails for one record, no blob is removed.
	Digests func(*record.Record) ([]string, error)

	// Remove removes a directory with a tree in it; nil: RemoveAll.
	Remove func(dir string) error

	Partial bool // interrupted downloads that are younger than a week too
	DryRun  bool // only report
}

// Swept is a thing that was removed, or would be.
type Swept struct {
	Kind  string // "staging", "partial", "blob" or "tree"
	Name  string // of the file or directory: the digest's hex, the tree's key
	Bytes int64  // size of a file; 0 for directories
	InUse bool   // it was left, since somebody uses it
}

// Sweep removes what no record needs and what nobody works at: unfinished trees,
// old interrupted downloads, blobs, trees. It goes on after an error, and returns
// what it did and all errors: on one line, and apart by Unwrap() []error. A record
// that cannot be read keeps all blobs and trees, since nobody knows which are its
// own. The error is ErrInUse while something is being written: a pull has blobs
// that no record needs yet.
func (s *Store) Sweep(o Sweep) ([]Swept, error) {
	l, err := s.lock("sweep image store", syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	w := &sweeper{s: s, o: o}
	w.failed(w.staging())
	w.failed(w.partial())
	w.failed(w.temporary())
	records, err := s.Records()
	readable := err == nil
	w.failed(err)
	for _, r := range records {
		w.failed(r.Err)
		readable = readable && r.Err == nil
	}
	if readable {
		w.failed(w.blobs(records))
		w.failed(w.trees(records))
	}
	return w.swept, join(w.errs...)
}

// SweepStaging removes the trees that nobody builds any more, those of crashed
// processes, by remove (nil: RemoveAll). It may run at any time.
func (s *Store) SweepStaging(remove func(dir string) error) error {
	w, err := s.Writing()
	if err != nil {
		return err
	}
	defer w.Close()
	return (&sweeper{s: s, o: Sweep{Remove: remove}}).staging()
}

type sweeper struct {
	s     *Store
	o     Sweep
	swept []Swept
	errs  []error
}

func (w *sweeper) failed(err error) {
	if err != nil {
		w.errs = append(w.errs, err)
	}
}

// staging removes each directory whose lock can be had.
func (w *sweeper) staging() error {
	names, err := w.s.names(stagingDir)
	if err != nil {
		return err
	}
	var errs []error
	seen := ""
	for _, name := range names {
		// NAME comes right before NAME.lock, if both are there.
		name = strings.TrimSuffix(name, ".lock")
		if name == seen {
			continue
		}
		seen = name
		dir := w.s.path(stagingDir + "/" + name)
		l, err := w.s.LockFile(dir+".lock", false)
		if errors.Is(err, ErrInUse) {
			continue
		} else if err != nil {
			errs = append(errs, err)
			continue
		}
		if _, err := os.Lstat(dir); err == nil {
			w.swept = append(w.swept, Swept{Kind: "staging", Name: name})
		}
		if w.o.DryRun {
			l.file = ""
			l.Close()
			continue
		}
		t := &Staging{Dir: dir, s: w.s, lock: l}
		if err := t.Close(w.o.Remove); err != nil {
			errs = append(errs, err)
		}
	}
	return join(errs...)
}

// partial removes interrupted downloads, and the locks of none.
func (w *sweeper) partial() error {
	names, err := w.s.names(partialDir)
	if err != nil {
		return err
	}
	var errs []error
	seen := ""
	for _, name := range names {
		name = strings.TrimSuffix(name, ".lock")
		if name == seen {
			continue
		}
		seen = name
		file := w.s.path(partialDir + "/" + name)
		l, err := w.s.LockFile(file+".lock", false)
		if errors.Is(err, ErrInUse) {
			continue
		} else if err != nil {
			errs = append(errs, err)
			continue
		}
		if info, err := os.Lstat(file); err == nil && (w.o.Partial || time.Since(info.ModTime()) > keepPartial || !isHex(name)) {
			if err := w.remove("partial", name, file, info); err != nil {
				errs = append(errs, err)
			}
		}
		l.Close()
	}
	return join(errs...)
}

// remove removes a file, unless this is a dry run.
func (w *sweeper) remove(kind, name, file string, info fs.FileInfo) error {
	if !w.o.DryRun {
		if err := os.Remove(file); err != nil {
			return w.s.Fail("remove", file, err)
		}
	}
	w.swept = append(w.swept, Swept{Kind: kind, Name: name, Bytes: info.Size()})
	return nil
}

// temporary removes what writeFile and Lock leave when they are killed. It is of
// no size, and not reported.
func (w *sweeper) temporary() error {
	if w.o.DryRun {
		return nil
	}
	var errs []error
	for _, dir := range [...]string{".", recordsDir, stagingDir} {
		names, err := w.s.allNames(dir)
		errs = append(errs, err)
		for _, name := range names {
			if strings.HasPrefix(name, newPrefix) {
				errs = append(errs, os.Remove(w.s.path(dir+"/"+name)))
			}
		}
	}
	names, err := w.s.names(locksDir)
	errs = append(errs, err)
	for _, name := range names {
		if l, err := w.s.LockFile(w.s.path(locksDir+"/"+name), false); err == nil {
			l.Close()
		}
	}
	return w.s.Fail("sweep image store", w.s.dir, join(errs...))
}

// blobs removes those that no record needs.
func (w *sweeper) blobs(records []Named) error {
	if w.o.Digests == nil {
		return nil
	}
	needed := make(map[string]bool)
	for _, r := range records {
		digests, err := w.o.Digests(r.Record)
		if err != nil {
			return w.s.Fail("sweep image store", r.Record.Reference, err)
		}
		for _, d := range append(digests, r.Record.Manifest, r.Record.Config) {
			needed[strings.TrimPrefix(d, "sha256:")] = true
		}
	}
	names, err := w.s.names(blobsDir)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		if needed[name] {
			continue
		}
		file := w.s.path(blobsDir + "/" + name)
		if info, err := os.Lstat(file); err != nil {
			errs = append(errs, w.s.Fail("read", file, err))
		} else if err := w.remove("blob", name, file, info); err != nil {
			errs = append(errs, err)
		}
	}
	return join(errs...)
}

// trees removes those that no record needs, and those of an older unpacker. One
// of a newer unpacker stays if its image does.
func (w *sweeper) trees(records []Named) error {
	needed := make(map[string]bool)
	for _, r := range records {
		needed[r.Record.ChainID] = true
	}
	keys, err := w.s.Trees()
	if err != nil {
		return err
	}
	var errs []error
	for _, k := range keys {
		chain, _, unpack, _ := k.split()
		if needed[chain] && unpack >= UnpackVersion {
			continue
		}
		if w.o.DryRun {
			var l *Lock
			if l, err = w.s.lockTree(k); err == nil {
				l.Close()
			}
		} else {
			err = w.s.deleteTree(k, w.o.Remove)
		}
		if err == nil || errors.Is(err, ErrInUse) {
			w.swept = append(w.swept, Swept{Kind: "tree", Name: string(k), InUse: err != nil})
		} else {
			errs = append(errs, err)
		}
	}
	return join(errs...)
}
