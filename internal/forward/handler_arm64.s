#include "textflag.h"

#define SYS_SENDTO 206
#define SYS_RT_SIGRETURN 139
#define SI_KERNEL 0x80
#define SI_CODE 8 // offset in siginfo_t
#define MSG_DONTWAIT_NOSIGNAL 0x4040

// func handler()
//
// R0 = signal, R1 = siginfo, R30 = where to return. Every register may be
// changed: the kernel restores them all.
TEXT ·handler(SB),NOSPLIT|NOFRAME,$0-0
	MOVD $·arrived(SB), R2
	MOVD $1, R3
	MOVB R3, (R2)(R0)
	MOVW SI_CODE(R1), R2
	CMPW $SI_KERNEL, R2
	BNE  send
	MOVD ·direct(SB), R2
	LSR  R0, R2, R2
	TBNZ $0, R2, done
send:
	MOVD $·sent(SB), R1
	ADD  R0, R1
	MOVW ·socket(SB), R0
	MOVD $1, R2
	MOVD $MSG_DONTWAIT_NOSIGNAL, R3
	MOVD ZR, R4
	MOVD ZR, R5
	MOVD $SYS_SENDTO, R8
	SVC
done:
	RET

// restorer is where a handler returns to.
TEXT restorer<>(SB),NOSPLIT|NOFRAME,$0-0
	MOVD $SYS_RT_SIGRETURN, R8
	SVC
	BRK

// func handlerPC() uintptr
TEXT ·handlerPC(SB),NOSPLIT,$0-8
	MOVD $·handler(SB), R0
	MOVD R0, ret+0(FP)
	RET

// func restorerPC() uintptr
TEXT ·restorerPC(SB),NOSPLIT,$0-8
	MOVD $restorer<>(SB), R0
	MOVD R0, ret+0(FP)
	RET
