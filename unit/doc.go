// Package unit stands between profiles and the units of systemd.
//
// Generate writes a user unit that runs a profile as a service. Import reads
// the hardening directives of an existing unit into the text of a profile, and
// names what a profile cannot hold: the sandbox may be stricter than the unit
// was, but never weaker without saying so.
//
// It knows profiles only as text, like package policy, and asks package seccomp
// which system calls there are.
package unit
