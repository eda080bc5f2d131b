package sandbox

import (
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/seccomp"
	"github.com/lichen-sandbox/lichen/spec"
)

// rootCapabilities is what uid 0 keeps where there are ids to be root of: what
// package managers do. It is held in the payload's own user namespace, which
// owns no mount, no network and no process but the payload's; there it reaches
// the files and processes of the mapped ids, which are the caller's own and the
// caller's ranges, and nobody else's (capable_wrt_inode_uidgid, kill(2)).
//
// What a mount refuses, such as writing to a read-only one, no capability
// allows. Among what is left out: CAP_SETFCAP and CAP_MKNOD, which make what
// outlives the sandbox; CAP_SYS_CHROOT, from which paths lead elsewhere than
// Landlock's rules were made for; CAP_SETPCAP, so that the set is final.
const rootCapabilities = 1<<sys.CAP_CHOWN | 1<<sys.CAP_DAC_OVERRIDE | 1<<sys.CAP_FOWNER | 1<<sys.CAP_FSETID |
	1<<sys.CAP_KILL | 1<<sys.CAP_SETGID | 1<<sys.CAP_SETUID

// fakeRootCapabilities is what is left of that where there is one id only: files
// of the caller's whose mode shuts out the caller. dpkg opens what it has
// unpacked once more for writing, whatever its mode. The caller could change
// that mode; on a read-only mount it is one more file to read.
const fakeRootCapabilities = 1 << sys.CAP_DAC_OVERRIDE

// keptCapabilities returns the capabilities that the payload keeps.
func (c *compiler) keptCapabilities() uint64 {
	switch {
	case c.ids.uid != 0:
		return 0
	case c.ids.ranges && c.ids.bits != seccomp.SetIDAllowed:
		// With CAP_FSETID, writing to a file of the caller's that is setuid
		// already would leave it so (setattr_should_drop_suidgid).
		return rootCapabilities &^ (1 << sys.CAP_FSETID)
	case c.ids.ranges:
		return rootCapabilities
	case c.s.Rootfs.IDs == spec.IDsFake:
		return fakeRootCapabilities
	}
	return 0
}

// maxCap is above the last capability of any kernel: numbers that the kernel
// does not know answer EINVAL.
const maxCap = 63

// dropBounding empties the ambient set, leaves kept in the bounding set, and
// locks the secure bits. Where nothing is kept, uid 0 then means nothing to
// execve; otherwise it gives execve what is in the bounding set, as far as the
// process has it (no_new_privs). Without a user namespace of its own the
// process lacks CAP_SETPCAP, and with it all that the sets could give.
func dropBounding(b *plan.Builder, kept uint64, mayLack bool) {
	tolerate := []uint16{uint16(sys.EINVAL)}
	if mayLack {
		tolerate = append(tolerate, uint16(sys.EPERM))
	}
	b.Prctl(plan.Val(sys.PR_CAP_AMBIENT), plan.Val(sys.PR_CAP_AMBIENT_CLEAR_ALL), plan.Val(0), plan.Val(0), plan.Val(0))
	for capability := range maxCap + 1 {
		if kept>>capability&1 == 0 {
			b.Prctl(plan.Val(sys.PR_CAPBSET_DROP), plan.Val(capability), plan.Val(0), plan.Val(0), plan.Val(0)).Tolerating(tolerate...)
		}
	}
	bits := uint64(sys.SECUREBITS_ALL_LOCKED)
	if kept != 0 {
		bits = sys.SECUREBITS_ROOT_LOCKED
	}
	securebits := b.Prctl(plan.Val(sys.PR_SET_SECUREBITS), plan.Val(bits), plan.Val(0), plan.Val(0), plan.Val(0))
	if mayLack {
		securebits.Tolerating(uint16(sys.EPERM))
	}
}

// setCapabilities makes the permitted and effective sets kept, and empties the
// inheritable one.
func setCapabilities(b *plan.Builder, kept uint64) { capset(b, kept, kept) }

// capset lays the sets out as struct __user_cap_data_struct, twice: the low
// halves of effective, permitted and inheritable, and then the high ones.
func capset(b *plan.Builder, effective, permitted uint64) *plan.Op {
	return capsetAll(b, effective, permitted, 0)
}

func capsetAll(b *plan.Builder, effective, permitted, inheritable uint64) *plan.Op {
	const low = 1<<32 - 1
	return b.Call(sys.SYS_CAPSET, b.Words(sys.LINUX_CAPABILITY_VERSION_3),
		b.Words(effective&low|permitted<<32, inheritable&low|effective>>32<<32, permitted>>32|inheritable>>32<<32))
}

// verify asks the kernel whether the promises hold, instead of trusting that
// the calls above did what they say.
func (c *compiler) verify(kept uint64) {
	b := c.b
	b.Note("verify", "no_new_privs", spec.Origin{})
	b.Prctl(plan.Val(sys.PR_GET_NO_NEW_PRIVS), plan.Val(0), plan.Val(0), plan.Val(0), plan.Val(0)).Expecting(1)
	if kept == 0 {
		b.Note("verify", "that no capability is left", spec.Origin{})
	} else {
		b.Note("verify", "which capabilities are left", spec.Origin{})
		verifyCapabilities(b, kept)
	}
	b.Call(sys.SYS_UNSHARE, plan.Val(sys.CLONE_NEWNS)).MustFail(uint16(sys.EPERM))
	b.Prctl(plan.Val(sys.PR_CAPBSET_DROP), plan.Val(0), plan.Val(0), plan.Val(0), plan.Val(0)).MustFail(uint16(sys.EPERM))
}

// verifyCapabilities asks for each capability whether the bounding set has it,
// and tries to make it the permitted one: none can be that was not among them
// (capset(2)). The kernel ignores numbers that it does not know there, so that
// only those which all kernels know can be tried.
func verifyCapabilities(b *plan.Builder, kept uint64) {
	for capability := range maxCap + 1 {
		b.Prctl(plan.Val(sys.PR_CAPBSET_READ), plan.Val(capability), plan.Val(0), plan.Val(0), plan.Val(0)).
			Expecting(kept >> capability & 1).Tolerating(uint16(sys.EINVAL))
	}
	for capability := range sys.CAP_CHECKPOINT_RESTORE + 1 {
		if kept>>capability&1 == 0 {
			capset(b, 0, 1<<capability).MustFail(uint16(sys.EPERM))
		}
	}
}
