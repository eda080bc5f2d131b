package plan

import "strings"

// A control message with descriptors: its length, level and type, then 32 bits
// for each (cmsg(3)).
const (
	controlHeader = 16
	descriptor    = 4
)

// control returns where the descriptors begin that the pointer at an offset
// leads to, and where they end.
func (f *formatter) control(at uint64) (from, to uint64, ok bool) {
	start, ok := target(f.relocs, at)
	if !ok {
		return 0, 0, false
	}
	length, ok := f.plan.word(start, 8)
	if _, inside := f.plan.bytes(start, length); !ok || !inside || length < controlHeader {
		return 0, 0, false
	}
	return start + controlHeader, start + length, true
}

// isRight reports whether a descriptor of the message whose control pointer is
// at an offset is stored at place.
func (f *formatter) isRight(at, place uint64) bool {
	from, to, ok := f.control(at)
	return ok && place >= from && place < to
}

// rights formats the descriptors that a message passes.
func (f *formatter) rights(at uint64) string {
	from, to, ok := f.control(at)
	if !ok {
		return "NULL"
	}
	var list []string
	for ; from+descriptor <= to; from += descriptor {
		list = append(list, f.member(field{kind: fd, size: descriptor}, from))
	}
	return "[SCM_RIGHTS: " + strings.Join(list, ", ") + "]"
}
