package unpacker

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestParentKilled starts a parent whose worker hangs, and kills the parent.
func TestParentKilled(t *testing.T) {
	if os.Getenv("LICHEN_TEST_PARENT") != "" {
		parent(t)
		return
	}
	dir, err := os.MkdirTemp("", "lichen-unpacker-")
	check(t, err)
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/proc/self/exe", "-test.run=^TestParentKilled$")
	cmd.Env = append(os.Environ(), "LICHEN_TEST_PARENT="+dir)
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	check(t, err)
	worker := number(strings.TrimSpace(line))
	if worker < 2 || syscall.Kill(worker, 0) != nil {
		t.Fatalf("no worker: %q", line)
	}
	check(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		// Dead is enough: who reaps it is up to init.
		stat, err := os.ReadFile("/proc/" + strings.TrimSpace(line) + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the worker lives on: %s", stat)
		}
	}
}

// parent says which process its worker is once that has begun.
func parent(t *testing.T) {
	text := []byte(attackMagic + "hang ")
	go func() {
		for !rootfsIn(os.Getenv("LICHEN_TEST_PARENT")) {
			time.Sleep(time.Millisecond)
		}
		os.Stdout.WriteString(strings.Join(children(t), " ") + "\n")
	}()
	_, err := Run(context.Background(), Job{Staging: os.Getenv("LICHEN_TEST_PARENT"), IDs: self(), Layers: []Layer{layer(text, text)}})
	t.Error(err) // it is killed before
}

func rootfsIn(dir string) bool {
	_, err := os.Stat(dir + "/rootfs")
	return err == nil
}

// TestWorkerKilled kills the worker in the middle of a layer: the error says
// so, and nothing is left but the staging directory.
func TestWorkerKilled(t *testing.T) {
	asUsers(t, func(t *testing.T, ids Mapping) {
		parent := t.TempDir()
		dir := parent + "/staging"
		check(t, os.Mkdir(dir, 0o700))
		plain := archive(t, entry{name: "f", content: strings.Repeat("x", 1<<20), mode: 0o644})
		l := layer(plain, plain)
		r, w := io.Pipe()
		l.Open = func() (io.ReadCloser, error) { return r, nil }
		go func() {
			w.Write(plain[:len(plain)/2])
			for !rootfsIn(dir) {
				time.Sleep(time.Millisecond)
			}
			for _, pid := range children(t) {
				syscall.Kill(number(pid), syscall.SIGKILL)
			}
		}()
		_, err := Run(deadline(t), Job{Staging: dir, IDs: ids, Layers: []Layer{l}})
		if err == nil || !strings.Contains(err.Error(), "killed by SIGKILL") {
			t.Errorf("have %v", err)
		}
		entries, err := os.ReadDir(parent)
		if err != nil || len(entries) != 1 {
			t.Errorf("left %v, %v", entries, err)
		}
		check(t, Remove(dir, ids))
		if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("still there: %v", err)
		}
	})
}

// TestUnasked: the name alone makes nothing of the program.
func TestUnasked(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{Name}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitUnasked || len(out) != 0 {
		t.Errorf("have %q, %v", out, err)
	}
}
