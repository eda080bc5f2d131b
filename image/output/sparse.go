package output

import (
	"bytes"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

const (
	// holeUnit is what zeros are searched by: file systems keep holes in pages
	// at the finest.
	holeUnit = 4096
	// holeLeast is the shortest run of zeros that is kept as a hole. A program
	// that reads tar files without knowing sparse ones meets few for it.
	holeLeast = 64 << 10
	// maxExtents bounds the map of one file: 16 bytes each, twice.
	maxExtents = 1 << 20
)

var errExtents = errors.New("its holes are too many")

// findData returns the parts of a file that are not runs of zeros. That is
// found by reading, so that one content gives one answer on every file system;
// what the file system knows to be a hole is passed over, so that a file of
// terabytes without content costs nothing.
func findData(f *os.File, size, most int64) ([]extent, error) {
	var list []extent
	var read int64
	buf := make([]byte, 256<<10)
	for at := int64(0); at < size; {
		start, err := unix.Seek(int(f.Fd()), at, unix.SEEK_DATA)
		switch {
		case errors.Is(err, unix.ENXIO): // no data up to the end
			return cover(list, size, size), nil
		case errors.Is(err, unix.EINVAL): // the file system cannot tell
			start = at
		case err != nil:
			return nil, err
		}
		at = start &^ (holeUnit - 1)
		n, err := f.ReadAt(buf[:min(int64(len(buf)), size-at)], at)
		if n == 0 && err != nil {
			return nil, short(err)
		}
		if read += int64(n); read > most {
			return nil, errTooMuch
		}
		if list = addData(list, buf[:n], at); len(list) > maxExtents {
			return nil, errExtents
		}
		at += int64(n)
	}
	// GNU tar finds the size of a file that ends in a hole by an empty part.
	return cover(list, size, size), nil
}

func short(err error) error {
	if err == io.EOF {
		return errChanged
	}
	return err
}

var zeroUnit [holeUnit]byte

// addData adds the units of b, which is at offset at, that are not zero.
// Shorter runs of zeros than holeLeast count as data.
func addData(list []extent, b []byte, at int64) []extent {
	for len(b) > 0 {
		n := min(len(b), holeUnit)
		if !bytes.Equal(b[:n], zeroUnit[:n]) {
			list = cover(list, at, at+int64(n))
		}
		b, at = b[n:], at+int64(n)
	}
	return list
}

// cover makes data of what lies from start to end, and of the zeros before it
// if they are few. An empty part serves to mark the end of a file.
func cover(list []extent, start, end int64) []extent {
	before := int64(0) // where the zeros begin
	last := len(list) - 1
	if last >= 0 {
		before = list[last].offset + list[last].length
	}
	switch {
	case start-before >= holeLeast:
		return append(list, extent{start, end - start})
	case last < 0:
		return append(list, extent{0, end})
	}
	list[last].length = end - list[last].offset
	return list
}

// holes returns the number of bytes that the parts leave out.
func holes(list []extent, size int64) int64 {
	for _, x := range list {
		size -= x.length
	}
	return size
}
