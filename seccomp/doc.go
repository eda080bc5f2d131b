// Package seccomp compiles a policy, [spec.Seccomp], to the BPF program that
// the kernel runs at every system call of the payload.
//
// A program first looks at the architecture, because numbers mean something
// else on each; then finds the call's number by binary search among ranges that
// share an answer; and only then, in a leaf that nothing returns from, at
// arguments. What an unlisted number or an unlisted architecture gets is fixed:
//
//   - Numbers without a name in the tables answer ENOSYS, whatever the policy's
//     default, so that programs fall back to what they used before the call
//     existed. That covers the x32 numbers of amd64 (0x40000000 and up): ENOSYS
//     is what a kernel without x32 says, so that a program that only asks
//     survives. It covers -1 too, which a tracer sets to skip a call.
//   - With [spec.Seccomp].Compat the 32-bit architecture of the machine has a
//     table and a tree of its own. Every other architecture kills the process:
//     int 0x80 in a 64-bit program is an attack on filters rather than a use.
//
// Arguments are compared at the width that the kernel reads (signatures.txt):
// a 64-bit comparison of a 32-bit parameter is passed by TIOCSTI | 1<<32
// (CVE-2019-10063), and a 32-bit one of a pointer by any multiple of 4 GiB.
//
// # Rules
//
// A rule decides a call by its arguments:
//
//	NAME[, NAME…]: EXPR [; return ACTION]
//
// The call is let through where EXPR holds, or that of another rule on it; else
// it gets ACTION (errno:NAME, kill, trap, log, notify), or the policy's default. EXPR
// combines comparisons with &&, ||, ! and parentheses:
//
//	argN OP VALUE           OP: == != < <= > >=, unsigned
//	argN & MASK == VALUE    or !=
//	argN & MASK             not zero
//	argN in {VALUE, …}
//
// VALUE is a number, a constant, ~VALUE, -NUMBER, or several joined by |. What an
// architecture cannot test, because the argument is in memory or in two
// registers there, does not hold on it.
//
// Where more than one answer or an order is needed, a rule is a list of steps, of
// which the first that applies answers:
//
//	NAME[, NAME…]: if EXPR return ACTION; … [return ACTION]
//
// ACTION may be allow here. What no step answers goes on to the next rule on the
// call, and at last to the policy's default. A call has rules of one form only.
// What cannot be tested lets no step let through, and makes one that refuses
// apply: each fails closed.
//
// # Guards
//
// Groups let some calls through only in part: ioctl without TIOCSTI, clone
// without new namespaces, chmod without setuid bits, and so on; see [Guards]. A
// rule on such a call is in addition to its guard. Naming the call in the allow
// list, or a group that is about the rest of it (@namespaces, @debug), lifts the
// guard; such a group in the deny list puts it back.
//
// [Options] add guards for what a sandbox cannot do by other means. They bind
// calls that a rule or the default lets through, too. Naming the call lifts
// those of [Options].InPlace; nothing lifts those of UnixOnly, NoSockets, NoFastOpen and
// NoGroupSignals.
//
// The tables are generated from golang.org/x/sys/unix; see internal/gen. They
// are arrays and strings only: nothing is built at start.
package seccomp

//go:generate go run ./internal/gen
