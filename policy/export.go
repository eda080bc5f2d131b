package policy

import (
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/seccomp"
	"github.com/lichen-sandbox/lichen/spec"
)

// ExportOCI returns a policy as linux.seccomp of an OCI runtime configuration.
//
// What a runtime does with it differs in what the form cannot say: numbers
// without a name get the default there, unless the runtime answers ENOSYS for
// them by itself (runc does), and the x32 calls of amd64 too. Negations, orders
// and 32-bit comparisons are written out as masked equalities, bit by bit. It is
// an error where a call takes too many of them, and where the rules of a call
// are not the same on the 32-bit architecture that the policy lets in.
func ExportOCI(p *spec.Seccomp, o seccomp.Options) ([]byte, error) {
	rules, err := seccomp.Flatten(p, o, o.Arch)
	if err != nil {
		return nil, exportError(err)
	}
	arches := []string{archTokens[o.Arch]}
	if compat, ok := o.Arch.Compat(); ok && p.Compat {
		other, err := seccomp.Flatten(p, o, compat)
		if err != nil {
			return nil, exportError(err)
		}
		if rules, err = joinArches(o.Arch, rules, compat, other); err != nil {
			return nil, exportError(err)
		}
		arches = append(arches, archTokens[compat])
	}
	w := &ociWriter{}
	def := p.Default
	if def.Kind == spec.ActionUnset {
		def = spec.Action{Kind: spec.ActionErrno, Errno: 1}
	}
	w.text("{\n  " + ociAction("defaultAction", "defaultErrnoRet", def) + ",\n  \"architectures\": [" + quoteAll(arches) + "],\n  \"syscalls\": [")
	w.rules(rules)
	w.text("\n  ]\n}\n")
	return []byte(w.String()), nil
}

func exportError(err error) error {
	return &spec.Error{Op: "export to OCI", Err: err}
}

// callRules are the rules of one call, as text to compare and to join them by.
type callRules struct {
	name string
	text string
}

// groupRules joins the rules of each call, which stand next to each other.
func groupRules(rules []seccomp.FlatRule) []callRules {
	var out []callRules
	for i := range rules {
		if n := len(out); n == 0 || out[n-1].name != rules[i].Call {
			out = append(out, callRules{name: rules[i].Call})
		}
		out[len(out)-1].text += ociRuleText(&rules[i])
	}
	return out
}

// joinArches returns the rules for two architectures.
func joinArches(a seccomp.Arch, rules []seccomp.FlatRule, b seccomp.Arch, others []seccomp.FlatRule) ([]seccomp.FlatRule, error) {
	of := func(list []seccomp.FlatRule) map[string]string {
		out := map[string]string{}
		for _, c := range groupRules(list) {
			out[c.name] = c.text
		}
		return out
	}
	left, right := of(rules), of(others)
	for _, list := range [...][]seccomp.FlatRule{rules, others} {
		for i := range list {
			name := list[i].Call
			_, here := seccomp.Number(a, name)
			_, there := seccomp.Number(b, name)
			if here && there && left[name] != right[name] {
				return nil, &spec.Error{Object: name, Reason: "its arguments are decided otherwise on " + b.Name() + " than on " + a.Name() + ", and the form has one rule for both"}
			}
		}
	}
	for i := range others {
		if _, both := left[others[i].Call]; !both {
			rules = append(rules, others[i])
		}
	}
	return rules, nil
}

// ociWriter writes JSON.
type ociWriter struct{ strings.Builder }

func (w *ociWriter) text(s string) { w.WriteString(s) }

// rules writes the rules, those that are the same for several calls once.
func (w *ociWriter) rules(rules []seccomp.FlatRule) {
	var order []string
	names := map[string][]string{}
	for i := range rules {
		text := ociRuleText(&rules[i])
		if names[text] == nil {
			order = append(order, text)
		}
		names[text] = append(names[text], rules[i].Call)
	}
	for i, text := range order {
		if i > 0 {
			w.text(",")
		}
		w.text("\n    {\"names\": [" + quoteAll(names[text]) + "], " + text + "}")
	}
}

// ociRuleText writes what a rule says beside its names.
func ociRuleText(r *seccomp.FlatRule) string {
	out := ociAction("action", "errnoRet", r.Action)
	if len(r.Args) == 0 {
		return out
	}
	args := make([]string, len(r.Args))
	for i, a := range r.Args {
		args[i] = "{\"index\": " + strconv.Itoa(int(a.Index)) + ", \"value\": " + strconv.FormatUint(a.Mask, 10) +
			", \"valueTwo\": " + strconv.FormatUint(a.Value, 10) + ", \"op\": \"SCMP_CMP_MASKED_EQ\"}"
		if a.Mask == ^uint64(0) {
			args[i] = "{\"index\": " + strconv.Itoa(int(a.Index)) + ", \"value\": " + strconv.FormatUint(a.Value, 10) + ", \"op\": \"SCMP_CMP_EQ\"}"
		}
	}
	return out + ", \"args\": [" + strings.Join(args, ", ") + "]"
}

func ociAction(key, errnoKey string, a spec.Action) string {
	name := map[spec.ActionKind]string{
		spec.ActionAllow: "SCMP_ACT_ALLOW", spec.ActionErrno: "SCMP_ACT_ERRNO", spec.ActionKillProcess: "SCMP_ACT_KILL_PROCESS",
		spec.ActionLog: "SCMP_ACT_LOG", spec.ActionTrap: "SCMP_ACT_TRAP", spec.ActionNotify: "SCMP_ACT_NOTIFY",
	}[a.Kind]
	out := strconv.Quote(key) + ": " + strconv.Quote(name)
	if a.Kind == spec.ActionErrno {
		out += ", " + strconv.Quote(errnoKey) + ": " + strconv.Itoa(int(a.Errno))
	}
	return out
}

// quoteAll quotes names of lichen's tables, which have nothing to escape.
func quoteAll(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = `"` + n + `"`
	}
	return strings.Join(out, ", ")
}
