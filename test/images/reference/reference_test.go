package reference

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// layer makes a tar stream from a short notation, one entry a line:
// "f PATH CONTENT", "d PATH", "l PATH TARGET", "h PATH TARGET".
func layer(t *testing.T, text string) io.Reader {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		f := append(strings.Fields(line), "", "")
		h := &tar.Header{Name: f[1], Mode: 0o644, ModTime: time.Unix(1, 0)}
		switch f[0] {
		case "f":
			h.Typeflag, h.Size = tar.TypeReg, int64(len(f[2]))
		case "d":
			h.Typeflag, h.Mode = tar.TypeDir, 0o700
		case "l":
			h.Typeflag, h.Linkname = tar.TypeSymlink, f[2]
		case "h":
			h.Typeflag, h.Linkname = tar.TypeLink, f[2]
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if f[0] == "f" {
			io.WriteString(w, f[2])
		}
	}
	w.Close()
	return &buf
}

// text writes a tree down: directories with a slash, implicit ones with "?",
// links with their target, files with their size, hard links with "=".
func text(tree *Tree) string {
	all := tree.Paths()
	groups := links(all)
	var out []string
	for _, path := range slices.Sorted(maps.Keys(all)) {
		if path == "." {
			continue
		}
		n := all[path]
		switch {
		case n.Type == tar.TypeDir && n.Implicit:
			path += "/?"
		case n.Type == tar.TypeDir:
			path += "/"
		case n.Type == tar.TypeSymlink:
			path += ">" + n.Target
		case groups[path] != "":
			path += fmt.Sprintf(":%d=", n.Size)
		default:
			path += fmt.Sprintf(":%d", n.Size)
		}
		out = append(out, path)
	}
	return strings.Join(out, " ")
}

func TestLayers(t *testing.T) {
	for name, c := range map[string]struct {
		layers []string
		want   string
	}{
		"parents":                  {[]string{"f a/b/c 1"}, "a/? a/b/? a/b/c:1"},
		"parent comes late":        {[]string{"f a/b 1\nd a"}, "a/ a/b:1"},
		"dots and slashes":         {[]string{"d ./a/\nf .//a/./b 1"}, "a/ a/b:1"},
		"last one wins":            {[]string{"f a 1\nf a 22"}, "a:2"},
		"directory merges":         {[]string{"d a\nf a/b 1", "d a\nf a/c 1"}, "a/ a/b:1 a/c:1"},
		"parents keep attributes":  {[]string{"d a", "f a/b 1"}, "a/ a/b:1"},
		"file over directory":      {[]string{"d a\nf a/b 1", "f a 1"}, "a:1"},
		"directory over link":      {[]string{"d d\nl a d", "d a\nf a/b 1"}, "a/ a/b:1 d/"},
		"through a link":           {[]string{"d usr/bin\nl bin usr/bin", "f bin/x 1"}, "bin>usr/bin usr/? usr/bin/ usr/bin/x:1"},
		"through an absolute link": {[]string{"d d\nd e\nl e/a /d", "f e/a/x 1"}, "d/ d/x:1 e/ e/a>/d"},
		"through a climbing link":  {[]string{"d d\nd e\nl e/a ../../../d", "f e/a/x 1"}, "d/ d/x:1 e/ e/a>../../../d"},
		"hard link":                {[]string{"f a 1\nh b a"}, "a:1= b:1="},
		"hard link across layers":  {[]string{"f a 1", "h b a"}, "a:1= b:1="},
		"hard link of a link":      {[]string{"f a 1\nl l a\nh m l"}, "a:1 l>a m>a"},
		"replacing breaks a link":  {[]string{"f a 1\nh b a", "f a 22"}, "a:2 b:1"},
		"whiteout":                 {[]string{"f a 1\nf b 1", "f .wh.a"}, "b:1"},
		"whiteout of a tree":       {[]string{"d a\nf a/b 1", "f .wh.a"}, ""},
		"whiteout of a link":       {[]string{"f a 1\nl l a", "f .wh.l"}, "a:1"},
		"whiteout of nothing":      {[]string{"f a 1", "f .wh.b\nf c/.wh.d"}, "a:1"},
		"whiteout through a link":  {[]string{"f d/x 1\nl l d", "f l/.wh.x"}, "d/? l>d"},
		"whiteout, made again":     {[]string{"d a\nf a/b 1", "f .wh.a\nd a\nf a/c 1"}, "a/ a/c:1"},
		"made again, whiteout":     {[]string{"d a\nf a/b 1", "d a\nf a/c 1\nf .wh.a"}, "a/ a/c:1"},
		"whiteout of its own":      {[]string{"f b 1", "f a 1\nf .wh.a"}, "a:1 b:1"},
		"whiteout in one layer":    {[]string{"f a 1\nf .wh.a", "f b 1"}, "a:1 b:1"},
		"opaque early":             {[]string{"d a\nf a/b 1", "f a/.wh..wh..opq\nf a/c 1"}, "a/ a/c:1"},
		"opaque late":              {[]string{"d a\nf a/b 1\nd a/d\nf a/d/e 1", "f a/c 1\nf a/d/f 1\nf a/.wh..wh..opq"}, "a/ a/c:1 a/d/? a/d/f:1"},
		"opaque, was a link":       {[]string{"f d/x 1\nl l d", "f l/.wh..wh..opq\nd l\nf l/y 1"}, "d/? d/x:1 l/ l/y:1"},
		"other names of aufs":      {[]string{"f a 1", "f .wh..wh.plnk\nf .wh..wh.a"}, "a:1"},
	} {
		t.Run(name, func(t *testing.T) {
			var layers []io.Reader
			for _, l := range c.layers {
				layers = append(layers, layer(t, l))
			}
			tree, err := Of(layers...)
			if err != nil {
				t.Fatal(err)
			}
			if got := text(tree); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestNoTree(t *testing.T) {
	for _, l := range []string{"h a missing", "l a b\nl b a\nf a/x 1"} {
		if tree, err := Of(layer(t, l)); err == nil {
			t.Errorf("%q: no error, but %s", l, text(tree))
		}
	}
}
