package policy

import (
	"strconv"
	"strings"
)

// applies reads under what circumstances a rule is in the policy.
func (o *oci) applies(includes, excludes *jsonValue) (bool, error) {
	in, err := o.circumstances(includes)
	if err != nil {
		return false, err
	}
	out, err := o.circumstances(excludes)
	if err != nil {
		return false, err
	}
	return !in.archElsewhere && in.missing == 0 && !in.older && !out.archHere && out.held == 0 && !out.newer, nil
}

// circumstances is what a filter of a rule makes of the options.
type circumstances struct {
	archHere, archElsewhere bool // it names the architecture, or only others
	held, missing           int  // capabilities
	newer, older            bool // than the kernel it names
}

func (o *oci) circumstances(v *jsonValue) (out circumstances, err error) {
	if v == nil {
		return out, nil
	}
	f, err := v.object("arches", "caps", "minKernel")
	if err != nil {
		return out, err
	}
	arches, err := f["arches"].list()
	if err != nil {
		return out, err
	}
	for _, item := range arches {
		word, err := item.str()
		if err != nil {
			return out, err
		}
		a, ok := archWord(word)
		out.archHere = out.archHere || ok && a == o.opts.Arch
	}
	out.archElsewhere = len(arches) > 0 && !out.archHere
	caps, err := f["caps"].list()
	if err != nil {
		return out, err
	}
	for _, item := range caps {
		held, err := o.holdsCapability(item)
		if err != nil {
			return out, err
		}
		if held {
			out.held++
		} else {
			out.missing++
		}
	}
	if f["minKernel"] == nil {
		return out, nil
	}
	out.newer, err = o.kernelAtLeast(f["minKernel"])
	out.older = !out.newer
	return out, err
}

func (o *oci) holdsCapability(v *jsonValue) (bool, error) {
	name, err := v.str()
	if err != nil {
		return false, err
	}
	if !strings.HasPrefix(name, "CAP_") {
		return false, v.want("the name of a capability, like CAP_SYS_ADMIN")
	}
	for _, c := range o.opts.Capabilities {
		if c == name {
			return true, nil
		}
	}
	return false, nil
}

func (o *oci) kernelAtLeast(v *jsonValue) (bool, error) {
	text, err := v.str()
	if err != nil {
		return false, err
	}
	majorText, minorText, ok := strings.Cut(text, ".")
	major, err1 := strconv.Atoi(majorText)
	minor, err2 := strconv.Atoi(minorText)
	if !ok || err1 != nil || err2 != nil {
		return false, v.want("a kernel version, like 4.8")
	}
	k := o.opts.Kernel
	return k == Kernel{} || k.Major > major || k.Major == major && k.Minor >= minor, nil
}
