package unpacker

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lichen-sandbox/lichen/internal/subid"
	"github.com/lichen-sandbox/lichen/spec"
)

// mapIDs maps the ids of the worker's user namespace, which has none yet.
func mapIDs(pid int, ids Mapping) error {
	proc := "/proc/" + strconv.Itoa(pid)
	if ids.IsSingle() {
		// Without privilege a group can be mapped only where setgroups(2) is
		// refused: leaving a group could give rights (user_namespaces(7)).
		if err := writeProc(proc+"/setgroups", "deny"); err != nil {
			return err
		}
	}
	if err := mapKind(pid, proc+"/uid_map", "newuidmap", ids.UIDs); err != nil {
		return err
	}
	return mapKind(pid, proc+"/gid_map", "newgidmap", ids.GIDs)
}

// mapKind writes a map itself where it may, and else has shadow's setuid
// program do it. That one allows the user's own id and what /etc/subuid says.
func mapKind(pid int, file, helper string, m subid.Map) error {
	err := writeProc(file, m.String())
	if err == nil || m.IsSingle() || !errors.Is(err, syscall.EPERM) {
		return err
	}
	return runHelper(pid, helper, m)
}

func writeProc(file, text string) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString(text)
		if e := f.Close(); err == nil {
			err = e
		}
	}
	if err != nil {
		return &spec.Error{Op: "write", Object: file, Err: bare(err)}
	}
	return nil
}

// helperDir is where Debian has the programs; it may be missing in the PATH of
// a service.
const helperDir = "/usr/bin/"

// helperTime is how long a helper may take: it reads two small files, which
// may come from a directory service.
const helperTime = 20 * time.Second

func runHelper(pid int, name string, m subid.Map) error {
	path, err := exec.LookPath(name)
	if err != nil {
		path = helperDir + name
	}
	ctx, cancel := context.WithTimeout(context.Background(), helperTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, append([]string{strconv.Itoa(pid)}, m.Args()...)...)
	cmd.Env = []string{"LC_ALL=C"}
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	e := &spec.Error{Op: "map ids with", Object: name, Err: err}
	if len(m.Extents) > 1 {
		e.Origin = m.Extents[1].Origin
	}
	if errors.Is(err, os.ErrNotExist) {
		e.Reason, e.Err = "there is no such program", bare(err)
		e.Hint = "install it (Debian: package uidmap), or use single ids, which need no program"
	}
	if said := strings.TrimSpace(string(out)); said != "" {
		e.Reason = printable(strings.ReplaceAll(said, "\n", "; "))
	}
	return e
}
