package sys

import "strconv"

// FlagSet is a family of flags that share one argument or field.
type FlagSet uint8

const (
	CloneFlags FlagSet = iota
	ForkFlags          // clone(2): CloneFlags with a signal in the low byte
	OpenFlags
	CloexecFlags // dup3(2)
	FDFlags      // fcntl(2), F_SETFD
	ResolveFlags
	AtFlags
	UnlinkFlags
	OpenTreeFlags
	MoveMountFlags
	MountFlags
	UmountFlags
	FsopenFlags
	FsmountFlags
	MountAttrFlags
	CloseRangeFlags
	MessageFlags
	SignalfdFlags
	SocketFlags
	InterfaceUpFlags
	WaitFlags
	SeccompFlags
	SecurebitsFlags
	LandlockFSFlags
	LandlockNetFlags
	LandlockScopeFlags
	LandlockCreateFlags
	LandlockRuleFlags
	LandlockRestrictFlags
	NumFlagSets
)

type flag struct {
	name  string
	value uint64
}

// flagTable describes a FlagSet: an enumerated field, where mask is not 0,
// and single bits. Flags of several bits stand before their parts.
type flagTable struct {
	mask  uint64
	field []flag
	bits  []flag
}

// Split returns the names of the flags in v. What has no name comes last, in
// hexadecimal.
func (s FlagSet) Split(v uint64) []string {
	names := []string{}
	if s >= NumFlagSets {
		return append(names, hex(v))
	}
	t := &flagTables[s]
	for _, f := range t.field {
		if v&t.mask == f.value {
			names = append(names, f.name)
			v &^= t.mask
			break
		}
	}
	for _, f := range t.bits {
		if f.value != 0 && v&f.value == f.value {
			names = append(names, f.name)
			v &^= f.value
		}
	}
	if v != 0 {
		names = append(names, hex(v))
	}
	return names
}

func hex(v uint64) string { return "0x" + strconv.FormatUint(v, 16) }
