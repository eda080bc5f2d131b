#include "textflag.h"

#define SYS_SENDTO 206
#define SI_KERNEL 0x80
#define SI_CODE 8 // offset in siginfo_t
#define MSG_DONTWAIT_NOSIGNAL 0x4040

// func handler()
//
// A0 = signal, A1 = siginfo, X1 = where to return. Every register may be
// changed: the kernel restores them all.
TEXT ·handler(SB),NOSPLIT|NOFRAME,$0-0
	MOV  $·arrived(SB), A2
	ADD  A0, A2
	MOV  $1, A3
	MOVB A3, (A2)
	MOVW SI_CODE(A1), A2
	MOV  $SI_KERNEL, A3
	BNE  A2, A3, send
	MOV  ·direct(SB), A2
	SRL  A0, A2, A2
	AND  $1, A2, A2
	BNE  A2, ZERO, done
send:
	MOV  $·sent(SB), A1
	ADD  A0, A1
	MOVW ·socket(SB), A0
	MOV  $1, A2
	MOV  $MSG_DONTWAIT_NOSIGNAL, A3
	MOV  ZERO, A4
	MOV  ZERO, A5
	MOV  $SYS_SENDTO, A7
	ECALL
done:
	RET

// func handlerPC() uintptr
TEXT ·handlerPC(SB),NOSPLIT,$0-8
	MOV $·handler(SB), A0
	MOV A0, ret+0(FP)
	RET

// func restorerPC() uintptr
TEXT ·restorerPC(SB),NOSPLIT,$0-8
	MOV ZERO, ret+0(FP)
	RET
