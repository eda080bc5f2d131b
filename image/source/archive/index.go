package archive

import (
	"archive/tar"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/image/source/oci"
)

// Bounds on an archive. The names are never used as paths of the host.
const (
	maxEntries = 1 << 16
	maxName    = 512
	maxLinks   = 8 // symlinks in a row
)

// entry is one file of an archive, or a symlink.
type entry struct {
	offset, size int64
	link         string // name in the archive that a symlink means; "" for a file
	odd          string // why the entry cannot be read
}

// index reads an archive once and notes where its files lie.
func index(f io.ReaderAt, size int64) (map[string]entry, error) {
	section := io.NewSectionReader(f, 0, size)
	r := tar.NewReader(section)
	files := map[string]entry{}
	for n := 0; ; n++ {
		h, err := r.Next()
		if err == io.EOF {
			return files, nil
		}
		if err != nil {
			return nil, oci.Reason("not a tar archive, or a damaged one: "+err.Error(), err)
		}
		if n == maxEntries {
			return nil, oci.Reason("more than "+strconv.Itoa(maxEntries)+" entries", nil)
		}
		offset, err := section.Seek(0, io.SeekCurrent) // the tar reader reads no further than the header
		if err != nil {
			return nil, err
		}
		name, e, err := entryOf(h, offset, size)
		if err != nil {
			return nil, err
		}
		if name == "" {
			continue
		}
		if _, twice := files[name]; twice {
			return nil, oci.Reason("the file "+oci.Quote(name)+" is in it twice", nil)
		}
		files[name] = e
	}
}

// entryOf checks a header; directories and what is no file at all give "".
func entryOf(h *tar.Header, offset, size int64) (string, entry, error) {
	name, ok := clean(h.Name)
	if !ok {
		return "", entry{}, oci.Reason("the name "+oci.Quote(h.Name)+" is not a plain path", nil)
	}
	e := entry{offset: offset, size: h.Size}
	switch h.Typeflag {
	case tar.TypeDir, tar.TypeXGlobalHeader:
		return "", e, nil
	case tar.TypeSymlink:
		target := path.Join(path.Dir(name), h.Linkname)
		if e.link, ok = clean(target); !ok || path.IsAbs(h.Linkname) {
			e.odd = "a symlink that leads out of the archive"
		}
		return name, e, nil
	case tar.TypeReg:
		for key := range h.PAXRecords {
			if strings.HasPrefix(key, "GNU.sparse.") {
				e.odd = "a sparse file"
			}
		}
	case tar.TypeGNUSparse:
		e.odd = "a sparse file"
	case tar.TypeLink:
		e.odd = "a hard link"
	default:
		e.odd = "not a file"
	}
	if e.odd == "" && (h.Size < 0 || h.Size > size-offset) {
		return "", e, oci.Reason("the archive ends inside "+oci.Quote(name), io.ErrUnexpectedEOF)
	}
	return name, e, nil
}

// clean makes "./a/b" and "a//b" into "a/b" and refuses what climbs.
func clean(name string) (string, bool) {
	if len(name) > maxName || strings.ContainsRune(name, 0) || path.IsAbs(name) {
		return "", false
	}
	c := path.Clean(name)
	return c, c != ".." && !strings.HasPrefix(c, "../")
}

// find follows the symlinks of an archive, as old versions of docker save
// write them for layers that several images share.
func find(files map[string]entry, name string) (entry, error) {
	at := name
	for range maxLinks {
		e, ok := files[at]
		switch {
		case !ok:
			return e, oci.Reason("no file "+oci.Quote(at)+" in it", errMissing)
		case e.odd != "":
			return e, oci.Reason("the entry "+oci.Quote(at)+" is "+e.odd, nil)
		case e.link == "":
			return e, nil
		}
		at = e.link
	}
	return entry{}, oci.Reason("too many symlinks at "+oci.Quote(name), nil)
}
