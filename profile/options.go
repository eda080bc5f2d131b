package profile

import (
	"strings"

	"github.com/lichen-sandbox/lichen/spec"
)

// optionDef says which mount types take an option, as a bit set.
type optionDef struct {
	name  string
	group uint8 // options of one group exclude each other
	types uint16
}

const (
	onBind    = 1 << spec.MountBind
	onTmpfs   = 1 << spec.MountTmpfs
	onOverlay = 1 << spec.MountOverlay
	onDir     = 1 << spec.MountDir
	onFile    = 1 << spec.MountFile
	onHide    = 1 << spec.MountHide
)

var mountOptions = [...]optionDef{
	{"ro", 0, onBind | onOverlay},
	{"rw", 0, onBind | onOverlay},
	{"noexec", 1, onBind | onTmpfs | onOverlay},
	{"exec", 1, onBind | onTmpfs | onOverlay},
	{"dev", 2, onBind},
	{"socket", 3, onBind},
	{"optional", 4, onBind | onHide},
	{"size=", 5, onTmpfs},
	{"mode=", 6, onTmpfs | onDir | onFile},
}

// optionParser applies options to one mount and remembers which came before.
type optionParser struct{ seen [len(mountOptions)]string }

func (o *optionParser) apply(m *spec.Mount, opt string) error {
	def, value := findOption(opt)
	if def == nil {
		name := opt[:min(len(opt), strings.IndexByte(opt+"=", '=')+1)]
		return badValue(opt, "is not an option", didYouMean(name, optionNames(m.Type)))
	}
	if def.types&(1<<m.Type) == 0 {
		return badValue(opt, "is not an option of type "+quote(m.Type.String()), optionHint(m.Type))
	}
	if before := o.seen[def.group]; before != "" {
		return badValue(opt, "comes after "+quote(before), "keep one of them")
	}
	o.seen[def.group] = opt
	return setOption(m, def.name, value)
}

func findOption(opt string) (*optionDef, string) {
	for i := range mountOptions {
		def := &mountOptions[i]
		if opt == def.name && !strings.HasSuffix(opt, "=") {
			return def, ""
		}
		if strings.HasSuffix(def.name, "=") && strings.HasPrefix(opt, def.name) {
			return def, opt[len(def.name):]
		}
	}
	return nil, ""
}

func setOption(m *spec.Mount, name, value string) error {
	switch name {
	case "ro", "rw":
		m.Write = name == "rw"
	case "noexec", "exec":
		m.NoExec = name == "noexec"
	case "dev":
		m.Dev = true
	case "socket":
		m.Socket = true
	case "optional":
		m.Optional = true
	case "size=":
		n, err := parseSize(value)
		if err == nil && n == 0 {
			// tmpfs(5): size=0 means no limit at all.
			err = badValue(value, "is not a size for a tmpfs", "a tmpfs is always bounded")
		}
		m.Size = n
		return err
	case "mode=":
		n, err := parseMode(value, 0o7777)
		m.Mode = &n
		return err
	}
	return nil
}

func optionNames(t spec.MountType) []string {
	var names []string
	for _, def := range mountOptions {
		if def.types&(1<<t) != 0 {
			names = append(names, def.name)
		}
	}
	return names
}

func optionHint(t spec.MountType) string {
	names := optionNames(t)
	if len(names) == 0 {
		return "this type takes no options"
	}
	return "it takes " + strings.Join(names, ", ")
}
