package plan

import "github.com/lichen-sandbox/lichen/internal/sys"

// field is one member of a structure of the kernel's interface.
type field struct {
	name     string
	at, size uint8
	kind     kind
}

// layouts describes the structures that plans pass, by kind. They are the same
// on every 64-bit architecture.
var layouts = [endOfStructs - openHow][]field{
	0: { // openHow: linux/openat2.h
		{"flags", 0, 8, flags + kind(sys.OpenFlags)}, {"mode", 8, 8, mode}, {"resolve", 16, 8, flags + kind(sys.ResolveFlags)},
	},
	mountAttr - openHow: { // linux/mount.h
		{"attr_set", 0, 8, flags + kind(sys.MountAttrFlags)}, {"attr_clr", 8, 8, flags + kind(sys.MountAttrFlags)},
		{"propagation", 16, 8, flags + kind(sys.MountFlags)}, {"userns_fd", 24, 8, number},
	},
	rulesetAttr - openHow: { // linux/landlock.h, and the next two
		{"handled_access_fs", 0, 8, flags + kind(sys.LandlockFSFlags)}, {"handled_access_net", 8, 8, flags + kind(sys.LandlockNetFlags)},
		{"scoped", 16, 8, flags + kind(sys.LandlockScopeFlags)},
	},
	pathBeneath - openHow: {{"allowed_access", 0, 8, flags + kind(sys.LandlockFSFlags)}, {"parent_fd", 8, 4, fd}},
	netPort - openHow:     {{"allowed_access", 0, 8, flags + kind(sys.LandlockNetFlags)}, {"port", 8, 8, number}},
	sockFprog - openHow:   {{"len", 0, 2, number}, {"filter", 8, 8, program}}, // linux/filter.h
	rlimit - openHow:      {{"rlim_cur", 0, 8, limit}, {"rlim_max", 8, 8, limit}},
	capHeader - openHow:   {{"version", 0, 4, enum + kind(sys.CapabilityVersions)}, {"pid", 4, 4, number}}, // linux/capability.h
	capData - openHow:     {{"", 0, 24, capSets}},
	ifreq - openHow:       {{"ifr_name", 0, 16, chars}, {"ifr_flags", 16, 2, flags + kind(sys.InterfaceUpFlags)}}, // netdevice(7)
	cloneArgs - openHow: { // clone3(2)
		{"flags", 0, 8, flags + kind(sys.CloneFlags)}, {"pidfd", 8, 8, buffer}, {"child_tid", 16, 8, buffer}, {"parent_tid", 24, 8, buffer},
		{"exit_signal", 32, 8, enum + kind(sys.Signals)}, {"stack", 40, 8, buffer}, {"stack_size", 48, 8, number}, {"tls", 56, 8, buffer},
	},
	msgHdr - openHow: { // sendmsg(2)
		{"msg_name", 0, 8, buffer}, {"msg_namelen", 8, 4, number}, {"msg_iov", 16, 8, buffer}, {"msg_iovlen", 24, 8, number},
		{"msg_control", 32, 8, rights}, {"msg_controllen", 40, 8, number}, {"msg_flags", 48, 4, number},
	},
	integer - openHow:  {{"", 0, 4, number}},
	timespec - openHow: {{"tv_sec", 0, 8, number}, {"tv_nsec", 8, 8, number}},
}

// fields returns the layout of what k points to, or nil when that is no
// structure.
func (k kind) fields() []field {
	if k < openHow || k >= endOfStructs {
		return nil
	}
	return layouts[k-openHow]
}
