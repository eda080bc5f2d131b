package main

import (
	"fmt"
	"slices"
	"syscall"
	"time"
)

// program is one of those compared, with what was measured of it.
type program struct {
	name   string
	argv   []string
	times  []time.Duration // until the launcher has ended
	gone   []time.Duration // until nothing it started is left
	faults []int64
}

// sample runs p once. A launcher may end before its sandbox is gone, so there are
// two times. The faults are those of
// the launcher and of everything it started, from the kernel's accounting
// (getrusage(2)), which is the same in every run but for a few.
func (s *stage) sample(p *program, record bool) error {
	begin := time.Now()
	pid, err := syscall.ForkExec(p.argv[0], p.argv, s.attr)
	if err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	status, faults, err := wait(pid)
	took := time.Since(begin)
	if err != nil {
		return fmt.Errorf("wait for %s: %w", p.name, err)
	}
	for {
		_, more, err := wait(-1)
		if err == syscall.ECHILD {
			break
		}
		if err != nil {
			return fmt.Errorf("wait for what %s left: %w", p.name, err)
		}
		faults += more
	}
	gone := time.Since(begin)
	if !status.Exited() || status.ExitStatus() != 0 {
		return fmt.Errorf("%s failed: wait status %#x", p.name, uint32(status))
	}
	if record {
		p.times = append(p.times, took)
		p.gone = append(p.gone, gone)
		p.faults = append(p.faults, faults)
	}
	return nil
}

func wait(pid int) (status syscall.WaitStatus, faults int64, err error) {
	var ru syscall.Rusage
	for {
		_, err = syscall.Wait4(pid, &status, 0, &ru)
		if err != syscall.EINTR {
			return status, ru.Minflt + ru.Majflt, err
		}
	}
}

// takeTurns runs the programs one after the other, n times.
func (s *stage) takeTurns(programs []*program, n, warmUp int) error {
	for i := range warmUp + n {
		for _, p := range programs {
			if err := s.sample(p, i >= warmUp); err != nil {
				return err
			}
		}
	}
	return nil
}

// quantile returns the value below which the fraction q of the samples lies.
func quantile[T int64 | time.Duration](samples []T, q float64) T {
	sorted := slices.Clone(samples)
	slices.Sort(sorted)
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

func (p *program) median() time.Duration { return quantile(p.times, 0.5) }

func (p *program) medianFaults() int64 { return quantile(p.faults, 0.5) }

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func printTable(title string, programs []*program) {
	fmt.Printf("\n%-24s %10s %10s %10s %10s %8s %6s\n", title, "median", "p10", "p90", "all gone", "faults", "runs")
	for _, p := range programs {
		fmt.Printf("%-24s %7.2f ms %7.2f ms %7.2f ms %7.2f ms %8d %6d\n", p.name,
			ms(p.median()), ms(quantile(p.times, 0.1)), ms(quantile(p.times, 0.9)), ms(quantile(p.gone, 0.5)), p.medianFaults(), len(p.times))
	}
}
