package main

import (
	"context"

	"github.com/lichen-sandbox/lichen/image/store"
	"github.com/lichen-sandbox/lichen/image/upkeep"
)

type verifyOptions struct {
	Repair bool `long:"repair" description:"fetch what is damaged again, and unpack it again"`
	Quiet  bool `long:"quiet" short:"q" description:"show no progress"`
	jsonOption
	helpOption
}

// verifyStore is "lichen image verify". Damage that is not mended makes it fail.
func verifyStore(ctx context.Context, u *ui, o *verifyOptions, refs []string) int {
	s, err := openStore()
	if err != nil {
		return u.fail(err)
	}
	findings := []upkeep.Finding{}
	if s != nil || len(refs) > 0 {
		found, err := verify(ctx, u, s, o, refs)
		findings = append(findings, found...)
		if err != nil {
			if o.JSON {
				u.printJSON(findings)
			} else {
				u.print(findingsText(findings))
			}
			return u.fail(err)
		}
	}
	code := exitOK
	for _, f := range findings {
		if f.Damage && !f.Mended {
			code = exitFailed
		}
	}
	if o.JSON {
		return max(code, u.printJSON(findings))
	}
	if len(findings) == 0 {
		return u.print("all is as it should be\n")
	}
	return max(code, u.print(findingsText(findings)))
}

func verify(ctx context.Context, u *ui, s *store.Store, o *verifyOptions, refs []string) ([]upkeep.Finding, error) {
	var images []store.Named
	for _, text := range refs {
		found, err := stored(s, text, "")
		if err != nil {
			return nil, err
		}
		images = append(images, found...)
	}
	sources, err := readSources(s)
	if err != nil {
		return nil, err
	}
	v := upkeep.VerifyOptions{Images: images, Repair: o.Repair, Sources: sources}
	if !o.Quiet && !o.JSON {
		v.Each = func(kind, name string) { u.note("verifying " + kind + " " + printable(name) + "\n") }
	}
	return newKeeper(s).Verify(ctx, v)
}

func findingsText(list []upkeep.Finding) string {
	text := ""
	for _, f := range list {
		line := f.Kind + " " + f.Name
		if f.Path != "" {
			line += ": " + quote(f.Path)
		}
		line += ": " + f.What
		switch {
		case f.Mended:
			line += " (mended)"
		case f.Damage:
			line = "damaged " + line
		}
		text += printable(line) + "\n"
	}
	return text
}
