package bwrap

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
)

// recordFile holds what bubblewrap 0.11.1, built from its release, showed of the
// cases that Debian's 0.8 does not have the options for.
const recordFile = "testdata/newer.json"

// oldest is the minor version that the suite needs to be there.
const oldest = 8

var (
	recorded   map[string]observation
	recordLock sync.Mutex
)

func readRecorded() error {
	recorded = make(map[string]observation)
	text, err := os.ReadFile(recordFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // every case that needs it says so
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(text, &recorded)
}

func writeRecorded() error {
	text, err := json.MarshalIndent(recorded, "", "\t")
	if err != nil {
		return err
	}
	if err := os.MkdirAll("testdata", 0o755); err != nil {
		return err
	}
	return os.WriteFile(recordFile, append(text, '\n'), 0o644)
}

func recordedAs(tc *testCase, uid int) string {
	if uid == 0 {
		return tc.name + "/root"
	}
	return tc.name + "/user"
}

func record(tc *testCase, uid int, o observation) {
	recordLock.Lock()
	defer recordLock.Unlock()
	recorded[recordedAs(tc, uid)] = lasting(o, uid)
}

// lasting keeps of an observation what is the same on every machine.
func lasting(o observation, uid int) observation {
	kept := make(observation)
	for field, v := range o {
		kind, _, _ := strings.Cut(field, " ")
		switch {
		case kind == "mount" && !strings.Contains(v, " overlay "), kind == "fd" && !strings.Contains(field, "got"):
			continue
		case kind == "path", kind == "mount", kind == "host", kind == "fd", kind == "exit", kind == "stdout", kind == "stderr", kind == "argv0":
			kept[field] = strings.ReplaceAll(v, fmt.Sprintf(" %d:%d ", uid, gidOf(uid)), " UID:GID ")
		}
	}
	return kept
}

// gidOf is the group of whoever runs the cases.
func gidOf(uid int) int {
	if uid == os.Getuid() {
		return os.Getgid()
	}
	return uid
}
