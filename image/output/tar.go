package output

import (
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

const blockSize = 512 // of a tar file

// entry is one member of a tar file.
type entry struct {
	path         string // relative; "" is the root itself
	kind         byte   // typeFile and so on
	mode         uint32 // the low 12 bits
	uid, gid     uint32
	size         int64 // bytes of a file, its holes included
	sec, nsec    int64 // last modification
	link         string
	major, minor uint32
	xattrs       map[string]string
	data         []extent // the parts of a sparse file that are not holes
	sparse       bool
}

// extent is a part of a file.
type extent struct{ offset, length int64 }

// tarWriter writes the POSIX.1-2001 interchange format (pax). An extended
// header comes only where a ustar header cannot say the same. archive/tar is
// not used for it because it cannot write sparse files, and because its choice
// of headers may change with the toolchain, and with it the digests.
type tarWriter struct {
	w   io.Writer
	pad int // bytes that fill the member up to whole blocks
}

// header writes what comes before the content: entry.stored bytes of it have
// to follow, by content.
func (t *tarWriter) header(e *entry) error {
	if err := t.finish(); err != nil {
		return err
	}
	records := e.records()
	size := e.stored()
	var sparseMap string
	if e.sparse {
		sparseMap = e.sparseMap()
		size += int64(len(sparseMap))
	}
	if e.kind == typeFile && size > maxOctal11 {
		records["size"] = strconv.FormatInt(size, 10)
	}
	if len(records) > 0 {
		ext := paxRecords(records)
		h := block{}
		h.fill("PaxHeaders.0", 'x', 0o644, 0, 0, int64(len(ext)), 0)
		if err := t.write(string(h.sum()), ext, zeros(len(ext))); err != nil {
			return err
		}
	}
	h := e.block(size)
	t.pad = padding(size)
	return t.write(string(h.sum()), sparseMap)
}

// content copies n bytes of a member. Fewer are io.ErrUnexpectedEOF.
func (t *tarWriter) content(r io.Reader, n int64) error {
	m, err := io.CopyN(t.w, r, n)
	if err == io.EOF && m < n {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// finish fills the last block of a member.
func (t *tarWriter) finish() error {
	n := t.pad
	t.pad = 0
	return t.write(string(make([]byte, n)))
}

// close ends the file.
func (t *tarWriter) close() error {
	if err := t.finish(); err != nil {
		return err
	}
	return t.write(string(make([]byte, 2*blockSize)))
}

func (t *tarWriter) write(parts ...string) error {
	for _, s := range parts {
		if s == "" {
			continue
		}
		if _, err := io.WriteString(t.w, s); err != nil {
			return err
		}
	}
	return nil
}

func padding(n int64) int { return int(-n & (blockSize - 1)) }

func zeros(n int) string { return string(make([]byte, padding(int64(n)))) }

// stored is how many bytes of content an entry has in the tar file.
func (e *entry) stored() int64 {
	if e.kind != typeFile {
		return 0
	}
	if !e.sparse {
		return e.size
	}
	n := int64(0)
	for _, x := range e.data {
		n += x.length
	}
	return n
}

// sparseMap lists the parts that are data, in the form of GNU tar's PAX format
// 1.0: numbers in lines, the number of parts first, filled up to whole blocks.
func (e *entry) sparseMap() string {
	b := append(strconv.AppendInt(nil, int64(len(e.data)), 10), '\n')
	for _, x := range e.data {
		b = append(strconv.AppendInt(b, x.offset, 10), '\n')
		b = append(strconv.AppendInt(b, x.length, 10), '\n')
	}
	return string(b) + zeros(len(b))
}

// name is the path as a tar file has it.
func (e *entry) name() string {
	switch {
	case e.path == "":
		return "./"
	case e.kind == typeDir:
		return e.path + "/"
	}
	return e.path
}

// Bounds of the octal fields of a header.
const (
	maxOctal7  = 1<<21 - 1
	maxOctal11 = 1<<33 - 1
)

// records returns the extended records that the entry needs.
func (e *entry) records() map[string]string {
	r := map[string]string{}
	if _, _, ok := splitName(e.name()); !ok {
		r["path"] = e.name()
	}
	if len(e.link) > 100 || !isASCII(e.link) {
		r["linkpath"] = e.link
	}
	if e.uid > maxOctal7 {
		r["uid"] = strconv.FormatUint(uint64(e.uid), 10)
	}
	if e.gid > maxOctal7 {
		r["gid"] = strconv.FormatUint(uint64(e.gid), 10)
	}
	if e.nsec != 0 || e.sec < 0 || e.sec > maxOctal11 {
		r["mtime"] = paxTime(e.sec, e.nsec)
	}
	for name, value := range e.xattrs {
		r["SCHILY.xattr."+name] = value
	}
	if e.sparse {
		r["GNU.sparse.major"], r["GNU.sparse.minor"] = "1", "0"
		r["GNU.sparse.name"] = e.path
		r["GNU.sparse.realsize"] = strconv.FormatInt(e.size, 10)
	}
	return r
}

// paxTime writes seconds with their fraction, nsec being counted upwards from
// sec also before 1970.
func paxTime(sec, nsec int64) string {
	sign := ""
	if sec < 0 {
		sign = "-"
		sec = -sec
		if nsec != 0 {
			sec, nsec = sec-1, 1e9-nsec
		}
	}
	s := sign + strconv.FormatInt(sec, 10)
	if nsec == 0 {
		return s
	}
	return s + "." + strings.TrimRight(strconv.FormatInt(1e9+nsec, 10)[1:], "0")
}

// paxRecords encodes records: "LENGTH KEY=VALUE\n", LENGTH counting itself.
func paxRecords(records map[string]string) string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(records)) {
		rest := " " + key + "=" + records[key] + "\n"
		n := len(rest)
		for n != len(rest)+len(strconv.Itoa(n)) {
			n = len(rest) + len(strconv.Itoa(n))
		}
		b.WriteString(strconv.Itoa(n) + rest)
	}
	return b.String()
}

// splitName splits a name into the two fields that a ustar header has for it.
// Outside ASCII the fields have no encoding, so such names go elsewhere.
func splitName(name string) (prefix, rest string, ok bool) {
	if !isASCII(name) {
		return "", "", false
	}
	if len(name) <= 100 {
		return "", name, true
	}
	for i := min(len(name)-2, 155); i > 0; i-- {
		if name[i] == '/' {
			return name[:i], name[i+1:], len(name)-i-1 <= 100
		}
	}
	return "", "", false
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
