package main

import (
	"os"
	"syscall"

	"github.com/lichen-sandbox/lichen/spec"
)

// unitOptions are lichen-tools' own.
type unitOptions struct{ helpOption }

// unitCommand is "lichen unit": it becomes lichen-tools, and says by argv[0]
// which lichen a unit should start.
func unitCommand(u *ui, args []string) int {
	tools, err := toolsPath()
	if err != nil {
		return u.fail(err)
	}
	self, err := os.Executable()
	if err != nil {
		return u.fail(&spec.Error{Op: "find", Object: "lichen", Err: unwrapPath(err)})
	}
	err = syscall.Exec(tools, append([]string{self, "unit"}, args...), os.Environ())
	return u.fail(&spec.Error{Op: "run", Object: tools, Err: err})
}
