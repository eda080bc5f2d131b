package main

import (
	"context"

	"github.com/lichen-sandbox/lichen/image/pull"
	"github.com/lichen-sandbox/lichen/image/unpack"
)

// fetchOptions are those of the verbs that fetch into the store.
type fetchOptions struct {
	Platform string `long:"platform" value-name:"OS/ARCH[/VARIANT]" unquote:"false" description:"the image for another platform than this host's"`
	IDs      string `long:"ids" value-name:"MODE" unquote:"false" complete:"single subuid" default:"single" description:"owners of the files: single (all are yours, and the image's only recorded) or subuid (the ranges that /etc/subuid and /etc/subgid give you) (default: single)"`
	Quiet    bool   `long:"quiet" short:"q" description:"show no progress and no warnings"`
}

type pullOptions struct {
	fetchOptions
	Policy string `long:"pull" value-name:"POLICY" unquote:"false" complete:"missing always never" default:"always" description:"when to ask the source: missing (the store does not have the image), always or never (default: always)"`
	jsonOption
	helpOption
}

// pulled is the result of pulling one image.
type pulled struct {
	Reference string   `json:"reference"`
	Platform  string   `json:"platform"`
	Digest    string   `json:"digest"`
	Tree      string   `json:"tree"`
	Changed   bool     `json:"changed"`
	Warnings  []string `json:"warnings"`
}

// pullImages is "lichen image pull". It goes on after an image that failed.
func pullImages(ctx context.Context, u *ui, o *pullOptions, refs []string) int {
	base, err := o.read(o.Policy)
	if err != nil {
		return u.fail(err)
	}
	code, all := exitOK, []pulled{}
	for _, text := range refs {
		p, err := pullOne(ctx, u, o, base, text)
		if err != nil {
			code = u.fail(err)
			if ctx.Err() != nil {
				break
			}
			continue
		}
		all = append(all, *p)
		if !o.JSON {
			code = max(code, u.print(printable(p.Reference+"@"+p.Digest)+"\n"))
		}
	}
	if o.JSON {
		code = max(code, u.printJSON(all))
	}
	return code
}

// read makes a pull's options, all but the reference.
func (o *fetchOptions) read(policy string) (pull.Options, error) {
	var p pull.Options
	var err error
	if p.Policy, err = pull.ParsePolicy(policy); err != nil {
		return p, err
	}
	if p.IDs, err = readIDs(o.IDs); err != nil {
		return p, err
	}
	if p.Store, err = createStore(); err != nil {
		return p, err
	}
	p.Platform, p.Limits = o.Platform, unpack.DefaultLimits()
	p.Sources, err = readSources(p.Store)
	return p, err
}

func pullOne(ctx context.Context, u *ui, o *pullOptions, base pull.Options, text string) (*pulled, error) {
	r, err := readRef(text)
	if err != nil {
		return nil, err
	}
	shown := u.newProgress(o.Quiet)
	base.Ref, base.Watcher = r, shown
	result, err := pull.Pull(ctx, base)
	shown.stop()
	if err != nil {
		return nil, err
	}
	u.warnings(result.Warnings, o.Quiet)
	return &pulled{
		Reference: result.Record.Reference, Platform: result.Record.Platform, Digest: result.Record.Manifest,
		Tree: string(result.Tree), Changed: result.Changed, Warnings: append([]string{}, result.Warnings...),
	}, nil
}

// maxWarnings is how many things that were left out of a tree are told of.
const maxWarnings = 20

func (u *ui) warnings(list []string, quiet bool) {
	if quiet {
		return
	}
	for i, w := range list {
		if i == maxWarnings {
			u.warn("and " + number(len(list)-i) + " more")
			return
		}
		u.warn(w)
	}
}
