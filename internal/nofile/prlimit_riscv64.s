#include "textflag.h"

// func prlimit(old *rlimit) (r1 uintptr)
TEXT ·prlimit(SB),NOSPLIT,$0-16
	MOV ZERO, A0
	MOV $7, A1
	MOV ZERO, A2
	MOV old+0(FP), A3
	MOV $261, A7
	ECALL
	MOV A0, r1+8(FP)
	RET
