// Package state keeps the list of running sandboxes: a directory with a file for
// each, below $XDG_RUNTIME_DIR. There is no daemon. The launcher holds a lock on
// its file for as long as it lives, which the kernel gives back however it ends: a
// file that nobody has locked is of a sandbox that is gone.
//
// The directory is its owner's alone, and no sandbox may be granted it: what is in
// it decides what "lichen exec" starts.
package state

import (
	"time"

	"github.com/lichen-sandbox/lichen/internal/wire"
)

// Entry is what is known of a running sandbox.
type Entry struct {
	Launcher int
	// Init is PID 1 as the host numbers it, Start its start time (proc(5), field 22
	// of stat), so that nobody else is taken for it who has got its number since.
	Init  int
	Start uint64

	Profile string
	Command []string
	Began   time.Time
	// Alone: the sandbox is no pid namespace, and ends when its launcher does, not
	// when its PID 1 does.
	Alone bool
	// Join is what sandbox.ParseJoinable reads; empty where nobody can join.
	Join []byte
}

// format changes with anything that is written, here and by what is joined. Entries
// are tied to the version of lichen as well: who joins is confined by the same code.
const format = "lichen state 1\n"

// maxEntry bounds an entry, in bytes: the kernel's own bound on arguments and
// environment is lower by far (execve(2)).
const maxEntry = 16 << 20

// Encode returns the entry as a file of that build, with a sum over it: a file that is still
// being written, or was cut short, is no entry.
func (e *Entry) Encode(build string) []byte {
	buf := make([]byte, 0, 1024+len(e.Join))
	buf = append(buf, format...)
	buf = append(buf, make([]byte, 8)...)
	buf = wire.String(buf, build)
	buf = wire.Uint(buf, uint64(e.Launcher))
	buf = wire.Uint(buf, uint64(e.Init))
	buf = wire.Uint(buf, e.Start)
	buf = wire.Uint(buf, uint64(e.Began.UnixNano()))
	buf = wire.Bool(buf, e.Alone)
	buf = wire.String(buf, e.Profile)
	buf = wire.Strings(buf, e.Command)
	buf = wire.String(buf, e.Join)
	putSum(buf[len(format):], sum(buf[len(format)+8:]))
	return buf
}

// Decode reads an entry. build is that of the lichen that has written it; ok is
// false for what is no entry.
func Decode(data []byte) (e Entry, build string, ok bool) {
	const maxPID = 1 << 22 // PID_MAX_LIMIT
	if len(data) < len(format)+8 || string(data[:len(format)]) != format {
		return Entry{}, "", false
	}
	var want [8]byte
	putSum(want[:], sum(data[len(format)+8:]))
	if string(want[:]) != string(data[len(format):len(format)+8]) {
		return Entry{}, "", false
	}
	r := wire.NewReader(data[len(format)+8:])
	build = r.String()
	e.Launcher, e.Init, e.Start = int(r.Below(maxPID+1)), int(r.Below(maxPID+1)), r.Uint()
	e.Began = time.Unix(0, int64(r.Uint()))
	e.Alone, e.Profile, e.Command, e.Join = r.Bool(), r.String(), r.Strings(), r.Bytes()
	if !r.Done() || e.Launcher < 1 || e.Init < 1 {
		return Entry{}, "", false
	}
	return e, build, true
}

// sum is FNV-1a: no proof against malice, which the directory keeps
// out.
func sum(data []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, b := range data {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return h
}

func putSum(to []byte, v uint64) {
	for i := range 8 {
		to[i] = byte(v >> (8 * i))
	}
}
