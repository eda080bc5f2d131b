package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// launches compares one launch: the payload alone, lichen with its default
// profile, bwrap with the same view.
func (s *stage) launches(pairs, warmUp int) error {
	alone := &program{name: "the payload alone", argv: []string{s.payload}}
	lichen := &program{name: "lichen run", argv: []string{s.lichen, "run", "--", s.payload}}
	programs := []*program{alone, lichen}
	var bwrap *program
	if s.bwrap != "" {
		bwrap = &program{name: "bwrap, the same view", argv: append(s.bwrapView(), "--", s.payload)}
		programs = append(programs, bwrap)
	}
	if err := s.takeTurns(programs, pairs, warmUp); err != nil {
		return err
	}
	printTable("launch", programs)
	fmt.Printf("\nlaunch page faults: %d, goal: at most 480\n", lichen.medianFaults())
	if bwrap != nil {
		fmt.Printf("median launch: %.2f × bwrap, goal: at most 1.15\n", float64(lichen.median())/float64(bwrap.median()))
	}
	return nil
}

// bwrapView is the view of the profile "default" in bwrap's words. What it does
// not have: Landlock, a filter of system calls, limits, private propagation, a
// PID 1 that the payload cannot look into.
func (s *stage) bwrapView() []string {
	argv := []string{s.bwrap, "--unshare-all", "--die-with-parent", "--hostname", "localhost",
		"--clearenv", "--setenv", "PATH", "/usr/bin:/bin", "--setenv", "HOME", s.home,
		"--ro-bind", "/usr", "/usr", "--ro-bind", "/etc", "/etc"}
	for _, dir := range []string{"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"} {
		if text, err := os.Readlink(dir); err == nil {
			argv = append(argv, "--symlink", text, dir)
		} else if _, err := os.Stat(dir); err == nil {
			argv = append(argv, "--ro-bind", dir, dir)
		}
	}
	return append(argv, "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--dir", "/run", "--symlink", "/tmp", "/var/tmp",
		"--tmpfs", s.home, "--ro-bind", s.work, s.work, "--chdir", s.work)
}

// bindCounts are the numbers of binds that are compared, with the number of
// runs of each.
var bindCounts = []struct{ binds, runs, warmUp int }{{10, 40, 3}, {100, 40, 3}, {1000, 9, 1}, {2900, 3, 0}, {10000, 5, 1}}

// bwrapMostBinds: bwrap and lichen-bwrap refuse more than 9000 arguments, those
// of --args lists among them, and a bind has three.
const bwrapMostBinds = 2900

// manyBinds measures read-only binds of as many directories.
func (s *stage) manyBinds() error {
	most := bindCounts[len(bindCounts)-1].binds
	sources := filepath.Join(s.dir, "sources")
	for i := range most {
		if err := os.MkdirAll(s.bindSource(sources, i), 0o755); err != nil {
			return err
		}
	}
	var table []*program
	medians := make(map[int]float64)
	for _, c := range bindCounts {
		list, err := s.bindList(sources, c.binds)
		if err != nil {
			return err
		}
		lichen := &program{name: fmt.Sprintf("lichen, %d binds", c.binds), argv: []string{s.lichen, "run", "--bind-list", list, "--", s.payload}}
		turns := []*program{lichen}
		if c.binds <= bwrapMostBinds {
			turns = append(turns, s.bindArguments(sources, c.binds)...)
		}
		if err := s.takeTurns(turns, c.runs, c.warmUp); err != nil {
			return err
		}
		medians[c.binds] = ms(lichen.median())
		table = append(table, turns...)
	}
	printTable("read-only binds", table)
	fmt.Printf("\n1000 binds: %.1f ms, goal: under 5 × (10 binds) + 40 ms = %.1f ms\n", medians[1000], 5*medians[10]+40)
	fmt.Printf("10000 binds: work, %.1f ms\n", medians[most])
	return nil
}

// bindArguments are the programs that get n binds as arguments.
func (s *stage) bindArguments(sources string, n int) []*program {
	argv := s.bwrapView()[1:]
	for i := range n {
		argv = append(argv, "--ro-bind", s.bindSource(sources, i), bindTarget(i))
	}
	argv = append(argv, "--", s.payload)
	var programs []*program
	for _, p := range []struct{ name, path string }{{"bwrap", s.bwrap}, {"lichen-bwrap", s.dropIn}} {
		if p.path != "" {
			programs = append(programs, &program{name: fmt.Sprintf("%s, %d binds", p.name, n), argv: append([]string{p.path}, argv...)})
		}
	}
	return programs
}

func (s *stage) bindSource(sources string, i int) string {
	return filepath.Join(sources, strconv.Itoa(i/100), strconv.Itoa(i))
}

func bindTarget(i int) string { return "/binds/" + strconv.Itoa(i) }

// bindList writes the list that --bind-list reads: entries ended by NUL bytes.
func (s *stage) bindList(sources string, n int) (string, error) {
	var list []byte
	for i := range n {
		list = append(list, s.bindSource(sources, i)+":"+bindTarget(i)...)
		list = append(list, 0)
	}
	file := filepath.Join(s.dir, "list-"+strconv.Itoa(n))
	return file, os.WriteFile(file, list, 0o644)
}
