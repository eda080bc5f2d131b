// Package policy reads system call policies that were written for other
// programs, and gives back what lichen's own [spec.Seccomp] says for them:
// rules as text, each with the line it comes from.
//
// # Dialects
//
// minijail has two readers for one file format, which give one form opposite
// meanings:
//
//	NAME: EXPR; return ERRNO
//
// Its library lets the call through where EXPR holds, and answers ERRNO where it
// does not. Its offline compiler answers ERRNO where EXPR holds, and kills where
// it does not. A policy with that form is read only when the dialect is named,
// or when the file has something that only one of the two accepts (see [Read]).
//
// Beside these, policies of OCI runtimes in JSON are read, as Docker and Podman
// ship them, and the system calls that occur in the output of strace or in audit
// records.
//
// # What differs from where the policies come from
//
//   - A call that minijail answers with the end of the thread ends the process:
//     what is left of a program without one of its threads is in no state its
//     authors thought of. In minijail itself it depends on flags.
//   - A number above the newest known call answers ENOSYS and not the default,
//     as in lichen's own policies.
//   - Arguments are compared at the width at which the kernel reads them.
//     minijail and libseccomp compare 64 bits of an int, of which the upper half
//     is whatever the register held: a program that leaves something there is
//     killed for nothing by an allow rule, and passes a deny rule.
//   - "{ EXPR; return E, allow }" asks EXPR, as its grammar says. minijail's
//     offline compiler (as of 2025) takes any list that ends with allow for a
//     plain allow, and drops what stands before it.
//   - trace and user-notify answer ENOSYS, which is what the kernel does where
//     nobody traces or listens, and nobody does in lichen.
//   - A second line for one call is left out with a warning in the library's
//     dialect, as where the library is built to allow it; otherwise it refuses.
//   - Includes are relative to the directory of the file that includes, in the
//     library's dialect too, which takes the working directory.
//   - In OCI profiles, conditions of different actions that overlap are asked in
//     the order of the file; libseccomp's order depends on the values.
package policy
