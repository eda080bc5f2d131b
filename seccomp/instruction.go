package seccomp

// Instruction is one BPF instruction, laid out as struct sock_filter.
type Instruction struct {
	Op     uint16
	Jt, Jf uint8
	K      uint32
}

// MaxInstructions is the longest program the kernel takes (BPF_MAXINSNS).
const MaxInstructions = 4096

// The instructions that this package writes; seccomp_check_filter of
// kernel/seccomp.c lists those the kernel takes.
const (
	opLoad   = 0x20 // BPF_LD | BPF_W | BPF_ABS: a word of seccomp_data
	opAnd    = 0x54 // BPF_ALU | BPF_AND | BPF_K
	opJump   = 0x05 // BPF_JMP | BPF_JA
	opJEq    = 0x15 // BPF_JMP | BPF_JEQ | BPF_K
	opJGt    = 0x25 // BPF_JMP | BPF_JGT | BPF_K
	opJGe    = 0x35 // BPF_JMP | BPF_JGE | BPF_K
	opJSet   = 0x45 // BPF_JMP | BPF_JSET | BPF_K
	opReturn = 0x06 // BPF_RET | BPF_K
)

// The answers of a filter: the upper half is the action, the lower its data.
const (
	RetKillProcess uint32 = 0x80000000
	RetTrap        uint32 = 0x00030000
	RetErrno       uint32 = 0x00050000
	RetUserNotif   uint32 = 0x7fc00000
	RetLog         uint32 = 0x7ffc0000
	RetAllow       uint32 = 0x7fff0000

	retActionMask uint32 = 0xffff0000
)

// The errors that guards and unknown calls answer.
const (
	eperm        = 1
	enosys       = 38
	eafnosupport = 97
	eopnotsupp   = 95
)

// Offsets in struct seccomp_data. All architectures here are little-endian: an
// argument's low word comes first.
const (
	offNr   = 0
	offArch = 4
	offIP   = 8
	offArgs = 16
)

func offLow(arg uint8) uint32  { return offArgs + 8*uint32(arg) }
func offHigh(arg uint8) uint32 { return offLow(arg) + 4 }
