// Command imagebench measures what it costs to run a program in an image: cold,
// that is pulled from a registry on loopback, unpacked and run; and warm. The
// tools that are compared take turns in one run, as a plain user. It also says
// which of them get the tree right, held against a reference. It reports and
// does not judge.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/lichen-sandbox/lichen/test/images"
	"github.com/lichen-sandbox/lichen/test/images/reference"
)

type options struct {
	lichen, tools, images string
	compression           string
	cold, warm            int
	trees                 bool
}

func main() {
	var o options
	flag.StringVar(&o.lichen, "lichen", "bin/lichen", "the launcher to measure")
	flag.StringVar(&o.tools, "tools", "", "only these, by comma")
	flag.StringVar(&o.images, "images", "busybox,debian,python", "images to run, by comma")
	flag.StringVar(&o.compression, "compression", "gzip", "of the layers: gzip, zstd or plain")
	flag.IntVar(&o.cold, "cold", 10, "cold runs of each tool with each image")
	flag.IntVar(&o.warm, "warm", 50, "warm runs of each")
	flag.BoolVar(&o.trees, "trees", true, "compare the trees with the reference")
	serve := flag.Bool("serve", false, "only serve the images, until interrupted")
	tree := flag.String("tree", "", "only compare this tree with that of the image given by -images")
	layout := flag.String("layout", "", "with -tree: where the image is")
	single := flag.Bool("single", false, "with -tree: all in it has one owner")
	ownersFile := flag.String("owners", "", "with -single: where the owners are written down")
	xattr := flag.String("xattr", "", "with -single: the attribute in which they are")
	flag.Parse()
	var err error
	if *tree != "" {
		err = printTree(*tree, *layout, o.images, *single, *ownersFile, *xattr)
	} else if err = cgroups(); err == nil {
		err = run(o, *serve)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "imagebench:", err)
		os.Exit(1)
	}
}

// printTree is what this program does where another starts it in a namespace.
func printTree(dir, layout, image string, single bool, ownersFile, xattr string) error {
	var lines []string
	var err error
	if single {
		s := &stage{dir: filepath.Dir(layout)}
		lines, err = s.tree(os.Getuid(), dir, image, ownersFile, xattr)
	} else {
		lines, err = compareTree(dir, layout, image, reference.Options{})
	}
	for _, line := range lines {
		fmt.Println(line)
	}
	return err
}

func run(o options, serve bool) error {
	names := strings.Split(o.images, ",")
	for _, odd := range oddImages {
		if o.trees && !slices.Contains(names, odd) {
			names = append(names, odd)
		}
	}
	s, err := newStage(o, names)
	if err != nil {
		return err
	}
	defer s.remove()
	if serve {
		fmt.Println(s.host, strings.Join(names, " "))
		interrupted := make(chan os.Signal, 1)
		signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
		<-interrupted
		return nil
	}
	fmt.Printf("%d CPUs, uid %d, %s layers, registry on loopback\n", runtime.NumCPU(), s.uid, o.compression)
	measured := strings.Split(o.images, ",")
	tools := s.available(o.tools, measured[0])
	for _, name := range measured {
		if err := s.measure(name, tools, o.cold, o.warm); err != nil {
			return err
		}
	}
	if !o.trees {
		return nil
	}
	for _, name := range names {
		if err := s.compareAll(tools, name); err != nil {
			return err
		}
	}
	return nil
}

// oddImages are those whose trees show who follows the rules.
var oddImages = []string{"debian-mild", "debian-odd"}

func layouts(dir string, names []string, c images.Compression) error {
	var list []images.Image
	for _, name := range names {
		image, err := images.Get(name, c)
		if err != nil {
			return err
		}
		list = append(list, image)
	}
	return images.Layout(dir, list...)
}
