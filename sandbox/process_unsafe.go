package sandbox

import (
	"os"
	"unsafe"

	pid1 "github.com/lichen-sandbox/lichen/init"
)

// argumentStrings returns where the kernel put this program's argument
// strings: they lie one after the other (execve(2)), and os.Args points at
// them.
func argumentStrings() (address, length uintptr) {
	var first, end uintptr
	for _, arg := range os.Args {
		if len(arg) == 0 {
			end++ // its NUL byte; Go does not say where
			continue
		}
		at := uintptr(unsafe.Pointer(unsafe.StringData(arg)))
		if first == 0 {
			// Empty arguments before it have nothing to hide.
			first, end = at, at
		}
		if at != end {
			break // not the kernel's copy: os.Args was changed
		}
		end += uintptr(len(arg)) + 1
	}
	if first == 0 {
		return 0, 0
	}
	return first, end - first
}

// decode reads a packet of PID 1.
func decode(packet []byte) (m pid1.Message, ok bool) {
	if len(packet) != int(pid1.MessageSize) {
		return m, false
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&m)), pid1.MessageSize), packet)
	return m, true
}
