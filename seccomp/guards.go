package seccomp

// guard is a condition that a call has to meet beside what the policy says.
//
// Most guards are the condition under which a group lets a call through (the
// "?" of groups.txt). A policy that names the call itself lifts such a guard:
// its author asked for it. Others come from Options. Rules on the call are in
// addition to either.
type guard struct {
	rule      string // what it says, in the language of rules
	cond      *expr  // the same, bound; nil for never
	otherwise uint32
	// nested marks the guards that Options.Nested lifts: those against new
	// namespaces, and that of a call which container runtimes need.
	nested bool
	// setID marks the guards against setuid and setgid bits, which SetIDAllowed
	// lifts.
	setID bool
	// named marks the guards of Options that the call's name in the allow list
	// lifts.
	named bool
}

// never returns whether no call meets the guard.
func (g *guard) never() bool { return g.cond == nil }

// refuseGuard is the guard that no call meets.
var refuseGuard = guard{otherwise: RetErrno | eperm}

// guardOf returns the guard of a call in groups, or nil.
func guardOf(id callID) *guard {
	switch id {
	case callIoctl:
		return &ioctlGuard
	case callClone:
		return &cloneGuard
	case callClone3:
		return &clone3Guard
	case callUnshare:
		return &unshareGuard
	case callSocket, callSocketpair:
		return &socketGuard
	case callSocketcall:
		return &socketcallGuard
	case callPersonality:
		return &personalityGuard
	case callChmod, callFchmod, callCreat, callMknod:
		return &mode1Guard
	case callFchmodat, callFchmodat2, callMknodat:
		return &mode2Guard
	case callOpen:
		return &openGuard
	case callOpenat:
		return &openatGuard
	case callOpenat2:
		return &openat2Guard
	case callFcntl, callFcntl64:
		return &fcntlGuard
	case callPrlimit64:
		return &prlimitGuard
	case callSetpriority:
		return &setpriorityGuard
	case callIoprioSet:
		return &ioprioGuard
	}
	return nil
}

// hasGuards tells whether guardOf returns any.
func (o *Options) hasGuards() bool {
	return o.UnixOnly || o.NoSockets || o.NoFastOpen || o.NoGroupSignals || o.KeepFiles || o.InPlace
}

// guardOf returns what the options add to a call, or nil. It implies the guard
// that the call has in groups, so that one test is enough.
func (o *Options) guardOf(id callID) *guard {
	switch {
	case o.NoSockets && noSocketsGuardOf(id) != nil:
		return noSocketsGuardOf(id)
	case o.UnixOnly && unixOnlyGuardOf(id) != nil:
		return unixOnlyGuardOf(id)
	case o.NoFastOpen && noFastOpenGuardOf(id) != nil:
		return noFastOpenGuardOf(id)
	case o.NoGroupSignals && id == callKill:
		return &groupSignalGuard
	case o.KeepFiles && keepFilesGuardOf(id) != nil:
		return keepFilesGuardOf(id)
	case o.InPlace:
		return inPlaceGuardOf(id)
	}
	return nil
}

// anyGuardOf is guardOf with what takes the place of the call's own guard, and
// of the call itself.
func (o *Options) anyGuardOf(id callID) *guard {
	switch {
	case o.FakeIDs && fakeIDsGuardOf(id) != nil:
		return fakeIDsGuardOf(id)
	case o.SetIDBits == SetIDPretended && pretendGuardOf(id) != nil:
		return pretendGuardOf(id)
	}
	return o.guardOf(id)
}

// GuardDoc describes a condition on a call.
type GuardDoc struct {
	Call string
	// Rule is the condition, in the language of rules; "" for never.
	Rule string
	// Answer is what the call gets otherwise: "errno:EPERM", or "success" for
	// nothing done.
	Answer string
	// Option is the field of Options that the condition comes with; "" where
	// groups have it always.
	Option string
}

// Guards returns the conditions on all guarded calls: those under which groups
// let them through, sorted by name, and after them those of each option.
func Guards() []GuardDoc {
	out := guardDocs(nil, "", guardOf)
	for _, o := range [...]struct {
		name string
		opts Options
	}{
		{"UnixOnly", Options{UnixOnly: true}}, {"NoSockets", Options{NoSockets: true}}, {"NoFastOpen", Options{NoFastOpen: true}},
		{"FakeIDs", Options{FakeIDs: true}}, {"SetIDBits", Options{SetIDBits: SetIDPretended}},
		{"NoGroupSignals", Options{NoGroupSignals: true}}, {"KeepFiles", Options{KeepFiles: true}}, {"InPlace", Options{InPlace: true}},
	} {
		out = guardDocs(out, o.name, o.opts.anyGuardOf)
	}
	return out
}

func guardDocs(out []GuardDoc, option string, of func(callID) *guard) []GuardDoc {
	for id := range callID(numCalls) {
		if g := of(id); g != nil {
			out = append(out, GuardDoc{Call: id.String(), Rule: g.rule, Answer: returnText(g.otherwise), Option: option})
		}
	}
	return out
}
