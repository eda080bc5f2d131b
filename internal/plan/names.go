package plan

import "strconv"

// CallName returns the name of a system call that plans use.
func CallName(nr uint64) string {
	return "syscall_" + strconv.FormatUint(nr, 10)
}
