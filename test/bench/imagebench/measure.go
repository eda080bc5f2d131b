package main

import (
	"fmt"
	"slices"
	"syscall"
	"time"
)

type result struct {
	tool
	cold, warm []time.Duration
	dir        string // of the last cold run: the warm runs' own
}

func (s *stage) coldRun(t tool, dir, image string, took *time.Duration) error {
	if t.prepare != nil {
		if err := t.prepare(s, dir); err != nil {
			return err
		}
	}
	// What earlier runs wrote is not this one's to wait for.
	syscall.Sync()
	begin := time.Now()
	err := t.cold(s, dir, image)
	*took = time.Since(begin)
	return err
}

// measure lets the tools take turns with one image: cold runs, then warm ones.
func (s *stage) measure(image string, tools []tool, cold, warm int) error {
	var results []*result
	for _, t := range tools {
		results = append(results, &result{tool: t})
	}
	for range cold {
		for _, r := range results {
			dir, err := s.fresh()
			if err != nil {
				return err
			}
			var took time.Duration
			if err := s.coldRun(r.tool, dir, image, &took); err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			r.cold, r.dir = append(r.cold, took), dir
		}
	}
	if slices.ContainsFunc(tools, func(t tool) bool { return t.name == "lichen" }) {
		dir, err := s.fresh()
		if err != nil {
			return err
		}
		results = append(results, &result{tool: hostFiles(), dir: dir})
	}
	for range warm {
		for _, r := range results {
			begin := time.Now()
			if err := r.tool.warm(s, r.dir, image); err != nil {
				return fmt.Errorf("%s, warm: %w", r.name, err)
			}
			r.warm = append(r.warm, time.Since(begin))
		}
	}
	report(image, results)
	return nil
}

func report(image string, results []*result) {
	fmt.Printf("\n%-24s %28s   %28s\n", image, "cold: median p10 p90, ms", "warm: median p10 p90, ms")
	for _, r := range results {
		fmt.Printf("%-24s %28s   %28s\n", r.name, quantiles(r.cold), quantiles(r.warm))
	}
}

func quantiles(samples []time.Duration) string {
	if len(samples) == 0 {
		return "-"
	}
	sorted := slices.Clone(samples)
	slices.Sort(sorted)
	at := func(q float64) float64 {
		return float64(sorted[int(q*float64(len(sorted)-1)+0.5)]) / float64(time.Millisecond)
	}
	return fmt.Sprintf("%8.1f %8.1f %8.1f", at(0.5), at(0.1), at(0.9))
}
