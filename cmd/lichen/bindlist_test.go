package main

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestSplitBindList(t *testing.T) {
	tests := []struct {
		data string
		want []string
		err  string
	}{
		{"", nil, ""},
		{"\x00", nil, ""},
		{"/a", []string{"/a"}, ""},
		{"/a\x00", []string{"/a"}, ""},
		{"/a\x00/b c\n:/d?\x00", []string{"/a", "/b c\n:/d?"}, ""},
		{"/a\x00\x00/b", nil, "entry 2 is empty"},
		{"\x00/b", nil, "entry 1 is empty"},
		{"/a\x00\x00", nil, "entry 2 is empty"},
	}
	for _, tt := range tests {
		got, err := splitBindList(nil, tt.data)
		if tt.err != "" {
			if err == nil || err.Error() != tt.err {
				t.Errorf("%q: %v, want %s", tt.data, err, tt.err)
			}
			continue
		}
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%q: %q, %v", tt.data, got, err)
		}
	}
}

func TestReadBindLists(t *testing.T) {
	name := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(name, []byte(strings.Repeat("/x\x00", 100000)), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := readBindLists([]string{"/first"}, []string{name, "fd:" + strconv.Itoa(int(f.Fd()))})
	if err != nil || len(got) != 200001 || got[0] != "/first" {
		t.Errorf("%d entries, %v", len(got), err)
	}
	for _, source := range []string{"", "/nowhere/list", "fd:", "fd:x", "fd:-1", "fd:99999", "/"} {
		if _, err := readBindLists(nil, []string{source}); err == nil {
			t.Errorf("%q was accepted", source)
		}
	}
}

func TestReadLimited(t *testing.T) {
	f, err := os.Open("/dev/zero")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := readLimited(int(f.Fd()), 1<<20); err == nil || !strings.Contains(err.Error(), "longer than 1 MiB") {
		t.Errorf("%v", err)
	}
}
