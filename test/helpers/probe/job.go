package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// job runs a command as a shell does, in the foreground of the terminal that is
// standard input, and resumes it whenever it is stopped: job COMMAND...
func job(a []string) (string, error) {
	cmd := exec.Command(a[0], a[1:]...)
	cmd.Stdin, cmd.Stderr = os.Stdin, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Foreground: true, Ctty: 0}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	fmt.Println("started")
	for {
		var w syscall.WaitStatus
		_, err := syscall.Wait4(cmd.Process.Pid, &w, syscall.WUNTRACED, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return "", err
		case w.Stopped():
			fmt.Println("stopped")
			if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGCONT); err != nil {
				return "", err
			}
		default:
			return fmt.Sprint(w.ExitStatus()), nil
		}
	}
}
