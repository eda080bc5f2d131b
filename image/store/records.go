package store

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/image/record"
	"github.com/lichen-sandbox/lichen/image/ref"
	"github.com/lichen-sandbox/lichen/spec"
)

// maxRecord bounds what is read of a record; record.Decode refuses as much.
const maxRecord = 1<<20 + 1

// Named is a record and the file it is in.
type Named struct {
	File   string // below records/
	Record *record.Record
	Err    error // it cannot be read; Record is nil then
}

// HostPlatform returns the platform that "" stands for.
func HostPlatform() string { return "linux/" + runtime.GOARCH }

// RecordFile returns the name of the file of a record. platform is
// OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT; "" is that of the host.
func RecordFile(r ref.Ref, platform string) (string, error) {
	if platform == "" {
		platform = HostPlatform()
	}
	parts := strings.Split(platform, "/")
	bad := len(platform) > 40 || len(parts) < 2 || len(parts) > 3
	for _, part := range parts {
		bad = bad || part == "" || part[0] == '.' || strings.Trim(part, "abcdefghijklmnopqrstuvwxyz0123456789_.") != ""
	}
	if bad {
		return "", &spec.Error{Op: "platform", Object: strconv.Quote(platform[:min(len(platform), 100)]), Reason: "not OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, like linux/arm64"}
	}
	// No comma is in either part, nor "-" in the second.
	return r.FileName() + "," + strings.ReplaceAll(platform, "/", "-"), nil
}

// Record returns what is stored of an image for a platform ("": the host's). If
// that is nothing, the error is fs.ErrNotExist; if a newer lichen wrote it,
// record.ErrVersion.
func (s *Store) Record(r ref.Ref, platform string) (*record.Record, error) {
	file, err := RecordFile(r, platform)
	if err != nil {
		return nil, err
	}
	rec, err := s.readRecord(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing("image", r.String(), "it is not in the image store")
	}
	if err == nil && rec.Reference != r.String() {
		return nil, &spec.Error{Op: "image record", Object: s.path(recordsDir + "/" + file), Reason: "it is that of " + strconv.Quote(rec.Reference)}
	}
	return rec, err
}

func (s *Store) readRecord(file string) (*record.Record, error) {
	name := recordsDir + "/" + file
	b, err := s.readFile(name, maxRecord, record.Complete)
	if err != nil {
		return nil, s.Fail("image record", s.path(name), err)
	}
	rec, err := record.Decode(b)
	var e *spec.Error
	if errors.As(err, &e) && e.Object == "" {
		e.Object = s.path(name)
		if !errors.Is(err, record.ErrVersion) {
			e.Hint = "pulling the image again writes a new one"
		}
	}
	return rec, err
}

// PutRecord makes an image known, or better known. It is durable when it
// returns.
func (s *Store) PutRecord(r ref.Ref, platform string, rec *record.Record) error {
	file, err := RecordFile(r, platform)
	if err != nil {
		return err
	}
	b := rec.Encode()
	if rec.Reference != r.String() {
		return &spec.Error{Op: "image record", Object: r.String(), Reason: "the record names another image: " + strconv.Quote(rec.Reference)}
	}
	// A config may hold more than a record can.
	if _, err := record.Decode(b); err != nil {
		return &spec.Error{Op: "image", Object: r.String(), Reason: "its config is too large: more than 1 MiB, or than 10000 words of command, environment, ports and volumes"}
	}
	w, err := s.Writing()
	if err != nil {
		return err
	}
	defer w.Close()
	return s.writeFile(recordsDir+"/"+file, b)
}

// Records returns all records, sorted by file, and those that cannot be read too.
func (s *Store) Records() ([]Named, error) {
	names, err := s.names(recordsDir)
	if err != nil {
		return nil, err
	}
	all := make([]Named, 0, len(names))
	for _, name := range names {
		rec, err := s.readRecord(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted meanwhile
		}
		all = append(all, Named{File: name, Record: rec, Err: err})
	}
	return all, nil
}

// DeleteRecord removes the record in a file, as RecordFile and Records name it.
// If there is none, the error is fs.ErrNotExist. Its blobs and its tree stay for
// the next sweep.
func (s *Store) DeleteRecord(file string) error {
	if file == "" || file[0] == '.' || strings.ContainsAny(file, "/\x00") {
		return &spec.Error{Op: "image record", Object: strconv.Quote(file), Reason: "not a record's name"}
	}
	w, err := s.Writing()
	if err != nil {
		return err
	}
	defer w.Close()
	name := s.path(recordsDir + "/" + file)
	err = os.Remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		return missing("image record", name, "there is none")
	}
	return s.Fail("delete image record", name, err)
}
