package seccomp

import "encoding/binary"

// Bytes returns a program as the kernel and other tools take it: struct
// sock_filter after struct sock_filter, little-endian.
func Bytes(prog []Instruction) []byte {
	out := make([]byte, 0, 8*len(prog))
	for _, in := range prog {
		out = binary.LittleEndian.AppendUint16(out, in.Op)
		out = append(out, in.Jt, in.Jf)
		out = binary.LittleEndian.AppendUint32(out, in.K)
	}
	return out
}

// AnswerText spells a program's answer as a policy spells the action.
func AnswerText(ret uint32) string { return returnText(ret) }
