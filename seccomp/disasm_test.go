package seccomp

import "testing"

func TestDisassemble(t *testing.T) {
	prog := []Instruction{
		{Op: opLoad, K: offArch},
		{Op: opJEq, K: 0xc000003e, Jt: 1},
		{Op: opReturn, K: RetKillProcess},
		{Op: opLoad, K: offNr},
		{Op: opJGe, K: 16, Jt: 0, Jf: 1},
		{Op: opJump, K: 3},
		{Op: opLoad, K: offHigh(1)},
		{Op: opAnd, K: 0xff},
		{Op: opJGt, K: 3, Jt: 1, Jf: 2},
		{Op: opLoad, K: offIP},
		{Op: opJSet, K: 7, Jt: 0, Jf: 1},
		{Op: opReturn, K: RetErrno | enosys},
		{Op: opReturn, K: RetErrno | 4000},
		{Op: opLoad, K: 3},
		{Op: 0xb1, K: 1},
		{Op: opReturn, K: RetLog},
		{Op: opReturn, K: RetTrap},
		{Op: opReturn, K: RetUserNotif},
		{Op: opReturn, K: 0x7ff00000},
		{Op: opReturn, K: RetAllow},
	}
	const want = `   0  load arch
   1  if == 0xc000003e jump 3 else 2
   2  ret  kill
   3  load nr
   4  if >= 0x10 jump 5 else 6
   5  jump 9
   6  load arg1.high
   7  and  0xff
   8  if >  0x3 jump 10 else 11
   9  load ip.low
  10  if &  0x7 jump 11 else 12
  11  ret  errno:ENOSYS
  12  ret  errno:4000
  13  load [3]
  14  op 0xb1 0x1
  15  ret  log
  16  ret  trap
  17  ret  notify
  18  ret  0x7ff00000
  19  ret  allow
`
	if got := Disassemble(prog); got != want {
		t.Errorf("got\n%s", got)
	}
}
