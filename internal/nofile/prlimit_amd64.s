#include "textflag.h"

// func prlimit(old *rlimit) (r1 uintptr)
TEXT ·prlimit(SB),NOSPLIT,$0-16
	XORQ DI, DI
	MOVQ $7, SI
	XORQ DX, DX
	MOVQ old+0(FP), R10
	MOVQ $302, AX
	SYSCALL
	MOVQ AX, r1+8(FP)
	RET
