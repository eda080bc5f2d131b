// Command catch is a payload that lies in wait for processes that join its sandbox:
// it tries to look into each from the moment on that there is one.
//
//	catch look STOP       until the file STOP is there
//	catch overwrite STOP  also writes to the program that a process runs
//
// It prints what it has got hold of, one line each, and at last how often it was
// refused to see which program a process runs. The first time, it makes the file
// STOP.seen.
package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

var (
	refused atomic.Int64
	stop    atomic.Bool
	newest  atomic.Int64 // the highest process id that was seen
	mu      sync.Mutex
	told    = map[string]bool{}
)

func main() {
	if len(os.Args) != 3 {
		os.Exit(2)
	}
	tries := []func(pid int){links, memory, attach}
	if os.Args[1] == "overwrite" {
		tries = []func(pid int){links, overwrite}
	}
	newest.Store(highest())
	fmt.Println("ready")
	var all sync.WaitGroup
	for _, try := range tries {
		all.Add(1)
		go func() {
			defer all.Done()
			runtime.LockOSThread() // who attaches is a thread
			lieInWait(try)
		}()
	}
	for {
		unix.Nanosleep(&unix.Timespec{Nsec: 5e6}, nil)
		newest.Store(highest())
		if _, err := os.Stat(os.Args[2]); err == nil {
			break
		}
	}
	stop.Store(true)
	all.Wait()
	fmt.Println("refused", refused.Load())
}

// lieInWait tries the numbers that the next processes will have.
func lieInWait(try func(pid int)) {
	for !stop.Load() {
		first := int(newest.Load()) + 1
		for pid := first - 2; pid < first+6; pid++ {
			if pid > 1 && pid != os.Getpid() {
				try(pid)
			}
		}
	}
}

// highest returns the highest process id of another program's; threads have numbers
// as well.
func highest() int64 {
	var high int64
	names, _ := os.ReadDir("/proc")
	for _, n := range names {
		if pid, err := strconv.ParseInt(n.Name(), 10, 64); err == nil {
			high = max(high, pid)
		}
	}
	threads, _ := os.ReadDir("/proc/self/task")
	for _, n := range threads {
		if tid, err := strconv.ParseInt(n.Name(), 10, 64); err == nil {
			high = max(high, tid)
		}
	}
	return high
}

func got(format string, args ...any) {
	mu.Lock()
	defer mu.Unlock()
	if text := fmt.Sprintf(format, args...); !told[text] {
		told[text] = true
		fmt.Println("got", text)
	}
}

func path(pid int, name string) string { return "/proc/" + strconv.Itoa(pid) + "/" + name }

// foreign reports whether a link is to something of the launcher's.
func foreign(link string) bool {
	return strings.Contains(link, "memfd:lichen") || strings.HasSuffix(link, "/lichen") || strings.HasPrefix(link, "socket:") || strings.Contains(link, ":[4")
}

func links(pid int) {
	var buf [256]byte
	for _, name := range [...]string{"exe", "cwd", "root", "fd/3", "fd/4", "fd/5", "fd/6", "fd/7", "fd/8", "fd/9", "fd/10", "fd/11", "fd/12"} {
		n, err := unix.Readlink(path(pid, name), buf[:])
		if err == unix.ENOENT && name == "exe" {
			return
		}
		if err == unix.EACCES && name == "exe" && refused.Add(1) == 1 {
			_ = os.WriteFile(os.Args[2]+".seen", nil, 0o600) // the suite misses it
		}
		if err == nil && foreign(string(buf[:n])) {
			got("link %s: %s", name, buf[:n])
		}
	}
}

func memory(pid int) {
	var buf [64 << 10]byte
	for _, name := range [...]string{"environ", "cmdline", "comm", "auxv", "maps"} {
		fd, err := unix.Open(path(pid, name), unix.O_RDONLY, 0)
		if err != nil {
			if err == unix.ENOENT {
				return
			}
			continue
		}
		n, err := unix.Read(fd, buf[:])
		unix.Close(fd)
		if err == nil && (bytes.Contains(buf[:n], []byte("c4n4ry")) || bytes.Contains(buf[:n], []byte("memfd:lichen")) || name == "cmdline" && bytes.Contains(buf[:n], []byte("hunter2"))) {
			got("secret in %s", name)
		}
	}
	if fd, err := unix.Open(path(pid, "mem"), unix.O_RDWR, 0); err == nil {
		if exe, err := os.Readlink(path(pid, "exe")); err == nil && foreign(exe) {
			got("memory of %s", exe)
		}
		unix.Close(fd)
	}
}

func attach(pid int) {
	if process, err := unix.PidfdOpen(pid, 0); err == nil {
		for fd := 3; fd < 8; fd++ {
			stolen, err := unix.PidfdGetfd(process, fd, 0)
			if err != nil {
				continue
			}
			if link, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(stolen)); err == nil && foreign(link) {
				got("descriptor %s", link)
			}
			unix.Close(stolen)
		}
		unix.Close(process)
	}
	const seize, interrupt = 0x4206, 0x4207
	if _, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, seize, uintptr(pid), 0, 0, 0, 0); errno != 0 {
		return
	}
	if exe, err := os.Readlink(path(pid, "exe")); err == nil && foreign(exe) {
		got("trace of %s", exe)
	}
	unix.RawSyscall6(unix.SYS_PTRACE, interrupt, uintptr(pid), 0, 0, 0, 0)
	if _, err := unix.Wait4(pid, nil, unix.WALL, nil); err == nil {
		_ = unix.PtraceDetach(pid) // it may have ended
	}
}

// overwrite writes to the program of a process as soon as nobody runs it any more.
func overwrite(pid int) {
	fd, err := unix.Open(path(pid, "exe"), unix.O_PATH, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	self := "/proc/self/fd/" + strconv.Itoa(fd)
	link, err := os.Readlink(self)
	if err != nil || !foreign(link) {
		return
	}
	got("program %s", link)
	_ = unix.Chmod(self, 0o777) // of the copy, if at all
	for range 2000 {
		w, err := unix.Open(self, unix.O_WRONLY, 0)
		if err == unix.ETXTBSY {
			unix.Nanosleep(&unix.Timespec{Nsec: 1e5}, nil)
			continue
		}
		if err == nil {
			if _, err = unix.Write(w, []byte("#!/bin/false\n")); err == nil {
				got("the program is written")
			}
			unix.Close(w)
		}
		return
	}
}
