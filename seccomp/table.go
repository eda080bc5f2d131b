package seccomp

import "slices"

// callID is a call's place in callNames, the same on every architecture.
type callID uint16

// noCall stands for a number without a call.
const noCall = callID(0xffff)

// block is a run of consecutive numbers.
type block struct {
	base uint32
	ids  []callID
}

// callSet is a set of calls.
type callSet [(numCalls + 63) / 64]uint64

func (s *callSet) has(id callID) bool { return s[id/64]&(1<<(id%64)) != 0 }
func (s *callSet) add(id callID)      { s[id/64] |= 1 << (id % 64) }

func (s *callSet) addAll(t *callSet) {
	for i := range s {
		s[i] |= t[i]
	}
}

func (s *callSet) removeAll(t *callSet) {
	for i := range s {
		s[i] &^= t[i]
	}
}

// nameTable holds sorted names without a pointer for each: ends[i] is where
// name i ends in blob.
type nameTable struct {
	blob string
	ends []uint16
}

func (t *nameTable) at(i int) string {
	start := uint16(0)
	if i > 0 {
		start = t.ends[i-1]
	}
	return t.blob[start:t.ends[i]]
}

func (t *nameTable) find(name string) (int, bool) {
	lo, hi := 0, len(t.ends)
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if t.at(mid) < name {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, lo < len(t.ends) && t.at(lo) == name
}

func callNamed(name string) (callID, bool) {
	i, ok := callNames.find(name)
	return callID(i), ok
}

func (id callID) String() string { return callNames.at(int(id)) }

// Number returns the number of the call name on a.
func Number(a Arch, name string) (uint32, bool) {
	id, ok := callNamed(name)
	if !ok || a >= numArches {
		return 0, false
	}
	for _, b := range numbers[a] {
		for i, other := range b.ids {
			if other == id {
				return b.base + uint32(i), true
			}
		}
	}
	return 0, false
}

// CallName returns the name of the call with number nr on a.
func CallName(a Arch, nr uint32) (string, bool) {
	if a >= numArches {
		return "", false
	}
	for _, b := range numbers[a] {
		if i := nr - b.base; nr >= b.base && i < uint32(len(b.ids)) && b.ids[i] != noCall {
			return b.ids[i].String(), true
		}
	}
	return "", false
}

// differingConstant is a constant that not all architectures share; have has a
// bit for each that knows it.
type differingConstant struct {
	index  uint16
	have   uint8
	values [numArches]uint64
}

// constantNamed returns the value of a constant on a. known tells whether any
// architecture has it, ok whether this one does.
func constantNamed(a Arch, name string) (v uint64, ok, known bool) {
	i, known := constantNames.find(name)
	if !known {
		return 0, false, false
	}
	for j := range constantsDiffer {
		if d := &constantsDiffer[j]; int(d.index) == i {
			return d.values[a], d.have&(1<<a) != 0, true
		}
	}
	return constantValues[i], true, true
}

// Errno returns the error number called name ("EPERM").
func Errno(name string) (uint16, bool) {
	i, ok := errnoNames.find(name)
	if !ok {
		return 0, false
	}
	return errnoValues[i], true
}

// errnoAliases are second names of error numbers, which profiles do not know.
var errnoAliases = [...]string{"EDEADLOCK", "EFSBADCRC", "EFSCORRUPTED", "EFTYPE", "ENOTSUP", "EWOULDBLOCK"}

// errnoName returns the name of the error number n, or "".
func errnoName(n uint16) string {
	for i, v := range errnoValues {
		if v == n && !slices.Contains(errnoAliases[:], errnoNames.at(i)) {
			return errnoNames.at(i)
		}
	}
	return ""
}
