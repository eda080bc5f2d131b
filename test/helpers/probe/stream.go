package main

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"os"

	"golang.org/x/sys/unix"
)

var streamProbes = map[string]probe{
	// stream N writes N megabytes of noise, the same each time, to the terminal that is
	// standard input, which is set to change none of it.
	"stream": func(a []string) (string, error) {
		if err := rawTerminal(0); err != nil {
			return "", err
		}
		_, err := io.CopyN(os.Stdin, rand.NewChaCha8([32]byte{1}), int64(number(a[0]))<<20)
		return "", err
	},
	// swallow N reads N megabytes from that terminal and says what they were.
	"swallow": func(a []string) (string, error) {
		if err := rawTerminal(0); err != nil {
			return "", err
		}
		os.Stdout.WriteString("ready\n")
		sum := sha256.New()
		_, err := io.CopyN(sum, os.Stdin, int64(number(a[0]))<<20)
		return hex.EncodeToString(sum.Sum(nil)), err
	},
}

// rawTerminal is stty raw -echo.
func rawTerminal(fd int) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	return unix.IoctlSetTermios(fd, unix.TCSETS, t)
}
