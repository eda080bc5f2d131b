package main

import (
	"bytes"
	_ "embed" // callsSource
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/lichen-sandbox/lichen/seccomp"
	"github.com/lichen-sandbox/lichen/spec"
)

// The configurations take turns callRounds times. Each turn measures
// callBatches times callsPerBatch calls of each kind, 9.6 million in all. A
// batch fits into a time slice.
const (
	callRounds    = 8
	callBatches   = 60
	callsPerBatch = 20_000
)

//go:embed calls/calls.c
var callsSource []byte

// measuredCalls are what calls.c measures, as the filter sees it. The kernel
// keeps a bitmap of the calls that a filter lets through whatever their
// arguments are, and does not run the filter for them (since Linux 5.11,
// seccomp_cache_check_allow of kernel/seccomp.c); a guard takes a call out of it.
var measuredCalls = []struct {
	name, call string
	args       [6]uint64
	cached     bool
}{
	{name: "getppid", call: "getppid", cached: true},
	{name: "fcntl", call: "fcntl", args: [6]uint64{1, 1}},
	{name: "ioctl", call: "ioctl", args: [6]uint64{1, 0x5451}},
	{name: "prlimit64", call: "prlimit64", args: [6]uint64{0, 7}},
	{name: "openat", call: "openat", args: [6]uint64{math.MaxUint64}},
	{name: "openat+close", call: "openat", args: [6]uint64{math.MaxUint64 - 99}},
}

// filtered is a way to run calls.c, with the best time of each call so far.
type filtered struct {
	name string
	argv []string
	best map[string]float64
}

// filterCost compares system calls with and without the default filter, in
// sandboxes that differ in nothing else. The empty filter shows what it costs to
// have any.
func (s *stage) filterCost() error {
	program := filepath.Join(s.work, "calls")
	if err := compileC(callsSource, program); err != nil {
		return err
	}
	off := filepath.Join(s.dir, "off.toml")
	if err := os.WriteFile(off, []byte("version = 1\nextends = [\"default\"]\n[seccomp]\nmode = \"off\"\n"), 0o644); err != nil {
		return err
	}
	payload := []string{program, strconv.Itoa(callBatches), strconv.Itoa(callsPerBatch)}
	ways := []*filtered{
		{name: "no filter", argv: append([]string{s.lichen, "run", "-p", off, "--"}, payload...)},
		{name: "empty filter", argv: append([]string{s.lichen, "run", "-p", off, "--"}, append(payload, "filter")...)},
		{name: "default filter", argv: append([]string{s.lichen, "run", "--"}, payload...)},
	}
	for range callRounds {
		for _, w := range ways {
			if err := s.measure(w); err != nil {
				return err
			}
		}
	}
	return printFilterCost(ways[0], ways[1], ways[2])
}

// compileC makes a static program.
func compileC(source []byte, program string) error {
	cmd := exec.Command("cc", "-O2", "-static", "-o", program, "-x", "c", "-")
	cmd.Stdin = bytes.NewReader(source)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("compile %s: %w\n%s", filepath.Base(program), err, out)
	}
	return nil
}

// measure runs a way once.
func (s *stage) measure(w *filtered) error {
	cmd := exec.Command(w.argv[0], w.argv[1:]...)
	cmd.Dir, cmd.Env, cmd.SysProcAttr, cmd.Stderr = s.attr.Dir, s.attr.Env, s.attr.Sys, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s: %w", w.name, err)
	}
	if w.best == nil {
		w.best = map[string]float64{}
	}
	for _, c := range measuredCalls {
		_, rest, _ := bytes.Cut(out, []byte(c.name+" "))
		line, _, _ := bytes.Cut(rest, []byte("\n"))
		ns, err := strconv.ParseFloat(string(line), 64)
		if err != nil {
			return fmt.Errorf("%s says %q", w.name, out)
		}
		if old, ok := w.best[c.name]; !ok || ns < old {
			w.best[c.name] = ns
		}
	}
	return nil
}

func printFilterCost(off, empty, on *filtered) error {
	arch, err := seccomp.Native()
	if err != nil {
		return err
	}
	policy := spec.Seccomp{Default: spec.Action{Kind: spec.ActionErrno, Errno: 1}, Allow: []spec.SyscallEntry{{Name: "@default"}}}
	program, err := seccomp.Compile(&policy, seccomp.Options{Arch: arch})
	if err != nil {
		return err
	}
	fmt.Printf("\n%-14s %10s %20s %22s   %s\n", "ns per call", off.name, empty.name, on.name, "instructions")
	for _, c := range measuredCalls {
		nr, ok := seccomp.Number(arch, c.call)
		if !ok {
			continue
		}
		_, steps := seccomp.Run(program, seccomp.Data{Nr: int32(nr), Arch: arch.AuditArch(), Args: c.args})
		note := ""
		if c.cached {
			note = ", answer cached"
		}
		base := off.best[c.name]
		percent := func(w *filtered) float64 { return 100 * (w.best[c.name] - base) / base }
		fmt.Printf("%-14s %10.1f %10.1f (%+5.1f %%) %12.1f (%+5.1f %%)   %d%s\n", c.name, base,
			empty.best[c.name], percent(empty), on.best[c.name], percent(on), steps, note)
	}
	getppid := measuredCalls[0].name
	fmt.Printf("\nthe filter has %d instructions; getppid: %+.1f ns for having any filter, %+.1f ns (%+.1f %%) for this one\n", len(program),
		empty.best[getppid]-off.best[getppid], on.best[getppid]-empty.best[getppid], 100*(on.best[getppid]-empty.best[getppid])/empty.best[getppid])
	fmt.Println("goal: getppid at most 2 % slower than without a filter")
	return nil
}
