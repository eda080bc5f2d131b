package relay

import (
	"io"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestTakenBack: who writes can read the pipe empty again while the relay waits for
// its reader. It must not wait then for what does not come, though somebody still
// has an end to write to: splice(2) and read(2) both.
func TestTakenBack(t *testing.T) {
	for _, spliced := range []bool{true, false} {
		r, in, out, _ := prepared(t, 1<<30)
		if !spliced {
			r.streams[0].buf = make([]byte, chunk)
		}
		fill := func(fd int) {
			for {
				if _, err := unix.Write(fd, make([]byte, 4096)); err != nil {
					return
				}
			}
		}
		r.Start()
		full := r.streams[0].out
		if err := unix.SetNonblock(full, true); err != nil {
			t.Fatal(err)
		}
		fill(full)
		if err := unix.SetNonblock(full, false); err != nil {
			t.Fatal(err)
		}
		again, err := unix.Open("/proc/self/fd/"+strconv.Itoa(int(in.Fd())), unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(again)
		fill(again)
		for r.budget.left.Load() == 1<<30 { // until it is counted
			time.Sleep(time.Millisecond)
		}
		for buf := make([]byte, 1<<16); ; {
			if _, err := unix.Read(again, buf); err != nil {
				break
			}
		}
		r.Finish()
		go io.Copy(io.Discard, out)
		if !r.WaitFor(patience) {
			t.Errorf("spliced %v: it waits for what is gone", spliced)
		}
	}
}
