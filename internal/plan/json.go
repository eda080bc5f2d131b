package plan

import (
	"bytes"
	"encoding/json"

	"github.com/lichen-sandbox/lichen/internal/sys"
)

// planJSON is the JSON form of a Plan, for programs. Values of arguments are
// strings, as in the text form.
type planJSON struct {
	Version      int       `json:"version"`
	CloneFlags   []string  `json:"clone_flags"`
	PayloadFlags []string  `json:"payload_flags"`
	IDMaps       []mapJSON `json:"id_maps,omitempty"`
	Dropped      []string  `json:"dropped"`
	Remarks      []string  `json:"remarks,omitempty"`
	Linger       bool      `json:"linger"`
	KillStrays   bool      `json:"kill_strays"`
	Gate         bool      `json:"gate,omitempty"`
	Moves        int       `json:"moves,omitempty"`
	Direct       bool      `json:"direct,omitempty"`
	Ops          []opJSON  `json:"ops"`
}

type opJSON struct {
	Index    int      `json:"index"`
	Section  string   `json:"section"`
	Call     string   `json:"call"`
	Args     []string `json:"args"`
	Result   string   `json:"result,omitempty"`
	Store    string   `json:"store,omitempty"`
	Tolerate []string `json:"tolerate,omitempty"`
	Expect   string   `json:"expect,omitempty"`
	MustFail []string `json:"must_fail,omitzero"`
	// ChildWaits: the process that the call makes goes no further.
	ChildWaits bool `json:"child_waits,omitempty"`
	// AnyResult, SameFile and AfterNoExec are the checks of those names.
	AnyResult   bool     `json:"any_result,omitempty"`
	SameFile    bool     `json:"same_file,omitempty"`
	AfterNoExec bool     `json:"after_noexec,omitempty"`
	Note        noteJSON `json:"note"`
}

type mapJSON struct {
	File    string   `json:"file"`
	Program string   `json:"program"`
	Args    []string `json:"args"`
}

type noteJSON struct {
	Op     string `json:"op"`
	Object string `json:"object"`
	Origin string `json:"origin"`
}

// jsonVersion changes when a program that reads the JSON form has to.
const jsonVersion = 1

// MarshalJSON returns the plan for programs: what WriteText shows, with the
// same secrets.
func (p *Plan) MarshalJSON() ([]byte, error) {
	out := planJSON{
		Version:      jsonVersion,
		CloneFlags:   sys.CloneFlags.Split(p.CloneFlags),
		PayloadFlags: sys.CloneFlags.Split(p.PayloadFlags),
		Dropped:      append([]string{}, p.Dropped...),
		Remarks:      p.Remarks,
		Linger:       p.Linger,
		KillStrays:   p.KillStrays,
		Gate:         p.Gate,
		Moves:        p.Moves,
		Direct:       p.Direct,
		Ops:          make([]opJSON, 0, p.Len()),
	}
	for _, m := range p.IDMaps {
		out.IDMaps = append(out.IDMaps, mapJSON{m.File, m.Program, append([]string{}, m.Args...)})
	}
	f := newFormatter(p)
	for s := range numSections {
		for i := range p.Ops[s] {
			out.Ops = append(out.Ops, f.opJSON(&p.Ops[s][i], s, p.Base(s)+i))
		}
	}
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false) // the caller's encoder decides
	err := e.Encode(out)
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), err
}

func (f *formatter) opJSON(op *Op, s Section, index int) opJSON {
	n := f.plan.note(op)
	out := opJSON{
		Index: index, Section: s.String(), Call: CallName(op.Nr), Args: f.args(op, index),
		Note: noteJSON{n.Op, n.Object, n.Origin.String()},
	}
	if op.Result >= 0 {
		out.Result = slotName(uint64(op.Result))
	}
	if op.Store != 0 {
		out.Store = f.storesTo(op, index)
	}
	names := errnoNames(op.Tolerate[:])
	switch op.Check {
	case CheckOK:
		out.Tolerate = names
	case CheckAny, CheckSame, CheckAfterNoExec:
		out.Tolerate = names
		out.AnyResult, out.SameFile, out.AfterNoExec = op.Check == CheckAny, op.Check == CheckSame, op.Check == CheckAfterNoExec
	case CheckEqual, CheckFork:
		out.Tolerate, out.Expect = names, number.format(op.Expect)
		out.ChildWaits = op.Check == CheckFork
	default:
		out.MustFail = append([]string{}, names...)
	}
	return out
}
