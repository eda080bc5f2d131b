package subid

import (
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/spec"
)

// maxExtents is the kernel's limit since Linux 4.15 (user_namespaces(7)).
const maxExtents = 340

// Extent maps Count ids from Inside, in the user namespace, to those from
// Outside, on the host.
type Extent struct {
	Inside, Outside, Count uint32
	Origin                 spec.Origin // the line that grants it; zero for the caller's own id
}

// Map is the ids of one kind, users or groups, in a user namespace. The zero
// Map maps nothing.
type Map struct {
	Extents []Extent // sorted by Inside
}

// Single maps id 0 to the caller's own, which needs nobody's leave.
func Single(caller uint32) Map { return Map{Extents: []Extent{{Outside: caller, Count: 1}}} }

// NewMap maps 0 to the caller's id and 1 and up to the ranges, in their order.
// The caller's own id is left out of them: the kernel refuses an id that is
// mapped twice. More extents than the kernel takes are an error.
func NewMap(caller uint32, ranges []Range) (Map, error) {
	m := Single(caller)
	next := uint64(1)
	add := func(r Range, first, end uint64) {
		if first >= end || next >= ids {
			return
		}
		count := min(end-first, ids-next)
		m.Extents = append(m.Extents, Extent{Inside: uint32(next), Outside: uint32(first), Count: uint32(count), Origin: r.Origin})
		next += count
	}
	own := uint64(caller)
	for _, r := range ranges {
		first, end := uint64(r.First), r.end()
		if own < first || own >= end {
			add(r, first, end)
			continue
		}
		add(r, first, own)
		add(r, own+1, end)
	}
	if len(m.Extents) > maxExtents {
		last := m.Extents[maxExtents]
		return Map{}, &spec.Error{Op: "map ids", Reason: "more than " + text(maxExtents) + " separate ranges, which is all that the kernel takes", Origin: last.Origin}
	}
	return m, nil
}

// IsSingle reports whether only the caller's own id is mapped.
func (m Map) IsSingle() bool { return len(m.Extents) == 1 && m.Extents[0].Count == 1 }

// Contains reports whether an id of the namespace is mapped.
func (m Map) Contains(inside uint32) bool {
	_, ok := m.Outside(inside)
	return ok
}

// Outside returns the host's id for one of the namespace.
func (m Map) Outside(inside uint32) (uint32, bool) {
	for _, e := range m.Extents {
		if inside >= e.Inside && inside-e.Inside < e.Count {
			return e.Outside + (inside - e.Inside), true
		}
	}
	return 0, false
}

// Inside returns the namespace's id for one of the host.
func (m Map) Inside(outside uint32) (uint32, bool) {
	for _, e := range m.Extents {
		if outside >= e.Outside && outside-e.Outside < e.Count {
			return e.Inside + (outside - e.Outside), true
		}
	}
	return 0, false
}

// Check returns an error for an id of the namespace that is not mapped: it
// names the id, what is mapped, and the line that would have to grant more.
func (m Map) Check(inside uint32) error {
	if m.Contains(inside) {
		return nil
	}
	e := &spec.Error{Op: "map id", Object: text(uint64(inside)), Reason: "nothing is mapped"}
	if n := len(m.Extents); n > 0 {
		last := m.Extents[n-1]
		e.Origin = last.Origin
		e.Reason = "does not fit: only 0-" + text(uint64(last.Inside)+uint64(last.Count)-1) + " are mapped"
		if m.IsSingle() {
			e.Reason = "does not fit: only 0 is mapped, to the caller's own id " + text(uint64(last.Outside))
		} else {
			r := Range{First: last.Outside, Count: last.Count}
			e.Reason += ", and the last range is " + r.String()
		}
	}
	return e
}

// Args returns the map as arguments of newuidmap(1) and newgidmap(1), after
// the process id.
func (m Map) Args() []string {
	args := make([]string, 0, 3*len(m.Extents))
	for _, e := range m.Extents {
		args = append(args, text(uint64(e.Inside)), text(uint64(e.Outside)), text(uint64(e.Count)))
	}
	return args
}

// String returns the map as /proc/PID/uid_map takes it; see
// user_namespaces(7).
func (m Map) String() string {
	var b strings.Builder
	for i, arg := range m.Args() {
		b.WriteString(arg)
		if i%3 == 2 {
			b.WriteByte('\n')
		} else {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// Mapping is a user namespace's users and groups.
type Mapping struct {
	UIDs, GIDs Map
}

// SingleMapping maps the caller's own two ids only.
func SingleMapping(uid, gid uint32) Mapping { return Mapping{UIDs: Single(uid), GIDs: Single(gid)} }

// ReadMapping makes a mapping of the caller's ids and of the ranges in UIDFile
// and GIDFile.
func ReadMapping(u User, gid uint32) (Mapping, error) { return readMapping(UIDFile, GIDFile, u, gid) }

func readMapping(uidFile, gidFile string, u User, gid uint32) (Mapping, error) {
	uids, err := Read(uidFile, u)
	if err != nil {
		return Mapping{}, err
	}
	gids, err := Read(gidFile, u)
	if err != nil {
		return Mapping{}, err
	}
	var m Mapping
	if m.UIDs, err = NewMap(u.UID, uids); err != nil {
		return Mapping{}, err
	}
	if m.GIDs, err = NewMap(gid, gids); err != nil {
		return Mapping{}, err
	}
	return m, nil
}

// IsSingle reports whether no range is mapped.
func (m Mapping) IsSingle() bool { return m.UIDs.IsSingle() && m.GIDs.IsSingle() }

// ID names the mapping in the keys of the store: "single", or "subuid-" and
// the FNV-1a hash of both maps. A tree made with other ranges has owners that
// mean somebody else.
func (m Mapping) ID() string {
	if m.IsSingle() {
		return "single"
	}
	h := fnv.New64a()
	h.Write([]byte(m.UIDs.String() + "/" + m.GIDs.String())) // never fails
	hex := strconv.FormatUint(h.Sum64(), 16)
	return "subuid-" + strings.Repeat("0", 16-len(hex)) + hex
}
