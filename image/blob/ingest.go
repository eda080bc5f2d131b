package blob

import (
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"os"
	"strconv"
	"syscall"

	"github.com/lichen-sandbox/lichen/image/store"
	"github.com/lichen-sandbox/lichen/spec"
)

// ErrRestart is what the open function of Ingest returns beside a reader that
// begins at 0, though an offset was asked for: a server may ignore a Range
// header (RFC 9110, 14.2).
var ErrRestart = errors.New("the source begins at its start")

// chunk is how many bytes are moved at a time.
const chunk = 128 << 10

// Ingest stores the blob that want describes, if the store lacks it. It downloads
// from open, which returns a reader that begins at offset, or at 0 with
// ErrRestart. Of several that ingest a blob at the same time, one downloads and
// the others wait for it.
//
// An interrupted download is kept, and resumed by the next call; its error, and
// that of open, wraps the cause. Bytes that turn out not to be the blob, by their
// digest or by being too many, are ErrMismatch, and deleted. On a full disk what
// came is deleted too, to leave the user some room. No error leaves a blob.
//
// The sink, if not nil, gets the bytes of the blob in order, from the first, as
// they come, wherever they come from: the store, an interrupted download, open.
// They are verified when Ingest has returned nil, and not before (those that the
// store had were once). The sink may lag or block: the download goes on, and
// others that wait for the blob do not wait for this sink, so that two sinks may
// wait for each other's blobs. Ingest returns when Write does. An error of Write
// ends the download, which is kept, and comes back as a *SinkError.
//
// progress, if not nil, is called with how many bytes of the blob are there.
func Ingest(s *store.Store, want Descriptor, open func(offset int64) (io.ReadCloser, error), sink io.Writer, progress func(n int64)) error {
	partial, err := s.PartialPath(want.Digest)
	if err != nil {
		return err
	}
	if want.Size < 0 {
		return &spec.Error{Op: op, Object: want.Digest, Reason: "its size is not known"}
	}
	if progress == nil {
		progress = func(int64) {}
	}
	w, err := s.Writing()
	if err != nil {
		return err
	}
	defer w.Close()
	in := &ingest{s: s, want: want, open: open, sink: sink, progress: progress, partial: partial}
	if Has(s, want.Digest) {
		return in.fromStore()
	}
	l, err := s.LockFile(partial+".lock", true)
	if err != nil {
		return err
	}
	defer l.Close()
	if Has(s, want.Digest) {
		l.Close()
		return in.fromStore()
	}
	resumed, err := in.run(l)
	if resumed && errors.Is(err, ErrMismatch) {
		if sink == nil {
			// Perhaps only what was kept is wrong, and that is gone.
			_, err = in.run(l)
			return err
		}
		var e *spec.Error
		if errors.As(err, &e) {
			e.Hint = "it was resumed; the interrupted download is deleted, and the next try begins anew"
		}
	}
	return err
}

// op is how errors name it.
const op = "fetch blob"

type ingest struct {
	s        *store.Store
	want     Descriptor
	open     func(offset int64) (io.ReadCloser, error)
	sink     io.Writer
	progress func(int64)
	partial  string
	feed     *feeder
	hash     hash.Hash
	have     int64 // bytes that are on disk and in hash
}

func (in *ingest) fail(err error) error { return in.s.Fail(op, in.want.Digest, err) }

// fromStore serves the sink when there is nothing to download.
func (in *ingest) fromStore() error {
	f, size, err := Open(in.s, in.want.Digest)
	if err != nil {
		return err
	}
	defer f.Close()
	if size != in.want.Size {
		return in.fail(mismatch("it is in the image store with " + strconv.FormatInt(size, 10) + " bytes, not " + strconv.FormatInt(in.want.Size, 10)))
	}
	in.progress(size)
	feed := startFeeder(f, in.sink)
	feed.add(size)
	return feed.finish()
}

// run downloads the blob, with the lock l held, and lets go of it before it waits
// for the sink. resumed says that it did not begin at 0.
func (in *ingest) run(l *store.Lock) (resumed bool, err error) {
	f, err := os.OpenFile(in.partial, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return false, in.fail(err)
	}
	defer f.Close() // it is only read after publish, which has synced it
	in.hash, in.have = sha256.New(), 0
	in.feed = startFeeder(f, in.sink)
	if err = in.resume(f); err == nil {
		resumed = in.have > 0
		if in.have < in.want.Size {
			err = in.download(f)
		}
	}
	if err == nil {
		err = in.publish(f)
	}
	if err != nil {
		in.feed.stop()
		var bySink *SinkError
		if errors.As(err, &bySink) {
			return resumed, bySink
		}
		if errors.Is(err, ErrMismatch) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
			_ = os.Remove(in.partial) // else a sweep does it in a week
		}
		return resumed, in.fail(err)
	}
	l.Close()
	return resumed, in.feed.finish()
}

// resume hashes what an interrupted download left.
func (in *ingest) resume(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
	if size > in.want.Size {
		return f.Truncate(0)
	}
	if size == 0 {
		return nil
	}
	in.feed.add(size)
	n, err := io.CopyBuffer(in.hash, onlyReader{io.NewSectionReader(f, 0, size)}, make([]byte, chunk))
	if err == nil && n < size {
		err = io.ErrUnexpectedEOF
	}
	in.have = n
	in.progress(n)
	return err
}

// download appends what open has. It reads one byte more than there should be.
func (in *ingest) download(f *os.File) error {
	r, err := in.open(in.have)
	if err != nil && (r == nil || !errors.Is(err, ErrRestart)) {
		if r != nil {
			r.Close()
		}
		return err
	}
	defer r.Close()
	if err != nil && in.have > 0 {
		if _, err := io.CopyN(io.Discard, r, in.have); err != nil {
			return in.interrupted(err)
		}
	}
	buf := make([]byte, chunk)
	for {
		if in.feed.failed() {
			return in.feed.stop()
		}
		left := in.want.Size - in.have
		n, err := r.Read(buf[:min(int64(len(buf)), left+1)])
		if int64(n) > left {
			return mismatch("the source sends more than the " + strconv.FormatInt(in.want.Size, 10) + " bytes it should")
		}
		if n > 0 {
			if _, err := f.WriteAt(buf[:n], in.have); err != nil {
				return err
			}
			in.hash.Write(buf[:n])
			in.have += int64(n)
			in.feed.add(int64(n))
			in.progress(in.have)
		}
		if err == io.EOF && in.have == in.want.Size {
			return nil
		} else if err != nil {
			return in.interrupted(err)
		}
	}
}

// interrupted is the error of a source that ends too early.
func (in *ingest) interrupted(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return &spec.Error{Op: op, Object: in.want.Digest, Err: err,
		Reason: "it ended after " + strconv.FormatInt(in.have, 10) + " of " + strconv.FormatInt(in.want.Size, 10) + " bytes"}
}

// publish gives the blob its name, if it is the one.
func (in *ingest) publish(f *os.File) error {
	if got := digestOf(in.hash.Sum(nil)); got != in.want.Digest {
		return mismatch("the source sent other bytes: their digest is " + got)
	}
	return publish(in.s, f, in.want.Digest)
}

// publish renames a verified file to that of its digest. The bytes are on the
// disk before they have the name, and the name is when it returns: nobody hashes
// a blob again that is there.
func publish(s *store.Store, f *os.File, digest string) error {
	file, err := s.BlobPath(digest)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return err
	}
	// Against accidents, so it matters little if it fails. Not before it has its
	// name: killed in between, the next to resume could not open it.
	_ = f.Chmod(0o400)
	return s.SyncBlobs()
}
