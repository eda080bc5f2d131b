package unpack

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// item is an entry of a layer that is written as it stands: package tar's
// writer refuses much of what an attacker writes.
type item struct {
	kind       byte // typeflag; 0 is '0'
	name, link string
	mode       int64 // 0: 0644, or 0755 for directories; -1: 0
	uid, gid   int64
	mtime      int64 // 0: 1000000000
	major      int64
	minor      int64
	body       string
	pax        map[string]string
	gnu        bool   // long names the way of GNU tar, not PAX
	size       string // the field as it stands
	sparse     [][2]int64
	real       int64 // size of a sparse file
}

func file(name, body string) item     { return item{name: name, body: body} }
func dir(name string) item            { return item{kind: '5', name: name} }
func symlinkTo(name, to string) item  { return item{kind: '2', name: name, link: to} }
func hardlinkTo(name, to string) item { return item{kind: '1', name: name, link: to} }
func moded(i item, mode int64) item   { i.mode = mode; return i }
func owned(i item, u, g int64) item   { i.uid, i.gid = u, g; return i }
func timed(i item, sec int64) item    { i.mtime = sec; return i }
func paxed(i item, kv ...string) item { i.pax = pairs(kv); return i }
func device(name string, t byte, major, minor int64) item {
	return item{kind: t, name: name, major: major, minor: minor}
}

func pairs(kv []string) map[string]string {
	m := map[string]string{}
	for i := 0; i < len(kv); i += 2 {
		m[kv[i]] = kv[i+1]
	}
	return m
}

var endOfTar = make([]byte, 1024)

func layer(items ...item) []byte { return append(open(items...), endOfTar...) }

// open is a layer without the two zero blocks at its end.
func open(items ...item) []byte {
	var b bytes.Buffer
	for _, i := range items {
		i.write(&b)
	}
	return b.Bytes()
}

func (i item) write(b *bytes.Buffer) {
	if i.kind == 0 {
		i.kind = '0'
	}
	records := maps.Clone(i.pax)
	if records == nil {
		records = map[string]string{}
	}
	if len(i.name) > 100 || len(i.link) > 100 {
		if i.gnu {
			i.long(b, 'L', i.name)
			i.long(b, 'K', i.link)
		} else {
			records["path"], records["linkpath"] = i.name, i.link
		}
	}
	if len(records) > 0 && i.kind != 'g' && i.kind != 'x' {
		item{kind: 'x', name: "PaxHeaders/x", body: paxBody(records)}.header(b)
	}
	if i.kind == 'g' {
		i.body = paxBody(records)
	}
	i.header(b)
}

func (i item) long(b *bytes.Buffer, kind byte, s string) {
	if s != "" {
		item{kind: kind, name: "././@LongLink", body: s + "\x00", gnu: true}.header(b)
	}
}

func paxBody(records map[string]string) string {
	var s strings.Builder
	for _, k := range slices.Sorted(maps.Keys(records)) {
		if records[k] == "" {
			continue
		}
		rest := " " + k + "=" + records[k] + "\n"
		n := len(rest) + len(strconv.Itoa(len(rest)))
		if len(strconv.Itoa(n))+len(rest) != n {
			n++
		}
		s.WriteString(strconv.Itoa(n) + rest)
	}
	return s.String()
}

func (i item) header(b *bytes.Buffer) {
	var h [512]byte
	mode, mtime := i.mode, i.mtime
	switch {
	case mode == -1:
		mode = 0
	case mode == 0 && i.kind == '5':
		mode = 0o755
	case mode == 0:
		mode = 0o644
	}
	if mtime == 0 {
		mtime = 1000000000
	}
	copy(h[0:100], i.name)
	number(h[100:108], mode)
	number(h[108:116], i.uid)
	number(h[116:124], i.gid)
	number(h[124:136], int64(len(i.body)))
	if i.size != "" {
		copy(h[124:136], i.size+"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	}
	number(h[136:148], mtime)
	h[156] = i.kind
	copy(h[157:257], i.link)
	copy(h[257:], "ustar\x0000")
	if i.gnu || i.kind == 'S' || i.uid < 0 || i.gid < 0 {
		copy(h[257:], "ustar  \x00")
	}
	number(h[329:337], i.major)
	number(h[337:345], i.minor)
	if i.kind == 'S' {
		for n, s := range i.sparse {
			number(h[386+24*n:398+24*n], s[0])
			number(h[398+24*n:410+24*n], s[1])
		}
		number(h[483:495], i.real)
	}
	copy(h[148:156], "        ")
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:156], fmt.Sprintf("%06o\x00 ", sum))
	b.Write(h[:])
	b.WriteString(i.body)
	if pad := len(i.body) % 512; pad > 0 {
		b.Write(make([]byte, 512-pad))
	}
}

// number writes octal, or base-256 where that does not fit.
func number(field []byte, n int64) {
	s := strconv.FormatInt(n, 8)
	if n >= 0 && len(s) < len(field) {
		copy(field, strings.Repeat("0", len(field)-1-len(s))+s)
		return
	}
	var v [8]byte
	binary.BigEndian.PutUint64(v[:], uint64(n))
	for i := range field {
		field[i] = 0
		if n < 0 {
			field[i] = 0xff
		}
	}
	if len(field) >= 8 {
		copy(field[len(field)-8:], v[:])
	}
	field[0] |= 0x80
}
