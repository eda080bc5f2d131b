#include "textflag.h"

// func vfork(flags uintptr) (r1 uintptr)
//
// clone(flags, 0, 0, 0, 0). The child runs on the parent's stack, so the
// return address must not lie there meanwhile: it waits in R12, which the
// kernel preserves (the ABI of the caller is ABI0: every register is free).
TEXT ·vfork(SB),NOSPLIT|NOFRAME,$0-16
	MOVQ flags+0(FP), DI
	XORQ SI, SI
	XORQ DX, DX
	XORQ R10, R10
	XORQ R8, R8
	MOVQ $56, AX
	POPQ R12
	SYSCALL
	PUSHQ R12
	MOVQ AX, r1+8(FP)
	RET
