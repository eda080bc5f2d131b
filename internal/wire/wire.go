// Package wire writes and reads the few values that lichen keeps in files of its
// own: numbers, and strings with their length before them. What it reads may be
// anything; a [Reader] returns zero values from the first mistake on.
package wire

import "encoding/binary"

// Uint appends a number.
func Uint(buf []byte, v uint64) []byte { return binary.AppendUvarint(buf, v) }

// Bool appends a truth value.
func Bool(buf []byte, v bool) []byte {
	if v {
		return append(buf, 1)
	}
	return append(buf, 0)
}

// String appends a string or bytes.
func String[T ~string | ~[]byte](buf []byte, s T) []byte {
	return append(binary.AppendUvarint(buf, uint64(len(s))), s...)
}

// Strings appends a list of strings.
func Strings(buf []byte, list []string) []byte {
	buf = Uint(buf, uint64(len(list)))
	for _, s := range list {
		buf = String(buf, s)
	}
	return buf
}

// Reader reads what was appended, in the same order.
type Reader struct {
	data []byte
	bad  bool
}

// NewReader returns a Reader of data.
func NewReader(data []byte) *Reader { return &Reader{data: data} }

// Done reports whether all was read, without a mistake.
func (r *Reader) Done() bool { return !r.bad && len(r.data) == 0 }

// Uint reads a number.
func (r *Reader) Uint() uint64 {
	v, n := binary.Uvarint(r.data)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.data = r.data[n:]
	return v
}

// Below reads a number that is smaller than limit.
func (r *Reader) Below(limit uint64) uint64 {
	v := r.Uint()
	if v >= limit {
		r.fail()
		return 0
	}
	return v
}

// Bool reads a truth value.
func (r *Reader) Bool() bool { return r.Below(2) == 1 }

// Bytes reads bytes. They are a part of what the Reader was made of.
func (r *Reader) Bytes() []byte {
	n := r.Uint()
	if n > uint64(len(r.data)) {
		r.fail()
		return nil
	}
	b := r.data[:n:n]
	r.data = r.data[n:]
	return b
}

// String reads a string.
func (r *Reader) String() string { return string(r.Bytes()) }

// Count reads the length of a list. Each element takes a byte at least, so that
// no list is longer than what is left.
func (r *Reader) Count() int {
	n := r.Uint()
	if n > uint64(len(r.data)) {
		r.fail()
		return 0
	}
	return int(n)
}

// Strings reads a list of strings.
func (r *Reader) Strings() []string {
	n := r.Count()
	list := make([]string, 0, min(n, 256))
	for range n {
		list = append(list, r.String())
	}
	return list
}

func (r *Reader) fail() { r.bad, r.data = true, nil }
