package record

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/spec"
)

// The text is one line per value: a key, a space, and the value as a Go string
// literal. Values that are empty are left out; a list repeats its key. The
// first line names the version, the last is "end": a text cut short is none.
//
//	lichen-record 1
//	reference "docker.io/library/debian:bookworm"
//	cmd "bash"
//	end
const (
	magic   = "lichen-record "
	version = "1"
	last    = "end\n"

	// What Decode reads at most.
	maxBytes = 1 << 20
	maxLines = 10_000
)

// ErrVersion marks a record that a newer lichen wrote.
var ErrVersion = errors.New("a newer lichen wrote it")

// Encode returns the text of r.
func (r *Record) Encode() []byte {
	b := append(make([]byte, 0, 1024), magic+version+"\n"...)
	for _, f := range r.fields() {
		switch {
		case f.text != nil:
			if *f.text != "" {
				b = line(b, f.key, *f.text)
			}
		case f.list != nil:
			for _, v := range *f.list {
				b = line(b, f.key, v)
			}
		case *f.id != nil:
			b = line(b, f.key, strconv.FormatUint(uint64(**f.id), 10))
		}
	}
	return append(b, last...)
}

func line(b []byte, key, value string) []byte {
	b = append(append(b, key...), ' ')
	return append(strconv.AppendQuote(b, value), '\n')
}

// Complete reports whether b holds the end of a record: a reader that has so
// much need not ask for more.
func Complete(b []byte) bool { return bytes.HasSuffix(b, []byte("\n"+last)) }

// Decode reads what Encode wrote, and nothing else: unknown or repeated keys,
// another order, a missing end and more than 1 MiB or 10 000 lines are errors,
// each a *spec.Error with the line. A record of a later version is ErrVersion.
// Lists that are empty come back nil.
func Decode(b []byte) (*Record, error) {
	if len(b) > maxBytes {
		return nil, damaged(0, "it is longer than 1 MiB")
	}
	text, ok := strings.CutPrefix(string(b), magic)
	v, text, found := strings.Cut(text, "\n")
	if !ok || !found {
		return nil, damaged(1, "it does not begin as one")
	}
	if v != version {
		if n, err := strconv.ParseUint(v, 10, 32); err == nil && n > 1 && v[0] != '+' {
			return nil, &spec.Error{Op: "image record", Reason: "version " + v + ", and version " + version + " is the newest known here", Err: ErrVersion}
		}
		return nil, damaged(1, "bad version "+strconv.Quote(v[:min(len(v), 32)]))
	}
	r := new(Record)
	fields := r.fields()
	next := 0 // the first of fields that may still come
	for n := 2; n <= maxLines; n++ {
		l, rest, found := strings.Cut(text, "\n")
		if !found {
			return nil, damaged(n, "it is cut short")
		}
		if text = rest; l == "end" {
			if text != "" {
				return nil, damaged(n+1, "it goes on after its end")
			}
			return r, nil
		}
		var reason string
		if next, reason = decodeLine(fields[:], next, l); reason != "" {
			return nil, damaged(n, reason)
		}
	}
	return nil, damaged(maxLines, "it has more than 10000 lines")
}

// decodeLine stores one line. It returns where in fields the next may be, and
// why the line is none.
func decodeLine(fields []field, next int, l string) (int, string) {
	key, quoted, _ := strings.Cut(l, " ")
	i := next
	for i < len(fields) && fields[i].key != key {
		i++
	}
	if i == len(fields) {
		return 0, "unknown, repeated or misplaced key " + strconv.Quote(key[:min(len(key), 64)])
	}
	value, err := strconv.Unquote(quoted)
	if err != nil || quoted[0] != '"' {
		return 0, "bad value of " + key
	}
	switch f := fields[i]; {
	case f.list != nil:
		*f.list = append(*f.list, value)
		return i, ""
	case f.text != nil:
		*f.text = value
	default:
		n, err := strconv.ParseUint(value, 10, 32)
		if err != nil {
			return 0, "bad value of " + key
		}
		id := uint32(n)
		*f.id = &id
	}
	return i + 1, ""
}

// damaged is the error of a text that is no record.
func damaged(n int, reason string) error {
	if n > 0 {
		reason = "line " + strconv.Itoa(n) + ": " + reason
	}
	return &spec.Error{Op: "image record", Reason: "damaged: " + reason}
}
