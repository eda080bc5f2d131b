package seccomp

// What a sandbox without namespaces refuses beyond the rest: Landlock, which is
// all it has, knows no rights for these calls, and every process of the user is
// in reach.
var (
	inPlaceGuard = guard{otherwise: RetErrno | eperm, named: true}

	ownPriorityGuard = guard{
		rule: "arg0 == PRIO_PROCESS && arg1 == 0",
		cond: &expr{kind: exprAnd, left: &self0, right: &self1}, otherwise: RetErrno | eperm, named: true,
	}
	ownIoprioGuard = guard{
		rule: "arg0 == 1 && arg1 == 0", // IOPRIO_WHO_PROCESS
		cond: &expr{kind: exprAnd, left: &ioprioProcess, right: &self1}, otherwise: RetErrno | eperm, named: true,
	}
	ownSchedulerGuard = guard{
		rule: "arg0 == 0",
		cond: &self0, otherwise: RetErrno | eperm, named: true,
	}
)

// inPlaceGuardOf returns what Options.InPlace adds to a call, or nil.
func inPlaceGuardOf(id callID) *guard {
	switch id {
	// Owner, mode, times and attributes of any file of the user's, by path or by
	// a descriptor that is only for reading: chmod(2), chown(2), setxattr(2) and
	// utime(2) are among what landlock(7) lists as out of its reach.
	case callChmod, callFchmod, callFchmodat, callFchmodat2,
		callChown, callFchown, callLchown, callFchownat, callChown32, callFchown32, callLchown32,
		callSetxattr, callLsetxattr, callFsetxattr, callSetxattrat,
		callRemovexattr, callLremovexattr, callFremovexattr, callRemovexattrat,
		callUtime, callUtimes, callFutimesat, callUtimensat, callUtimensatTime64, callFileSetattr:
		return &inPlaceGuard
	// Objects of the ipc namespace, which is the user's own. Without mq_open and
	// the get calls there is nothing for the others to work on, but identifiers
	// can be guessed.
	case callMsgget, callMsgsnd, callMsgrcv, callMsgctl, callSemget, callSemop, callSemtimedop, callSemtimedopTime64, callSemctl,
		callShmget, callShmat, callShmctl, callIpc, callMqOpen, callMqUnlink:
		return &inPlaceGuard
	case callSetpriority:
		return &ownPriorityGuard
	case callIoprioSet:
		return &ownIoprioGuard
	case callSchedSetscheduler, callSchedSetparam, callSchedSetattr, callSchedSetaffinity:
		return &ownSchedulerGuard
	}
	return nil
}
