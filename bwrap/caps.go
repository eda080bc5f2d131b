package bwrap

import "strings"

// capNames are the names of capabilities(7), without "CAP_", by number.
var capNames = [...]string{
	"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
	"LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
	"SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
	"SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
	"MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
	"CHECKPOINT_RESTORE",
}

// CapName returns the name of a capability.
func CapName(c uint8) string {
	if int(c) < len(capNames) {
		return "CAP_" + capNames[c]
	}
	return "CAP_?"
}

// parseCap reads a name in any case, a number, or ALL.
func parseCap(s string) (CapOp, error) {
	name := strings.ToUpper(s)
	if name == "ALL" {
		return CapOp{All: true}, nil
	}
	if short, ok := strings.CutPrefix(name, "CAP_"); ok {
		for i, n := range capNames {
			if n == short {
				return CapOp{Cap: uint8(i)}, nil
			}
		}
	} else if n, ok := anyBase(s); ok && n < uint64(len(capNames)) {
		return CapOp{Cap: uint8(n)}, nil
	}
	return CapOp{}, refuse("unknown cap: " + s)
}
