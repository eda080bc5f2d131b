package main

import (
	"os"
	"syscall"

	"github.com/lichen-sandbox/lichen/spec"
)

// imageOptions are lichen-tools' own.
type imageOptions struct{ helpOption }

// imageCommand is "lichen image": it becomes lichen-tools, which links what
// would slow every start of this program down.
func imageCommand(u *ui, args []string) int {
	tools, err := toolsPath()
	if err != nil {
		return u.fail(err)
	}
	err = syscall.Exec(tools, append([]string{"lichen", "image"}, args...), os.Environ())
	return u.fail(&spec.Error{Op: "run", Object: tools, Err: err})
}
