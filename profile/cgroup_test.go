package profile

import (
	"errors"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/spec"
)

// TestCgroupValues compares what is written with what the cgroup's file takes.
func TestCgroupValues(t *testing.T) {
	tests := []struct{ key, value, want string }{
		{"memory_max", `"64M"`, "67108864"},
		{"memory_max", `4096`, "4096"},
		{"memory_max", `"max"`, "max"},
		{"memory_max", `"unlimited"`, "max"},
		{"memory_max", `"64MB"`, "!is not a "},
		{"memory_max", `-1`, "!is not a "},
		{"memory_high", `"1G"`, "1073741824"},
		{"swap_max", `0`, "0"},
		{"pids_max", `20`, "20"},
		{"pids_max", `"20K"`, "!is not a number"},
		{"cpu_max", `"1.5"`, "150000 100000"},
		{"cpu_max", `"150%"`, "150000 100000"},
		{"cpu_max", `2`, "200000 100000"},
		{"cpu_max", `"max"`, "max 100000"},
		{"cpu_max", `"0.001"`, "!is not a number of processors"},
		{"cpu_max", `"1e2"`, "!is not a number of processors"},
		{"cpu_max", `"NaN"`, "!is not a number of processors"},
		{"cpu_max", `"-1"`, "!is not a number of processors"},
		{"cpu_weight", `50`, "50"},
		{"cpu_weight", `0`, "!is not a weight"},
		{"io_weight", `10001`, "!is not a weight"},
		{"io_weight", `10000`, "10000"},
		{"io_max", `["/srv rbps=10M wiops=7"]`, "/srv rbps=10485760 wiops=7"},
		{"io_max", `["8:0   wbps=1K  riops=max"]`, "8:0 wbps=1024 riops=max"},
		{"io_max", `["/with a blank rbps=1"]`, "/with a blank rbps=1"},
		{"io_max", `["/x=y rbps=unlimited"]`, "/x=y rbps=max"},
		{"io_max", `["/srv"]`, "!is not a device and its limits"},
		{"io_max", `["srv rbps=1"]`, "!is not a device and its limits"},
		{"io_max", `["8: rbps=1"]`, "!is not a device and its limits"},
		{"io_max", `["rbps=1"]`, "!is not a device and its limits"},
		{"io_max", `["/srv rbps=1 rbps=2"]`, "!is there twice"},
		{"io_max", `["/srv rbps=1 x=2"]`, "!is not a limit of a device"},
		{"io_max", `["/srv riops=1M"]`, "!is not a limit of a device"},
		{"io_max", `["/srv rbps=0"]`, "!is not a limit of a device"},
		{"io_max", `["/srv rbps="]`, "!is not a limit of a device"},
	}
	for _, c := range tests {
		p, err := builtins("x", "[limits]\n"+c.key+" = "+c.value+"\n").Load("x")
		if want, bad := strings.CutPrefix(c.want, "!"); bad {
			var e *spec.Error
			if !errors.As(err, &e) || e.Object != "limits."+c.key || !strings.Contains(e.Reason, want) || e.Origin.Line == 0 {
				t.Errorf("%s = %s: %v, want %q", c.key, c.value, err, want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s = %s: %v", c.key, c.value, err)
			continue
		}
		l := p.Spec.Limits.Cgroup
		if len(l) != 1 || l[0].Value != c.want || l[0].File != keys[mustKey(t, c.key)].file || l[0].Origin.Line == 0 {
			t.Errorf("%s = %s: %+v, want %q", c.key, c.value, l, c.want)
		}
	}
}

func mustKey(t *testing.T, name string) keyID {
	t.Helper()
	id, ok := findKey("limits", name)
	if !ok {
		t.Fatalf("no key limits.%s", name)
	}
	return id
}
