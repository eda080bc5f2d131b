package main

import (
	"context"
	"sync"

	"github.com/lichen-sandbox/lichen/image/pull"
	"github.com/lichen-sandbox/lichen/image/source"
)

type copyOptions struct {
	AllPlatforms bool   `long:"all-platforms" description:"the image for every platform that there is"`
	Platform     string `long:"platform" value-name:"OS/ARCH[/VARIANT]" unquote:"false" description:"the image for another platform than this host's"`
	Quiet        bool   `long:"quiet" short:"q" description:"show no progress"`
	jsonOption
	helpOption
}

// copyImage is "lichen image copy".
func copyImage(ctx context.Context, u *ui, o *copyOptions, operands []string) int {
	if o.AllPlatforms && o.Platform != "" {
		return u.fail(usageError("copy", "--all-platforms or --platform?"))
	}
	shown := u.newProgress(o.Quiet)
	name, d, err := doCopy(ctx, o, operands[0], operands[1], shown)
	shown.stop()
	if err != nil {
		return u.fail(err)
	}
	if o.JSON {
		return u.printJSON(map[string]string{"reference": name, "digest": d.Digest, "mediaType": d.MediaType})
	}
	return u.print(printable(name+"@"+d.Digest) + "\n")
}

func doCopy(ctx context.Context, o *copyOptions, fromText, toText string, shown progress) (string, source.Descriptor, error) {
	var none source.Descriptor
	from, err := readRef(fromText)
	if err != nil {
		return "", none, err
	}
	to, err := readRef(toText)
	if err != nil {
		return "", none, err
	}
	c, err := readSources(nil)
	if err != nil {
		return "", none, err
	}
	src, err := source.Open(ctx, from, c)
	if err != nil {
		return "", none, err
	}
	defer src.Close() // only read
	dst, err := source.Create(ctx, to, c)
	if err != nil {
		return "", none, err
	}
	w := &copyProgress{shown: shown, seen: map[string]int{}}
	d, err := source.Copy(ctx, src, from, dst, to, source.Options{AllPlatforms: o.AllPlatforms, Platform: o.Platform, Progress: w.event})
	if closeErr := dst.Close(); err == nil {
		err = closeErr
	}
	return to.String(), d, err
}

// copyProgress shows the blobs of a copy as a pull shows layers. How many there
// are is not known beforehand.
type copyProgress struct {
	shown progress

	mu   sync.Mutex
	seen map[string]int // by digest, in the order of their beginning
}

func (c *copyProgress) event(e source.Event) {
	c.mu.Lock()
	n, known := c.seen[e.Descriptor.Digest]
	if !known {
		n = len(c.seen) + 1
		c.seen[e.Descriptor.Digest] = n
	}
	c.mu.Unlock()
	l := pull.Layer{Number: n, Digest: e.Descriptor.Digest, Size: e.Descriptor.Size, Present: e.Finished && e.Done < e.Descriptor.Size}
	if !known {
		c.shown.Begin(l)
	}
	if e.Finished {
		c.shown.End(l, nil)
		return
	}
	c.shown.Bytes(l, e.Done)
}
