//go:build cgo

package unpacker

// newPID is 0 in a program with cgo: there, restrictions reach all threads
// through libpsx, which looks for them in /proc under the process id of the
// namespace it is in, and in a new one never ends to.
const newPID = 0
