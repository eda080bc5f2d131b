package main

// int80 makes a system call through the 32-bit entry of amd64.
//
//go:noescape
func int80(nr, a, b, c uint32) uint32
