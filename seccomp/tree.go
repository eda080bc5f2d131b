package seccomp

// span is a run of numbers, from lo to the next span's, with one decision.
type span struct {
	lo       uint32
	decision uint16
}

// spans returns the decisions of all numbers, from 0 on. Numbers without a call
// get the answer unknown.
func spans(a Arch, d *decisions, unknown uint32) []span {
	hole := d.plain(unknown)
	out := append(make([]span, 0, 160), span{0, hole})
	add := func(lo uint32, decision uint16) {
		last := &out[len(out)-1]
		switch {
		case last.decision == decision:
		case last.lo == lo:
			last.decision = decision
		default:
			out = append(out, span{lo, decision})
		}
	}
	for _, b := range numbers[a] {
		for i, id := range b.ids {
			decision := hole
			if id != noCall {
				decision = d.of[id]
			}
			add(b.base+uint32(i), decision)
		}
		add(b.base+uint32(len(b.ids)), hole)
	}
	return out
}

// treeWriter writes the search for a number's decision.
type treeWriter struct {
	*assembler
	decisions *decisions
	narrow    bool
	written   []label // the tests of each decision, where they were written
}

// tree writes the search among the spans i to j. The number is in the
// accumulator until a leaf loads an argument, and no leaf comes back.
func (w *treeWriter) tree(t *search, i, j int) label {
	if i == j {
		return w.leaf(t.spans[i].decision)
	}
	split, links, other := t.at(i, j)
	if split == 0 {
		next := w.leaf(other)
		for n := len(links) - 1; n >= 0; n-- {
			s := &t.spans[links[n]]
			next = w.jump(opJEq, s.lo, w.leaf(s.decision), next)
		}
		return next
	}
	high := w.tree(t, split, j)
	low := w.tree(t, i, split-1)
	return w.jump(opJGe, t.spans[split].lo, high, low)
}

// search writes the search among all numbers.
func (w *treeWriter) search(arch Arch, s []span, frequency map[string]uint64) label {
	return w.tree(w.newSearch(s, arch, frequency), 0, len(s)-1)
}

func (w *treeWriter) leaf(decision uint16) label {
	d := &w.decisions.list[decision]
	if len(d.clauses) == 0 {
		return answering(d.final)
	}
	if l := w.written[decision]; l != (label{}) {
		return l
	}
	w.written[decision] = w.decide(d, w.narrow)
	return w.written[decision]
}
