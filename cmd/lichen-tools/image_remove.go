package main

import (
	"context"
	"errors"

	"github.com/lichen-sandbox/lichen/image/store"
	"github.com/lichen-sandbox/lichen/image/upkeep"
)

type removeOptions struct {
	Platform string `long:"platform" value-name:"OS/ARCH[/VARIANT]" unquote:"false" description:"only the image for this platform"`
	jsonOption
	helpOption
}

// removed is one image that went.
type removed struct {
	Reference string `json:"reference"`
	Platform  string `json:"platform"`
	Digest    string `json:"digest"`
}

// removeImages is "lichen image rm". It goes on after an image that stays.
func removeImages(ctx context.Context, u *ui, o *removeOptions, refs []string) int {
	s, err := openStore()
	if err != nil {
		return u.fail(err)
	}
	code, all := exitOK, []removed{}
	for _, text := range refs {
		found, err := stored(s, text, o.Platform)
		if err != nil {
			code = u.fail(err)
			continue
		}
		for _, named := range found {
			if err := newKeeper(s).Remove(ctx, named); err != nil {
				code = u.fail(err)
				continue
			}
			all = append(all, removed{named.Record.Reference, named.Record.Platform, named.Record.Manifest})
			if !o.JSON {
				code = max(code, u.print("removed "+printable(named.Record.Reference)+" "+printable(named.Record.Platform)+"\n"))
			}
		}
	}
	if len(all) > 0 {
		// Its blobs; when something is being written, the next time.
		if _, err := newKeeper(s).Prune(ctx, upkeep.PruneOptions{}); err != nil && !errors.Is(err, store.ErrInUse) {
			code = u.fail(err)
		}
	}
	if o.JSON {
		code = max(code, u.printJSON(all))
	}
	return code
}

type pruneOptions struct {
	All    bool `long:"all" description:"remove all images too that no sandbox uses now, and interrupted downloads"`
	DryRun bool `long:"dry-run" description:"only print what would be removed"`
	jsonOption
	helpOption
}

// pruneStore is "lichen image prune".
func pruneStore(ctx context.Context, u *ui, o *pruneOptions, _ []string) int {
	s, err := openStore()
	if err != nil {
		return u.fail(err)
	}
	list := []upkeep.Pruned{}
	code := exitOK
	if s != nil {
		pruned, err := newKeeper(s).Prune(ctx, upkeep.PruneOptions{All: o.All, DryRun: o.DryRun})
		if list = append(list, pruned...); err != nil {
			code = u.fail(err)
		}
	}
	if o.JSON {
		return max(code, u.printJSON(list))
	}
	return max(code, u.print(pruneText(list, o.DryRun)))
}

// pruneText lists what went and sums it up.
func pruneText(list []upkeep.Pruned, dryRun bool) string {
	did, freed := "removed ", "freed "
	if dryRun {
		did, freed = "would remove ", "would free "
	}
	text, sum := "", int64(0)
	for _, p := range list {
		line := p.Kind + " " + p.Name
		switch {
		case p.InUse:
			line = "kept " + line + ": in use"
		case p.Bytes > 0:
			sum += p.Bytes
			line = did + line + ", " + size(p.Bytes)
		default:
			line = did + line
		}
		text += printable(line) + "\n"
	}
	return text + freed + size(sum) + " of blobs\n"
}
