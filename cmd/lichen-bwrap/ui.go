package main

import (
	"io"

	"github.com/lichen-sandbox/lichen/bwrap"
)

// ui is the only place that prints.
type ui struct{ out, err io.Writer }

// fail prints an error and returns the exit status.
func (u *ui) fail(c *bwrap.Config, text string) int {
	_, _ = io.WriteString(u.err, c.Message(text)) // nowhere is left to say that this failed
	return exitFailed
}

func (u *ui) warn(lines []string) {
	for _, line := range lines {
		_, _ = io.WriteString(u.err, line) // as in fail
	}
}

// print writes what was asked for.
func (u *ui) print(text string) int {
	if _, err := io.WriteString(u.out, text); err != nil {
		return exitFailed
	}
	return exitOK
}
