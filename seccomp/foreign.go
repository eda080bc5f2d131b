package seccomp

import "github.com/lichen-sandbox/lichen/spec"

// Constant returns the value of a constant of the rules' language on a. known
// tells whether any architecture has it, ok whether a does.
func Constant(a Arch, name string) (v uint64, ok, known bool) {
	if a >= numArches {
		return 0, false, false
	}
	return constantNamed(a, name)
}

// Known tells whether any architecture has the call.
func Known(name string) bool {
	_, ok := callNamed(name)
	return ok
}

// SuggestCall returns a hint that names the call nearest to an unknown one, or
// "".
func SuggestCall(name string) string { return didYouMean(name, &callNames) }

// SuggestConstant returns a hint that names the constant nearest to an unknown
// one, or "".
func SuggestConstant(name string) string { return didYouMean(name, &constantNames) }

// CheckArgument finds what is wrong with testing an argument of a call for
// values, which are compared by order with ordered: the call may not have the
// argument, or the argument never have such a value. It returns "" when nothing
// is.
func CheckArgument(a Arch, call string, arg uint8, ordered bool, values ...uint64) string {
	id, ok := callNamed(call)
	if !ok || a >= numArches {
		return "no such system call"
	}
	e := &expr{kind: exprIn, arg: arg, mask: noMask, vals: values}
	if ordered {
		e.kind = exprLess
	}
	if _, _, err := bind(e, a, id); err != nil {
		return err.(*ruleError).reason
	}
	return ""
}

// ActionText spells an action as a policy does; an unset one is the EPERM that
// it stands for.
func ActionText(a spec.Action) string {
	if a.Kind == spec.ActionUnset {
		return returnText(RetErrno | eperm)
	}
	if a == (spec.Action{Kind: spec.ActionErrno}) {
		return returnText(succeed) // of no profile, but of Options.FakeIDs
	}
	ret, err := encode(a)
	if err != nil {
		return err.Error()
	}
	return returnText(ret)
}
