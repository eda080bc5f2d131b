package output

import "strconv"

// block is a ustar header; the offsets are those of pax(1).
type block [blockSize]byte

// block returns the header of an entry of which size bytes follow.
func (e *entry) block(size int64) *block {
	h := &block{}
	prefix, name, ok := splitName(e.name())
	if !ok {
		// The extended header has the name. What reads no such headers gets one
		// that is not mistaken for it.
		name = "LongName.0"
	}
	if e.sparse {
		// As GNU tar has it: a reader that does not know sparse files puts map
		// and data here, not in the file's own place.
		prefix, name = "", "GNUSparseFile.0"
	}
	uid, gid, sec := e.uid, e.gid, e.sec
	if uid > maxOctal7 {
		uid = 0
	}
	if gid > maxOctal7 {
		gid = 0
	}
	if sec < 0 || sec > maxOctal11 {
		sec = 0
	}
	if size > maxOctal11 {
		size = 0
	}
	h.fill(name, e.kind, e.mode&0o7777, uid, gid, size, sec)
	copy(h[345:500], prefix)
	if len(e.link) <= 100 && isASCII(e.link) {
		copy(h[157:257], e.link)
	}
	if e.kind == typeChar || e.kind == typeBlock {
		h.octal(329, 8, int64(e.major))
		h.octal(337, 8, int64(e.minor))
	}
	return h
}

func (h *block) fill(name string, kind byte, mode, uid, gid uint32, size, sec int64) {
	copy(h[:100], name)
	h.octal(100, 8, int64(mode))
	h.octal(108, 8, int64(uid))
	h.octal(116, 8, int64(gid))
	h.octal(124, 12, size)
	h.octal(136, 12, sec)
	h[156] = kind
	copy(h[257:], "ustar\x0000")
	h.octal(329, 8, 0)
	h.octal(337, 8, 0)
}

// octal writes n with leading zeros and a NUL behind it.
func (h *block) octal(at, width int, n int64) {
	s := strconv.FormatInt(n, 8)
	for i := range width - 1 {
		h[at+i] = '0'
	}
	copy(h[at+width-1-len(s):], s)
}

// sum fills in the checksum: that of the header with blanks in its place.
func (h *block) sum() []byte {
	copy(h[148:156], "        ")
	n := int64(0)
	for _, c := range h {
		n += int64(c)
	}
	h.octal(148, 7, n)
	return h[:]
}
