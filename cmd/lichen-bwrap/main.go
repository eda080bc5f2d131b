// Command lichen-bwrap takes the command line of bubblewrap; see package bwrap.
//
// It has the same budget as the command lichen.
//
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0
package main

import "os"

// Exit statuses that are not the payload's.
const (
	exitOK     = 0
	exitFailed = 1
	exitSignal = 128 // plus the number of the signal
)

func main() { os.Exit(run(&ui{out: os.Stdout, err: os.Stderr}, os.Args)) }
