package images

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// builders makes the images, by name.
var builders = map[string]func() (Image, error){
	"busybox":     busybox,
	"debian":      debian,
	"debian-odd":  func() (Image, error) { return debianOdd(func(Entry) bool { return true }) },
	"debian-mild": func() (Image, error) { return debianOdd(mild) },
	"python":      func() (Image, error) { return python("1000") },
	"python-name": func() (Image, error) { return python("app:app") },
	"static":      static,
}

// Names lists the images that Get makes.
//
//   - busybox: one static program with its applets as hard links and symbolic links
//   - debian: one layer, a minbase Debian
//   - debian-odd: on top of that a layer of odd entries, one that changes them,
//     and one of whiteouts
//   - debian-mild: the same without what makes some unpackers give up
//   - python: debian and a python3, with a script that User 1000 runs;
//     python-name has the user by name
//   - static: one static program, and no directory, user list or shell
func Names() []string { return slices.Sorted(maps.Keys(builders)) }

// Get makes an image. The error is ErrNotHere when it is made from packages
// that are not here.
func Get(name string, c Compression) (Image, error) {
	build, ok := builders[name]
	if !ok {
		return Image{}, fmt.Errorf("no image is called %q", name)
	}
	image, err := build()
	if err != nil {
		return Image{}, fmt.Errorf("make image %s: %w", name, err)
	}
	image.Name, image.Compression = name, c
	return image, nil
}

var path = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}

func debian() (Image, error) {
	base, err := baseLayer("debian")
	return Image{Layers: []Layer{base}, Config: Config{Env: path, Cmd: []string{"bash"}}}, err
}

func debianOdd(keep func(Entry) bool) (Image, error) {
	image, err := debian()
	if err != nil {
		return Image{}, err
	}
	for _, entries := range [][]Entry{seed(), changes(), whiteouts()} {
		entries = slices.DeleteFunc(entries, func(e Entry) bool { return !keep(e) })
		layer, err := NewLayer(entries)
		if err != nil {
			return Image{}, err
		}
		image.Layers = append(image.Layers, layer)
	}
	image.Config.Labels = map[string]string{"odd": "yes"}
	return image, nil
}

// mild leaves out hard links to files of lower layers, paths that a layer has
// twice, a whiteout in a directory that is not there, and the older of the two
// sparse formats.
func mild(e Entry) bool {
	lower := []string{"odd/lower-link", "odd/dash-link", "odd/again-link"}
	return !slices.Contains(lower, e.Name) && !strings.HasPrefix(e.Name, "dup/") && !strings.HasPrefix(e.Name, "missing/") && (e.Sparse == nil || !e.Sparse.OldGNU)
}

// script is what the Python images run.
const script = `import os, sys
print("python", sys.version_info[0], "uid", os.getuid(), "gid", os.getgid(), "cwd", os.getcwd(), "home", os.environ.get("HOME"))
`

func python(user string) (Image, error) {
	image, err := debian()
	if err != nil {
		return Image{}, err
	}
	layer, err := pythonLayer()
	if err != nil {
		return Image{}, err
	}
	app, err := appLayer()
	if err != nil {
		return Image{}, err
	}
	image.Layers = append(image.Layers, layer, app)
	image.Config = Config{
		Env: append([]string{"PYTHONDONTWRITEBYTECODE=1"}, path...), User: user, WorkingDir: "/app",
		Entrypoint: []string{"python3"}, Cmd: []string{"/app/main.py"},
		ExposedPorts: map[string]struct{}{"8080/tcp": {}}, Volumes: map[string]struct{}{"/data": {}}, StopSignal: "SIGINT",
	}
	return image, nil
}

// appLayer adds the user app, and a program of his.
func appLayer() (Layer, error) {
	base, err := baseLayer("debian")
	if err != nil {
		return Layer{}, err
	}
	passwd, err := base.file("etc/passwd")
	if err != nil {
		return Layer{}, err
	}
	group, err := base.file("etc/group")
	if err != nil {
		return Layer{}, err
	}
	own := func(e Entry) Entry { e.UID, e.GID = 1000, 1000; return e }
	return NewLayer([]Entry{
		{Name: "etc/passwd", Body: passwd + "app:x:1000:1000:App:/home/app:/bin/sh\n"},
		{Name: "etc/group", Body: group + "app:x:1000:\n"},
		own(dir("home/app/", 0o700)), own(dir("app/", 0o755)), own(Entry{Name: "app/main.py", Body: script}),
		own(dir("data/", 0o755)),
	})
}
