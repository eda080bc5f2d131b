// Command probe tries things and says how each ended. The tests run it inside
// a sandbox and outside: what is refused inside has to work outside, or the
// refusal shows nothing.
//
// Every argument is one probe: a name and its arguments, separated by blanks.
// For each, one line of JSON goes to stdout: {"probe", "err", "out"}, where err
// is the kernel's name of the error, or empty.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

type probe func(args []string) (string, error)

type result struct {
	Probe string `json:"probe"`
	Err   string `json:"err"`
	Out   string `json:"out"`
}

var probes = map[string]probe{}

func register(table map[string]probe) {
	for name, p := range table {
		probes[name] = p
	}
}

func main() {
	register(fileProbes)
	register(treeProbes)
	register(mountProbes)
	register(processProbes)
	register(ipcProbes)
	register(networkProbes)
	register(kernelProbes)
	register(terminalProbes)
	register(streamProbes)
	for _, line := range os.Args[1:] {
		report(line)
	}
}

func report(line string) {
	r := result{Probe: line}
	words := strings.Fields(line)
	p := probes[words[0]]
	if p == nil {
		r.Err = "unknown probe"
	} else {
		out, err := p(words[1:])
		r.Out, r.Err = out, errName(err)
	}
	b, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	os.Stdout.Write(append(b, '\n'))
}

// errName returns "EPERM" and the like, "" for success.
func errName(err error) string {
	if err == nil {
		return ""
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		if name := unix.ErrnoName(errno); name != "" {
			return name
		}
		return "errno " + strconv.Itoa(int(errno))
	}
	return err.Error()
}

// forked runs a probe in a process of its own, because it may be killed: then
// the error is the signal's name.
func forked(args []string) (string, error) {
	cmd := exec.Command(os.Args[0], strings.Join(args, " "))
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if ws := exit.Sys().(syscall.WaitStatus); ws.Signaled() {
			return "", errors.New(unix.SignalName(ws.Signal()))
		}
	}
	if err != nil {
		return "", err
	}
	var r result
	if err := json.Unmarshal(out, &r); err != nil {
		return "", err
	}
	if r.Err != "" {
		return r.Out, errors.New(r.Err)
	}
	return r.Out, nil
}

// number reads an argument as C would: 0x and 0 prefixes, and a '|' between
// bits.
func number(s string) uint64 {
	var n uint64
	for part := range strings.SplitSeq(s, "|") {
		v, err := strconv.ParseInt(part, 0, 64)
		if err != nil {
			u, err := strconv.ParseUint(part, 0, 64)
			if err != nil {
				panic(fmt.Sprintf("%q is not a number", part))
			}
			v = int64(u)
		}
		n |= uint64(v)
	}
	return n
}

func arg(args []string, i int) string {
	if i < len(args) {
		return args[i]
	}
	return ""
}

// optional reads argument i, or 0.
func optional(args []string, i int) uint64 {
	if s := arg(args, i); s != "" {
		return number(s)
	}
	return 0
}
