package upkeep

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"github.com/lichen-sandbox/lichen/internal/subid"
	"github.com/lichen-sandbox/lichen/spec"
)

// Name is what the program is started as, argv[0], when it is the worker.
const Name = "lichen-compare"

// Capabilities that the worker has in its own user namespace: an image may hold
// files that not even their owner may read (capabilities(7)).
const (
	capDACOverride   = 1
	capDACReadSearch = 2
)

// order is what the worker gets: two trees.
type order struct{ Got, Want string }

// answer is what it says.
type answer struct {
	Differences []Difference
	More        int // that are not told
	Error       string
}

// Worker is the process that compares two trees. The program calls it first
// thing when its name is Name.
func Worker() int {
	var o order
	if err := json.NewDecoder(os.Stdin).Decode(&o); err != nil {
		return 1 // the parent is gone
	}
	if json.NewEncoder(os.Stdout).Encode(o.compare()) != nil {
		return 1
	}
	return 0
}

func (o *order) compare() *answer {
	a := &answer{}
	err := compareTrees(o.Got, o.Want, func(d Difference) {
		if len(a.Differences) < maxDifferences {
			a.Differences = append(a.Differences, d)
		} else {
			a.More++
		}
	})
	if err != nil {
		a.Error = err.Error()
	}
	return a
}

// compareAs compares two trees in a process that may read files of mapped ids
// whatever their modes are. Where user namespaces are forbidden, the caller's own
// rights have to do.
func compareAs(ctx context.Context, o order, ids subid.Mapping) (*answer, error) {
	fail := func(err error) error { return &spec.Error{Op: "compare", Object: o.Got, Err: err} }
	c := exec.CommandContext(ctx, "/proc/self/exe")
	c.Args, c.Env, c.Dir = []string{Name}, workerEnv(), "/"
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUSER, AmbientCaps: []uintptr{capDACOverride, capDACReadSearch}, Setsid: true,
	}
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	stdin, err := c.StdinPipe()
	if err != nil {
		return nil, fail(err)
	}
	if err := c.Start(); err != nil {
		if !ids.IsSingle() || ctx.Err() != nil {
			return nil, fail(err)
		}
		return o.compare(), nil
	}
	err = mapIDs(c.Process.Pid, ids)
	if err == nil {
		err = json.NewEncoder(stdin).Encode(&o)
	}
	stdin.Close() // ends the worker, if it has no order
	if waitErr := c.Wait(); err == nil {
		err = waitErr
	}
	a := &answer{}
	if err == nil {
		err = json.NewDecoder(io.LimitReader(&out, 1<<20)).Decode(a)
	}
	switch {
	case ctx.Err() != nil:
		return nil, fail(context.Cause(ctx))
	case err != nil:
		return nil, fail(err)
	case a.Error != "":
		return nil, fail(errors.New(a.Error))
	}
	return a, nil
}

// mapIDs gives a process, which waits in its new user namespace, its ids: see
// user_namespaces(7). Ranges are mapped by newuidmap(1) and newgidmap(1).
func mapIDs(pid int, ids subid.Mapping) error {
	proc := "/proc/" + strconv.Itoa(pid)
	if !ids.IsSingle() {
		for name, m := range map[string]subid.Map{"newuidmap": ids.UIDs, "newgidmap": ids.GIDs} {
			said, err := exec.Command(name, append([]string{strconv.Itoa(pid)}, m.Args()...)...).CombinedOutput()
			if err != nil {
				return &spec.Error{Op: "run", Object: name, Reason: strconv.Quote(string(bytes.TrimSpace(said))), Err: err}
			}
		}
		return nil
	}
	for _, f := range [][2]string{{"/setgroups", "deny"}, {"/uid_map", ids.UIDs.String()}, {"/gid_map", ids.GIDs.String()}} {
		if err := os.WriteFile(proc+f[0], []byte(f[1]), 0); err != nil {
			return &spec.Error{Op: "write", Object: proc + f[0], Err: err}
		}
	}
	return nil
}
