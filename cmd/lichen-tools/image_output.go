package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/image/output"
	"github.com/lichen-sandbox/lichen/spec"
)

// changeOptions are what a new image says otherwise than its base.
type changeOptions struct {
	Cmd         *string  `long:"cmd" value-name:"WORDS" unquote:"false" description:"its default command: a JSON list of words, or a line for /bin/sh; empty takes it away"`
	Entrypoint  *string  `long:"entrypoint" value-name:"WORDS" unquote:"false" description:"likewise; without --cmd, the base's command is taken away"`
	Env         []string `long:"env" value-name:"NAME[=VALUE]" unquote:"false" description:"set a variable, or take it away (repeatable)"`
	Label       []string `long:"label" value-name:"NAME[=VALUE]" unquote:"false" description:"set a label, or take it away (repeatable)"`
	WorkDir     *string  `long:"workdir" value-name:"DIR" unquote:"false" description:"its working directory"`
	User        *string  `long:"user" value-name:"USER[:GROUP]" unquote:"false" description:"its user"`
	Message     string   `long:"message" short:"m" value-name:"TEXT" unquote:"false" description:"a comment for the history"`
	Compression string   `long:"compression" value-name:"KIND" unquote:"false" complete:"gzip zstd none" default:"gzip" description:"of the new layer: gzip, zstd or none"`
}

// read makes of the options what the library takes.
func (o *changeOptions) read(verb string) (output.Changes, output.Compression, *int64, error) {
	c := output.Changes{Env: o.Env, Labels: o.Label, WorkingDir: o.WorkDir, User: o.User, Message: o.Message}
	var err error
	if c.Cmd, err = words(o.Cmd); err != nil {
		return c, 0, nil, usageError(verb, "--cmd: "+err.Error())
	}
	if c.Entrypoint, err = words(o.Entrypoint); err != nil {
		return c, 0, nil, usageError(verb, "--entrypoint: "+err.Error())
	}
	for _, v := range append(o.Env[:len(o.Env):len(o.Env)], o.Label...) {
		if v == "" || v[0] == '=' || strings.ContainsRune(v, 0) {
			return c, 0, nil, usageError(verb, quote(v)+" has no name")
		}
	}
	compression, err := output.ParseCompression(o.Compression)
	if err != nil {
		return c, 0, nil, err
	}
	epoch, err := sourceDateEpoch(os.Getenv("SOURCE_DATE_EPOCH"))
	return c, compression, epoch, err
}

// words reads a command as a Dockerfile has it. nil is none.
func words(s *string) ([]string, error) {
	switch {
	case s == nil:
		return nil, nil
	case *s == "":
		return []string{}, nil
	case (*s)[0] != '[':
		return []string{"/bin/sh", "-c", *s}, nil
	}
	list := []string{}
	if err := json.Unmarshal([]byte(*s), &list); err != nil {
		return nil, err
	}
	return list, nil
}

// sourceDateEpoch reads the variable of that name (reproducible-builds.org,
// "SOURCE_DATE_EPOCH specification").
func sourceDateEpoch(s string) (*int64, error) {
	if s == "" {
		return nil, nil
	}
	n, err := strconv.ParseUint(s, 10, 33)
	if err != nil {
		return nil, &spec.Error{Op: "read", Object: "SOURCE_DATE_EPOCH", Reason: quote(s) + " is no number of seconds"}
	}
	sec := int64(n)
	return &sec, nil
}

type commitOptions struct {
	changeOptions
	jsonOption
	helpOption
}

// commitImage is "lichen image commit KEEP NEWREF".
func commitImage(ctx context.Context, u *ui, o *commitOptions, operands []string) int {
	changes, compression, epoch, err := o.read("commit")
	if err != nil {
		return u.fail(err)
	}
	keep, err := filepath.Abs(operands[0])
	if err != nil {
		return u.fail(&spec.Error{Op: "use", Object: "kept layer " + quote(operands[0]), Err: err})
	}
	r, err := readRef(operands[1])
	if err != nil {
		return u.fail(err)
	}
	s, err := createStore()
	if err != nil {
		return u.fail(err)
	}
	img, err := output.Commit(ctx, output.CommitOptions{Store: s, Keep: keep, Ref: r, Compression: compression, Changes: changes, Epoch: epoch})
	if err != nil {
		return u.fail(err)
	}
	return u.made(img, o.JSON)
}

type packOptions struct {
	changeOptions
	Owner    string `long:"owner" value-name:"MODE" unquote:"false" complete:"root keep" default:"root" description:"owners of the files: root, or keep (as they are)"`
	Owners   string `long:"owners" value-name:"FILE" unquote:"false" complete:"file" description:"owners, modes and devices that the directory cannot have, as unpack --owners wrote them"`
	Platform string `long:"platform" value-name:"OS/ARCH[/VARIANT]" unquote:"false" description:"what the image runs on, if not on this host's platform"`
	jsonOption
	helpOption
}

// packDirectory is "lichen image pack DIR NEWREF".
func packDirectory(ctx context.Context, u *ui, o *packOptions, operands []string) int {
	changes, compression, epoch, err := o.read("pack")
	if err != nil {
		return u.fail(err)
	}
	if o.Owner != "root" && o.Owner != "keep" {
		return u.fail(usageError("pack", "there is no mode of owners "+quote(o.Owner)+": root or keep"))
	}
	p := output.PackOptions{Owners: o.Owners, KeepOwners: o.Owner == "keep", Platform: o.Platform, Compression: compression, Changes: changes, Epoch: epoch}
	if p.Dir, err = filepath.Abs(operands[0]); err != nil {
		return u.fail(&spec.Error{Op: "pack", Object: quote(operands[0]), Err: err})
	}
	if p.Ref, err = readRef(operands[1]); err == nil {
		p.Store, err = createStore()
	}
	if err == nil {
		p.Sources, err = readSources(p.Store)
	}
	if err != nil {
		return u.fail(err)
	}
	img, err := output.Pack(ctx, p)
	if err != nil {
		return u.fail(err)
	}
	return u.made(img, o.JSON)
}

// made prints what was made.
func (u *ui) made(img *output.Image, asJSON bool) int {
	u.warnings(img.Warnings, false)
	if asJSON {
		return u.printJSON(map[string]any{
			"reference": img.Reference, "digest": img.Manifest.Digest, "layer": img.Layer.Digest, "size": img.Layer.Size,
			"diffID": img.DiffID, "entries": img.Entries, "warnings": append([]string{}, img.Warnings...),
		})
	}
	return u.print(printable(img.Reference+"@"+img.Manifest.Digest) + "\n")
}
