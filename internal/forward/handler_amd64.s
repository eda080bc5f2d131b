#include "textflag.h"

#define SYS_SENDTO 44
#define SYS_RT_SIGRETURN 15
#define SI_KERNEL 0x80
#define SI_CODE 8 // offset in siginfo_t
#define MSG_DONTWAIT_NOSIGNAL 0x4040

// func handler()
//
// DI = signal, SI = siginfo. Every register may be changed: the kernel
// restores them all.
TEXT ·handler(SB),NOSPLIT|NOFRAME,$0-0
	LEAQ ·arrived(SB), AX
	MOVB $1, (AX)(DI*1)
	CMPL SI_CODE(SI), $SI_KERNEL
	JNE  send
	MOVQ ·direct(SB), AX
	BTQ  DI, AX
	JCS  done
send:
	LEAQ ·sent(SB), SI
	ADDQ DI, SI
	MOVL ·socket(SB), DI
	MOVQ $1, DX
	MOVQ $MSG_DONTWAIT_NOSIGNAL, R10
	XORQ R8, R8
	XORQ R9, R9
	MOVQ $SYS_SENDTO, AX
	SYSCALL
done:
	RET

// restorer is where a handler returns to.
TEXT restorer<>(SB),NOSPLIT|NOFRAME,$0-0
	MOVQ $SYS_RT_SIGRETURN, AX
	SYSCALL
	INT $3

// func handlerPC() uintptr
TEXT ·handlerPC(SB),NOSPLIT,$0-8
	LEAQ ·handler(SB), AX
	MOVQ AX, ret+0(FP)
	RET

// func restorerPC() uintptr
TEXT ·restorerPC(SB),NOSPLIT,$0-8
	LEAQ restorer<>(SB), AX
	MOVQ AX, ret+0(FP)
	RET
