package main

import (
	"strings"

	"github.com/lichen-sandbox/lichen/seccomp"
)

// decisionJSON is one of the things that are asked about a call.
type decisionJSON struct {
	Answer string `json:"answer"`
	What   string `json:"what"`
	Text   string `json:"text,omitempty"`
	Origin string `json:"origin,omitempty"`
	// Conditional: for some arguments only.
	Conditional bool `json:"conditional"`
}

type callJSON struct {
	Call      string         `json:"call"`
	Number    uint32         `json:"number"`
	Decisions []decisionJSON `json:"decisions"`
}

// showFilter is "lichen seccomp show PROFILE".
func showFilter(u *ui, o *seccompOptions, operands []string) int {
	f, err := o.load(operands[0])
	if err != nil {
		return u.fail(err)
	}
	list, err := f.verdicts()
	if err != nil {
		return u.fail(err)
	}
	if o.JSON {
		calls := make([]callJSON, len(list))
		for i := range list {
			calls[i] = f.callJSON(&list[i])
		}
		return u.printJSON(struct {
			Profile string     `json:"profile"`
			Arch    string     `json:"arch"`
			Calls   []callJSON `json:"calls"`
		}{f.profile, f.arch.Name(), calls})
	}
	width, answers := 0, 0
	for i := range list {
		width, answers = max(width, len(list[i].Name)), max(answers, answerWidth(list[i].Parts))
	}
	var b strings.Builder
	for i := range list {
		for j := range list[i].Parts {
			name := ""
			if j == 0 {
				name = list[i].Name
			}
			b.WriteString(pad(name, width) + "  " + f.partText(&list[i].Parts[j], answers) + "\n")
		}
	}
	return u.print(b.String())
}

// verdicts returns what each call gets.
func (f *filter) verdicts() ([]seccomp.CallVerdict, error) {
	list, err := seccomp.Show(&f.spec.Seccomp, f.opts, f.arch)
	if reason := f.closed(); reason != "" && err == nil {
		for i := range list {
			list[i].Parts = []seccomp.Part{{Reason: f.closedReason(reason), Answer: "kill"}}
		}
	}
	return list, err
}

func (f *filter) closedReason(text string) seccomp.Reason {
	return seccomp.Reason{What: "architecture", Text: text, Origin: f.spec.OriginOf("seccomp.compat")}
}

// partText is the answer of a part and what gives it. The conditions of a rule
// are in its text; a guard answers where its condition does not hold.
func (f *filter) partText(p *seccomp.Part, width int) string {
	return pad(p.Answer, width) + "  " + f.reasonText(p.Reason)
}

func answerWidth(parts []seccomp.Part) int {
	width := 0
	for i := range parts {
		width = max(width, len(parts[i].Answer))
	}
	return width
}

func (f *filter) reasonText(r seccomp.Reason) string {
	s := r.What
	switch {
	case r.What == "unknown":
		s = f.arch.Name() + " has no such system call"
	case r.What == "ids":
		s = `rootfs.ids = "fake": nothing is done`
	case r.What == "guard" && r.Text == "":
		s += ", whatever the arguments"
	case r.What == "guard":
		s += ", unless " + r.Text
	case r.Text != "":
		s += " " + quote(r.Text)
	}
	if o := f.origin(r).String(); o != "" {
		s += " (" + o + ")"
	}
	return printable(s)
}

func (f *filter) callJSON(v *seccomp.CallVerdict) callJSON {
	out := callJSON{Call: v.Name, Number: v.Number, Decisions: []decisionJSON{}}
	for i := range v.Parts {
		out.Decisions = append(out.Decisions, f.decisionJSON(v.Parts[i].Reason, v.Parts[i].Answer, v.Parts[i].Conditional))
	}
	return out
}

func (f *filter) decisionJSON(r seccomp.Reason, answer string, conditional bool) decisionJSON {
	return decisionJSON{answer, r.What, r.Text, f.origin(r).String(), conditional}
}
