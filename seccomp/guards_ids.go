package seccomp

// succeed is SECCOMP_RET_ERRNO with an error number of 0: the call is not made
// and returns the negated number (__seccomp_filter).
const succeed = RetErrno

// fakeID is what Options.FakeIDs gives a call.
var fakeID = guard{otherwise: succeed}

// The guards of Options with SetIDPretended, in place of mode1Guard and
// mode2Guard. 0 is no descriptor here, so that calls which return one are not
// among them; nor is mknod, after which there would be no file.
var (
	pretendMode1Guard = guard{rule: mode1Guard.rule, cond: &mode1, otherwise: succeed}
	pretendMode2Guard = guard{rule: mode2Guard.rule, cond: &mode2, otherwise: succeed}
)

// fakeIDsGuardOf returns what Options.FakeIDs adds to a call, or nil.
//
// Not among them: the extended attributes that hold capabilities of files, whose
// names are in memory, and mknod for devices, after which a program would look
// for what is not there. Both fail, and programs know that from containers.
func fakeIDsGuardOf(id callID) *guard {
	switch id {
	case callChown, callChown32, callLchown, callLchown32, callFchown, callFchown32, callFchownat,
		callSetuid, callSetuid32, callSetgid, callSetgid32, callSetreuid, callSetreuid32, callSetregid, callSetregid32,
		callSetresuid, callSetresuid32, callSetresgid, callSetresgid32, callSetgroups, callSetgroups32,
		callSetfsuid, callSetfsuid32, callSetfsgid, callSetfsgid32, callCapset:
		return &fakeID
	}
	return nil
}

// pretendGuardOf returns what SetIDPretended makes of the guard of a call, or
// nil.
func pretendGuardOf(id callID) *guard {
	switch id {
	case callChmod, callFchmod:
		return &pretendMode1Guard
	case callFchmodat, callFchmodat2:
		return &pretendMode2Guard
	}
	return nil
}
