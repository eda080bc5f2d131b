package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A tool runs a program in an image. Its functions work in dir, which is its
// own and was empty before the cold run.
type tool struct {
	name string
	need []string // programs
	// prepare writes what the tool wants before; not measured.
	prepare func(s *stage, dir string) error
	cold    func(s *stage, dir, image string) error
	warm    func(s *stage, dir, image string) error
	// unpack does what cold does but for the run, which an odd image may not
	// survive, and tree compares the result with the reference. Nil: no tree.
	unpack func(s *stage, dir, image string) error
	tree   func(s *stage, dir, image string) (string, error)
}

// payload is what is run: a program that all images but static have.
const payload = "true"

func allTools() []tool {
	return []tool{lichenTool(), podmanTool(), umociTool()}
}

func lichenTool() tool {
	run := func(s *stage, dir, image string) error {
		_, err := s.exec(dir, s.lichen, "run", "--image", s.host+"/"+image+":latest", "--entrypoint", "", "--", payload)
		return err
	}
	return tool{
		name: "lichen", cold: run, warm: run,
		unpack: func(s *stage, dir, image string) error {
			_, err := s.exec(dir, s.lichen, "image", "pull", s.host+"/"+image+":latest")
			return err
		},
		tree: func(s *stage, dir, image string) (string, error) {
			found, err := filepath.Glob(dir + "/lichen/trees/*/rootfs")
			if err != nil || len(found) != 1 {
				return "", fmt.Errorf("%d trees in the store (%v)", len(found), err)
			}
			return s.compareSingle(found[0], image, filepath.Dir(found[0])+"/owners", "")
		},
	}
}

// hostFiles is lichen without an image: what a warm run is measured against.
func hostFiles() tool {
	run := func(s *stage, dir, _ string) error {
		_, err := s.exec(dir, s.lichen, "run", "--", payload)
		return err
	}
	return tool{name: "lichen, host files", cold: func(*stage, string, string) error { return nil }, warm: run}
}

// podmanTool is podman with crun and the kernel's overlay.
func podmanTool() tool {
	global := func(dir string, args ...string) []string {
		return append([]string{"podman", "--root", dir + "/root", "--runroot", dir + "/runroot", "--runtime", "crun",
			"--cgroup-manager", "cgroupfs", "--events-backend", "file", "--storage-driver", "overlay"}, args...)
	}
	run := func(s *stage, dir, image string) error {
		_, err := s.exec(dir, global(dir, "run", "--rm", "--network", "none", "--cgroups", "disabled", "--tls-verify=false",
			"--user", "0", "--entrypoint", "", s.host+"/"+image+":latest", payload)...)
		return err
	}
	return tool{
		name: "podman + crun", need: []string{"podman", "crun", "newuidmap"}, cold: run, warm: run,
		unpack: func(s *stage, dir, image string) error {
			_, err := s.exec(dir, global(dir, "pull", "-q", "--tls-verify=false", s.host+"/"+image+":latest")...)
			return err
		},
		tree: func(s *stage, dir, image string) (string, error) {
			mount := strings.Join(global(dir, "image", "mount", s.host+"/"+image+":latest"), " ")
			return s.exec(dir, global(dir, "unshare", "sh", "-c", `"$0" -tree "$(`+mount+`)" -layout "$1" -images "$2"`, s.self, s.layout(), image)...)
		},
	}
}

// umociTool unpacks with one id, as it does without root.
func umociTool() tool {
	unpack := func(s *stage, dir, image string) error {
		if _, err := s.exec(dir, "skopeo", "copy", "-q", "--src-tls-verify=false", "docker://"+s.host+"/"+image+":latest", "oci:"+dir+"/oci:latest"); err != nil {
			return err
		}
		_, err := s.exec(dir, "umoci", "unpack", "--rootless", "--image", dir+"/oci:latest", dir+"/bundle")
		return err
	}
	run := func(s *stage, dir, _ string) error {
		s.runs++
		_, err := s.exec(dir+"/bundle", "runc", "--root", dir+"/runc", "run", fmt.Sprintf("bench-%d", s.runs))
		return err
	}
	return tool{
		name: "skopeo + umoci + runc", need: []string{"skopeo", "umoci", "runc"},
		prepare: func(s *stage, dir string) error {
			// skopeo wants to be told what signatures to ask for.
			policy := s.home + "/.config/containers/policy.json"
			if err := s.mkdir(s.home + "/.config"); err != nil {
				return err
			}
			if err := s.mkdir(filepath.Dir(policy)); err != nil {
				return err
			}
			return os.WriteFile(policy, []byte(`{"default":[{"type":"insecureAcceptAnything"}]}`), 0o644)
		},
		cold: func(s *stage, dir, image string) error {
			if err := unpack(s, dir, image); err != nil {
				return err
			}
			if err := setArgs(dir+"/bundle/config.json", payload); err != nil {
				return err
			}
			return run(s, dir, image)
		},
		warm: run, unpack: unpack,
		tree: func(s *stage, dir, image string) (string, error) {
			return s.compareSingle(dir+"/bundle/rootfs", image, "", "user.rootlesscontainers")
		},
	}
}

// setArgs makes a bundle run argv, as root inside and without a terminal.
func setArgs(path string, argv ...string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var config map[string]any
	if err := json.Unmarshal(data, &config); err != nil {
		return err
	}
	process, ok := config["process"].(map[string]any)
	if !ok {
		return fmt.Errorf("%s has no process", path)
	}
	process["args"], process["terminal"], process["cwd"] = argv, false, "/"
	process["user"] = map[string]any{"uid": 0, "gid": 0}
	if data, err = json.Marshal(config); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}

// available drops the tools that do not run this image, and says why.
func (s *stage) available(only, image string) []tool {
	var tools []tool
	for _, t := range allTools() {
		if only != "" && !slices.Contains(strings.Split(only, ","), strings.Fields(t.name)[0]) {
			continue
		}
		if err := s.works(t, image); err != nil {
			fmt.Printf("not compared: %s: %v\n", t.name, err)
			continue
		}
		tools = append(tools, t)
	}
	if only == "" {
		fmt.Println("not compared: udocker: not in Debian 12")
	}
	return tools
}

func (s *stage) works(t tool, image string) error {
	for _, program := range t.need {
		if _, err := exec.LookPath(program); err != nil {
			return err
		}
	}
	dir, err := s.fresh()
	if err != nil {
		return err
	}
	return s.coldRun(t, dir, image, new(time.Duration))
}
