package seccomp

import "slices"

// search chooses how the number of a call is looked up among spans.
type search struct {
	spans  []span
	weight []uint64 // how often the calls of each span are made
	sum    []uint64 // of the weights before each span

	// With frequencies only: the tree with the least cost for the spans i to j,
	// at i*len(spans)+j. A split of 0 is a chain.
	cost  []uint64
	split []uint16

	links [chainSpans]int // of the last chain
}

// chainSpans bounds the spans that a chain of comparisons is tried for.
const chainSpans = 13

// newSearch weighs the spans of a tree. Without frequencies every call that may
// get through counts alike.
func (w *treeWriter) newSearch(s []span, arch Arch, frequency map[string]uint64) *search {
	t := &search{spans: s, weight: make([]uint64, 2*len(s)+1)}
	t.weight, t.sum = t.weight[:len(s)], t.weight[len(s):]
	w.weigh(t, arch, frequency)
	for i, v := range t.weight {
		t.sum[i+1] = t.sum[i] + v
	}
	if frequency != nil {
		t.optimize()
	}
	return t
}

// maxFrequency keeps the costs of a tree from overflowing: they are sums of less
// than 2^10 weights, each of less than 2^10 calls, at depths of less than 2^10.
const maxFrequency = 1 << 32

// weigh sets the weights.
func (w *treeWriter) weigh(t *search, arch Arch, frequency map[string]uint64) {
	at := 0
	for _, b := range numbers[arch] {
		for i, id := range b.ids {
			nr := b.base + uint32(i)
			for at+1 < len(t.spans) && t.spans[at+1].lo <= nr {
				at++
			}
			if id == noCall {
				continue
			}
			f := uint64(0)
			if w.decisions.reaches(t.spans[at].decision) {
				f = 1
			}
			if frequency != nil {
				if given, ok := frequency[id.String()]; ok {
					f = min(given, maxFrequency)
				}
			}
			t.weight[at] += f
		}
	}
}

// reaches tells whether a decision lets a call through for some arguments.
func (d *decisions) reaches(decision uint16) bool {
	dec := &d.list[decision]
	if letsThrough(dec.final) {
		return true
	}
	for i := range dec.clauses {
		if c := &dec.clauses[i]; !c.holds || letsThrough(c.answer) {
			return true
		}
	}
	return false
}

// optimize finds the tree with the least cost: an optimal alphabetic one, by
// dynamic programming with Knuth's bound on where the best root lies, in which
// short runs may be chains.
func (t *search) optimize() {
	n := len(t.spans)
	t.cost, t.split = make([]uint64, n*n), make([]uint16, n*n)
	for size := 2; size <= n; size++ {
		for i := 0; i+size <= n; i++ {
			t.choose(i, i+size-1)
		}
	}
}

// choose finds the best way for the spans i to j.
func (t *search) choose(i, j int) {
	n := len(t.spans)
	at := i*n + j
	from, to := int(t.split[at-1]), int(t.split[at+n])
	if from == 0 { // no bound from a single span or a chain
		from = i + 1
	}
	if to == 0 {
		to = j
	}
	t.cost[at] = noMask
	for k := max(from, i+1); k <= min(max(to, i+1), j); k++ {
		if c := t.cost[i*n+k-1] + t.cost[k*n+j]; c < t.cost[at] {
			t.cost[at], t.split[at] = c, uint16(k)
		}
	}
	t.cost[at] += t.sum[j+1] - t.sum[i]
	if j-i+1 > chainSpans {
		return
	}
	if links, _, ok := t.chain(i, j); ok {
		if c := t.chainCost(links, t.sum[j+1]-t.sum[i]); c <= t.cost[at] {
			t.cost[at], t.split[at] = c, 0
		}
	}
}

// chain returns the spans among i to j that a chain compares the number with,
// the heaviest first, when each is a single number, and what all the others have
// as their decision. The links hold until the next call.
func (t *search) chain(i, j int) (links []int, other uint16, ok bool) {
	links = t.links[:0]
	found := false
	for k := i; k <= j; k++ {
		if !t.single(k) {
			if found && t.spans[k].decision != other {
				return nil, 0, false
			}
			found, other = true, t.spans[k].decision
		}
	}
	if !found {
		return nil, 0, false
	}
	for k := i; k <= j; k++ {
		if t.spans[k].decision != other {
			links = append(links, k)
		}
	}
	slices.SortStableFunc(links, func(a, b int) int {
		switch {
		case t.weight[a] > t.weight[b]:
			return -1
		case t.weight[a] < t.weight[b]:
			return 1
		}
		return 0
	})
	return links, other, true
}

// single tells whether a span is one number.
func (t *search) single(k int) bool {
	return k+1 < len(t.spans) && t.spans[k+1].lo == t.spans[k].lo+1
}

// chainCost returns the cost of a chain among spans of a weight.
func (t *search) chainCost(links []int, all uint64) uint64 {
	cost := uint64(0)
	for n, k := range links {
		cost += t.weight[k] * uint64(n+1)
		all -= t.weight[k]
	}
	return cost + all*uint64(len(links))
}

// at returns where to split the spans i to j, or a chain of them.
func (t *search) at(i, j int) (split int, links []int, other uint16) {
	if t.split != nil {
		if k := t.split[i*len(t.spans)+j]; k != 0 {
			return int(k), nil, 0
		}
		links, other, _ = t.chain(i, j)
		return 0, links, other
	}
	// Up to three comparisons in a row are not more than a tree of them.
	if j-i < 7 {
		if links, other, ok := t.chain(i, j); ok && len(links) <= 3 {
			return 0, links, other
		}
	}
	return t.middle(i, j), nil, 0
}

// middle returns the split of the spans i to j with the most even weights.
func (t *search) middle(i, j int) int {
	both := t.sum[i] + t.sum[j+1]
	if t.sum[i] == t.sum[j+1] { // nothing gets through here
		return i + (j-i+1)/2
	}
	k := i + 1
	for k < j && 2*t.sum[k] < both {
		k++
	}
	if k > i+1 && 2*t.sum[k] > both && both-2*t.sum[k-1] < 2*t.sum[k]-both {
		k--
	}
	return k
}
