package unpack

import (
	"bufio"
	"io"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/spec"
)

// Kind is the type of a file; its value is the letter in the owners file.
type Kind byte

const (
	KindFile    Kind = 'f'
	KindDir     Kind = 'd'
	KindSymlink Kind = 'l'
	KindFifo    Kind = 'p'
	KindChar    Kind = 'c' // not on disk
	KindBlock   Kind = 'b' // not on disk
)

// Entry is what the owners file has of one name in the tree.
type Entry struct {
	// Path is relative to the root, without symlinks: "usr/bin/env", "." for
	// the root itself.
	Path     string
	Kind     Kind
	Mode     uint32 // permission bits, setuid, setgid, sticky
	UID, GID uint32 // as in the image
	// Sec and Nsec are the modification time.
	Sec  int64
	Nsec int32
	// Target is where a symlink leads.
	Target string
	// Major and Minor are the number of a device.
	Major, Minor uint32
	// Xattrs are extended attributes that the file on disk does not have.
	Xattrs map[string][]byte
	// Applied are the names of those that it has.
	Applied []string
}

// ownersVersion begins an owners file.
const ownersVersion = "lichen-owners 1"

// WriteOwners writes the owners file of entries: what a tree cannot hold on
// disk, and what the next layers and an export need to know. The root comes
// first, and a directory before what is in it.
//
// The file is text. After a line with its version, each entry is
//
//	KIND MODE UID GID SECONDS.NANOSECONDS "PATH" [ "TARGET" | MAJOR MINOR ]
//
// with the mode in octal, followed by a line for each attribute,
//
//	x "NAME" "VALUE"     not on disk
//	a "NAME"             on disk
//
// and the file ends with "end COUNT", COUNT being that of the entries. Strings
// are quoted as [strconv.Quote] does.
func WriteOwners(w io.Writer, entries iter.Seq[*Entry]) error {
	out := bufio.NewWriterSize(w, 64<<10)
	line := append(make([]byte, 0, 1024), ownersVersion+"\n"...)
	count := 0
	var err error
	for e := range entries {
		count++
		line = e.append(line)
		if _, err = out.Write(line); err != nil {
			break
		}
		line = line[:0]
	}
	if err == nil {
		line = append(strconv.AppendInt(append(line, "end "...), int64(count), 10), '\n')
		_, err = out.Write(line)
	}
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		return &spec.Error{Op: "write owners file", Err: err}
	}
	return nil
}

func (e *Entry) append(b []byte) []byte {
	b = append(b, byte(e.Kind), ' ')
	b = append(strconv.AppendUint(b, uint64(e.Mode), 8), ' ')
	b = append(strconv.AppendUint(b, uint64(e.UID), 10), ' ')
	b = append(strconv.AppendUint(b, uint64(e.GID), 10), ' ')
	b = append(strconv.AppendInt(b, e.Sec, 10), '.')
	b = append(strconv.AppendInt(b, int64(e.Nsec), 10), ' ')
	b = strconv.AppendQuote(b, e.Path)
	switch e.Kind {
	case KindSymlink:
		b = strconv.AppendQuote(append(b, ' '), e.Target)
	case KindChar, KindBlock:
		b = strconv.AppendUint(append(b, ' '), uint64(e.Major), 10)
		b = strconv.AppendUint(append(b, ' '), uint64(e.Minor), 10)
	}
	b = append(b, '\n')
	for _, name := range slices.Sorted(maps.Keys(e.Xattrs)) {
		b = strconv.AppendQuote(append(b, "x "...), name)
		b = strconv.AppendQuote(append(b, ' '), string(e.Xattrs[name]))
		b = append(b, '\n')
	}
	for _, name := range e.Applied {
		b = strconv.AppendQuote(append(b, "a "...), name)
		b = append(b, '\n')
	}
	return b
}

// check says what is wrong with an entry, "" if nothing is.
func (e *Entry) check(l Limits) string {
	switch e.Kind {
	case KindFile, KindDir, KindSymlink, KindFifo, KindChar, KindBlock:
	default:
		return "unknown kind " + strconv.QuoteRune(rune(e.Kind))
	}
	switch {
	case e.Mode > 0o7777:
		return "mode out of range"
	case e.UID == 1<<32-1 || e.GID == 1<<32-1:
		return "id out of range"
	case e.Sec < minTime || e.Sec > maxTime || e.Nsec < 0 || e.Nsec >= 1e9:
		return "time out of range"
	case (e.Kind == KindSymlink) != (e.Target != "") || len(e.Target) > l.NameLength || strings.IndexByte(e.Target, 0) >= 0:
		return "bad target"
	case len(e.Path) > l.NameLength:
		return "path too long"
	}
	if e.Path != "." {
		depth := 0
		for c := range strings.SplitSeq(e.Path, "/") {
			depth++
			if c == "" || c == "." || c == ".." || len(c) > maxComponent || strings.IndexByte(c, 0) >= 0 || depth > l.Depth {
				return "bad path"
			}
		}
	}
	return ""
}

func (e *Entry) checkXattr(name string, size int) string {
	if !keepsXattr(name) || len(name) > maxXattrName || size > maxXattrValue {
		return "bad attribute"
	}
	if _, twice := e.Xattrs[name]; twice || slices.Contains(e.Applied, name) {
		return "an attribute twice"
	}
	return ""
}
