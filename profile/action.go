package profile

import (
	"strings"

	"github.com/lichen-sandbox/lichen/spec"
)

// parseAction reads a seccomp action: allow, log, kill, trap, notify,
// errno:NAME. Package seccomp refuses notify where nobody listens.
func parseAction(s string) (spec.Action, error) {
	switch s {
	case "allow":
		return spec.Action{Kind: spec.ActionAllow}, nil
	case "log":
		return spec.Action{Kind: spec.ActionLog}, nil
	case "kill":
		return spec.Action{Kind: spec.ActionKillProcess}, nil
	case "trap":
		return spec.Action{Kind: spec.ActionTrap}, nil
	case "notify":
		return spec.Action{Kind: spec.ActionNotify}, nil
	}
	name, ok := strings.CutPrefix(s, "errno:")
	if !ok {
		return spec.Action{}, badValue(s, "is not an action", "write allow, log, kill, trap, or errno:NAME (errno:EPERM)")
	}
	for n, e := range errnos {
		if e == name && e != "" {
			return spec.Action{Kind: spec.ActionErrno, Errno: uint16(n)}, nil
		}
	}
	return spec.Action{}, badValue(s, "names no error number", didYouMean(name, errnos[:]))
}
