package images

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Sparse is a file with holes. archive/tar reads such entries and cannot write
// them, so they are written here, from the formats' description in GNU tar's
// manual, appendix "Tar Internals".
type Sparse struct {
	Size int64
	Data []Chunk // ascending, apart from each other
	// OldGNU writes an entry of type 'S'; otherwise it is the PAX format 1.0.
	OldGNU bool
}

// Chunk is data within a sparse file.
type Chunk struct {
	Offset int64
	Body   string
}

const block = 512

func (e Entry) writeSparse(buf *bytes.Buffer) error {
	if e.Sparse.OldGNU {
		return e.writeOldGNU(buf)
	}
	var content bytes.Buffer
	// An empty chunk at the end says how long the file is.
	chunks := append(slices.Clone(e.Sparse.Data), Chunk{Offset: e.Sparse.Size})
	fmt.Fprintf(&content, "%d\n", len(chunks))
	for _, c := range chunks {
		fmt.Fprintf(&content, "%d\n%d\n", c.Offset, len(c.Body))
	}
	pad(&content)
	e.chunks(&content)
	mtime := e.modTime()
	records := record("GNU.sparse.major", "1") + record("GNU.sparse.minor", "0") +
		record("GNU.sparse.name", e.Name) + record("GNU.sparse.realsize", strconv.FormatInt(e.Sparse.Size, 10)) +
		record("mtime", fmt.Sprintf("%d.%09d", mtime.Unix(), mtime.Nanosecond()))
	extended := e.rawHeader("PaxHeaders/sparse", tar.TypeXHeader, int64(len(records)), "ustar\x0000")
	buf.Write(seal(extended))
	buf.WriteString(records)
	pad(buf)
	buf.Write(seal(e.rawHeader("GNUSparseFile.0/sparse", tar.TypeReg, int64(content.Len()), "ustar\x0000")))
	buf.Write(content.Bytes())
	pad(buf)
	return nil
}

// writeOldGNU writes the map into the header, which has room for four chunks.
func (e Entry) writeOldGNU(buf *bytes.Buffer) error {
	if len(e.Sparse.Data) > 3 || len(e.Name) > 100 {
		return errors.New("too much for an old GNU header")
	}
	var content bytes.Buffer
	e.chunks(&content)
	h := e.rawHeader(e.Name, tar.TypeGNUSparse, int64(content.Len()), "ustar  \x00")
	at := 386
	for _, c := range append(slices.Clone(e.Sparse.Data), Chunk{Offset: e.Sparse.Size}) {
		octal(h[at:at+12], c.Offset)
		octal(h[at+12:at+24], int64(len(c.Body)))
		at += 24
	}
	octal(h[483:495], e.Sparse.Size)
	buf.Write(seal(h))
	buf.Write(content.Bytes())
	pad(buf)
	return nil
}

func (e Entry) chunks(buf *bytes.Buffer) {
	for _, c := range e.Sparse.Data {
		buf.WriteString(c.Body)
	}
}

// rawHeader is a header block without its check sum.
func (e Entry) rawHeader(name string, kind byte, size int64, magic string) []byte {
	h := make([]byte, block)
	copy(h, name)
	octal(h[100:108], e.mode())
	octal(h[108:116], int64(e.UID))
	octal(h[116:124], int64(e.GID))
	octal(h[124:136], size)
	octal(h[136:148], e.modTime().Unix())
	h[156] = kind
	copy(h[257:], magic)
	return h
}

// seal puts the sum of all bytes into the header, counted with spaces in its place.
func seal(h []byte) []byte {
	copy(h[148:156], "        ")
	sum := 0
	for _, b := range h {
		sum += int(b)
	}
	copy(h[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return h
}

func octal(field []byte, n int64) {
	copy(field, fmt.Sprintf("%0*o\x00", len(field)-1, n))
}

func pad(buf *bytes.Buffer) {
	if over := buf.Len() % block; over != 0 {
		buf.WriteString(strings.Repeat("\x00", block-over))
	}
}

// record is a PAX record, which begins with its own length.
func record(key, value string) string {
	body := " " + key + "=" + value + "\n"
	n := len(body)
	for n != len(strconv.Itoa(n))+len(body) {
		n = len(strconv.Itoa(n)) + len(body)
	}
	return strconv.Itoa(n) + body
}
