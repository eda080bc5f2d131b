package policy

import (
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/seccomp"
)

// rule reads an entry of syscalls.
func (o *oci) rule(v *jsonValue) error {
	f, err := v.object("name", "names", "action", "errnoRet", "errno", "args", "comment", "includes", "excludes")
	if err != nil {
		return err
	}
	if f["action"] == nil {
		return &Error{Position: v.at, Reason: "found no action"}
	}
	a, err := o.action(f["action"], f["errnoRet"], f["errno"])
	if err != nil {
		return err
	}
	in, err := o.applies(f["includes"], f["excludes"])
	if err != nil {
		return err
	}
	names, err := o.ruleNames(v, f["name"], f["names"], in)
	if err != nil || !in || a == o.def {
		return err
	}
	conds, err := o.conditions(f["args"], names)
	if err != nil {
		return err
	}
	for _, n := range names {
		if len(conds) == 0 {
			o.append(n, filter{action: a, at: n.at})
		}
		for i := range conds {
			o.append(n, filter{cond: &conds[i], action: a, at: n.at})
		}
	}
	return nil
}

// append adds a filter, whatever is there already.
func (o *oci) append(n callName, f filter) {
	c := o.byName[n.name]
	if c == nil {
		c = &callFilters{name: n.name}
		o.byName[n.name] = c
		o.calls = append(o.calls, c)
	}
	c.filters = append(c.filters, f)
}

// settle leaves the first filter without a condition alone, if there is one.
func (c *callFilters) settle() {
	for i := range c.filters {
		if c.filters[i].cond == nil {
			c.filters = c.filters[i : i+1]
			return
		}
	}
}

// ruleNames returns the calls of a rule that are known on any architecture; a
// profile is for all of them. Of others it warns.
func (o *oci) ruleNames(rule, name, names *jsonValue, warn bool) ([]callName, error) {
	list, err := names.list()
	if err != nil {
		return nil, err
	}
	if name != nil {
		list = append([]*jsonValue{name}, list...)
	}
	if len(list) == 0 {
		return nil, &Error{Position: rule.at, Reason: "found no names"}
	}
	var out []callName
	for _, v := range list {
		text, err := v.str()
		switch {
		case err != nil:
			return nil, err
		case seccomp.Known(text):
			out = append(out, callName{text, v.at})
		case warn:
			o.usable(text, v.at)
		}
	}
	return out, nil
}

// conditions reads args: alternatives, of which one has to hold.
func (o *oci) conditions(v *jsonValue, names []callName) ([]condition, error) {
	args, err := v.list()
	if err != nil {
		return nil, err
	}
	var texts []string
	seen, repeated := [6]bool{}, false
	for _, a := range args {
		index, text, err := o.comparison(a, names)
		if err != nil {
			return nil, err
		}
		repeated = repeated || seen[index]
		seen[index] = true
		texts = append(texts, text)
	}
	if len(texts) == 0 {
		return nil, nil
	}
	if !repeated {
		texts = []string{strings.Join(texts, " && ")}
	}
	out := make([]condition, len(texts))
	for i, t := range texts {
		out[i] = condition{text: t, source: t}
	}
	return out, nil
}

// ociOperator returns a comparison in lichen's spelling, or "".
func ociOperator(name string) string {
	switch name {
	case "SCMP_CMP_NE":
		return "!="
	case "SCMP_CMP_LT":
		return "<"
	case "SCMP_CMP_LE":
		return "<="
	case "SCMP_CMP_EQ":
		return "=="
	case "SCMP_CMP_GE":
		return ">="
	case "SCMP_CMP_GT":
		return ">"
	case "SCMP_CMP_MASKED_EQ":
		return "&"
	}
	return ""
}

func (o *oci) comparison(v *jsonValue, names []callName) (index uint64, text string, err error) {
	f, err := v.object("index", "value", "valueTwo", "op")
	if err != nil {
		return 0, "", err
	}
	for _, name := range [...]string{"index", "value", "op"} {
		if f[name] == nil {
			return 0, "", &Error{Position: v.at, Reason: "found no " + name}
		}
	}
	index, err = f["index"].uint(3)
	if err == nil && index > 5 {
		err = f["index"].want("the number of an argument, 0 to 5,")
	}
	if err != nil {
		return 0, "", err
	}
	values := [2]uint64{}
	for i, name := range [...]string{"value", "valueTwo"} {
		if f[name] == nil {
			continue
		}
		if values[i], err = f[name].uint(64); err != nil {
			return 0, "", err
		}
	}
	op := ociOperator(f["op"].text)
	if op == "" {
		return 0, "", f["op"].want("SCMP_CMP_NE, _LT, _LE, _EQ, _GE, _GT or _MASKED_EQ")
	}
	arg := "arg" + strconv.Itoa(int(index))
	if op == "&" {
		return index, arg + " & " + hex(values[0]) + " == " + hex(values[1]), o.checkArgument(f, names, uint8(index), false, values[:]...)
	}
	return index, arg + " " + op + " " + hex(values[0]), o.checkArgument(f, names, uint8(index), op != "==" && op != "!=", values[0])
}

func (o *oci) checkArgument(f map[string]*jsonValue, names []callName, index uint8, ordered bool, values ...uint64) error {
	for _, n := range names {
		reason := seccomp.CheckArgument(o.opts.Arch, n.name, index, ordered, values...)
		if reason == "" {
			continue
		}
		at := f["value"].at
		if strings.HasPrefix(reason, n.name) {
			at = f["index"].at
		}
		return &Error{Position: at, Reason: reason}
	}
	return nil
}
