package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// nameTable writes names, in their order, as one string and the offsets at
// which each ends: no pointers to relocate, and few pages to touch.
func nameTable(variable, doc string, names []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "// %s holds %s.\nvar %s = nameTable{\n\tblob: \"\" +\n", variable, doc, variable)
	for chunk := range slices.Chunk(names, 8) {
		fmt.Fprintf(&b, "\t\t%q +\n", strings.Join(chunk, ""))
	}
	b.WriteString("\t\t\"\",\n\tends: []uint16{")
	end := 0
	for _, n := range names {
		end += len(n)
		b.WriteString(strconv.Itoa(end) + ", ")
	}
	b.WriteString("},\n}\n\n")
	return b.String()
}

func callsFile(t *sysTables) string {
	var b strings.Builder
	fmt.Fprintf(&b, "// numCalls counts the calls known on any architecture.\nconst numCalls = %d\n\n", len(t.calls))
	b.WriteString("// The IDs of the calls: their places in callNames.\nconst (\n")
	for i, name := range t.calls {
		suffix := ""
		if i == 0 {
			suffix = " callID = iota"
		}
		b.WriteString("\t" + identifier(name) + suffix + "\n")
	}
	b.WriteString(")\n\n")
	return b.String() + nameTable("callNames", "the names of the calls, sorted", t.calls)
}

// identifier turns "io_uring_setup" into "callIoUringSetup".
func identifier(name string) string {
	out := "call"
	if name[0] == '_' {
		out += "X"
	}
	for part := range strings.SplitSeq(name, "_") {
		if part != "" {
			out += strings.ToUpper(part[:1]) + part[1:]
		}
	}
	return out
}

func numbersFile(t *sysTables) string {
	var b strings.Builder
	b.WriteString("// numbers holds each architecture's calls in blocks of consecutive numbers.\nvar numbers = [numArches][]block{\n")
	for i := range arches {
		fmt.Fprintf(&b, "\t{ // %s\n", arches[i])
		ids := map[uint64]int{}
		for name, nr := range t.numbers[i] {
			ids[nr], _ = slices.BinarySearch(t.calls, name)
		}
		writeBlocks(&b, ids)
		b.WriteString("\t},\n")
	}
	b.WriteString("}\n")
	return b.String()
}

// writeBlocks fills gaps of less than 256 numbers with noCall.
func writeBlocks(b *strings.Builder, ids map[uint64]int) {
	sorted := slices.Sorted(maps.Keys(ids))
	for i := 0; i < len(sorted); {
		fmt.Fprintf(b, "\t\t{base: %#x, ids: []callID{", sorted[i])
		for next := sorted[i]; i < len(sorted) && sorted[i]-next < 256; i++ {
			for ; next < sorted[i]; next++ {
				b.WriteString("noCall, ")
			}
			fmt.Fprintf(b, "%d, ", ids[next])
			next++
		}
		b.WriteString("}},\n")
	}
}

func constantsFile(t *sysTables) string {
	all := map[string]bool{}
	for i := range arches {
		for name := range t.constants[i] {
			all[name] = true
		}
	}
	names := slices.Sorted(maps.Keys(all))
	var values, differ strings.Builder
	for i, name := range names {
		v, have, same := [len(arches)]uint64{}, 0, true
		for a := range arches {
			var ok bool
			if v[a], ok = t.constants[a][name]; ok {
				have |= 1 << a
			}
			same = same && ok && v[a] == v[0]
		}
		if same {
			fmt.Fprintf(&values, "%#x, ", v[0])
			continue
		}
		values.WriteString("0, ")
		fmt.Fprintf(&differ, "\t{%d, %#x, [numArches]uint64{%#x, %#x, %#x, %#x}}, // %s\n", i, have, v[0], v[1], v[2], v[3], name)
	}
	return nameTable("constantNames", "the constants that rules may use, sorted", names) +
		"// constantValues holds the values of those that are the same everywhere.\nvar constantValues = [...]uint64{" + values.String() + "}\n\n" +
		"// constantsDiffer holds those that are not, sorted by index.\nvar constantsDiffer = [...]differingConstant{\n" + differ.String() + "}\n"
}

func errnosFile(t *sysTables) string {
	marked := slices.Sorted(maps.Keys(t.errnos))
	var values strings.Builder
	names := make([]string, len(marked))
	for i, m := range marked {
		names[i] = strings.TrimPrefix(m, errnoMark)
		fmt.Fprintf(&values, "%d, ", t.errnos[m])
	}
	return nameTable("errnoNames", "the names of error numbers, sorted", names) +
		"// errnoValues holds their values, which all architectures here share.\nvar errnoValues = [...]uint16{" + values.String() + "}\n"
}

func groupsFile(groups []*group, calls int) string {
	var b strings.Builder
	b.WriteString("// groups holds the groups of groups.txt, sorted by name.\nvar groups = [...]group{\n")
	for _, g := range groups {
		fmt.Fprintf(&b, "\t{\n\tname: %q,\n\tdoc: %q,\n\tall: %s,\n\tguarded: %s,\n\trestores: %s,\n\t},\n",
			g.name, g.doc, set(g.all, calls), set(g.guarded, calls), set(g.restores, calls))
	}
	b.WriteString("}\n")
	return b.String()
}

func set(ids map[int]bool, calls int) string {
	words := make([]uint64, (calls+63)/64)
	for id := range ids {
		words[id/64] |= 1 << (id % 64)
	}
	var b strings.Builder
	b.WriteString("callSet{")
	if len(ids) > 0 {
		for _, w := range words {
			fmt.Fprintf(&b, "%#x, ", w)
		}
	}
	return b.String() + "}"
}

func signaturesFile(sigs []signature) string {
	var native, other strings.Builder
	for id, s := range sigs {
		fmt.Fprintf(&native, "%q, ", s.native)
		if id%12 == 11 {
			native.WriteByte('\n')
		}
		if s.i386 != s.native {
			fmt.Fprintf(&other, "\tcase %d:\n\t\treturn %q, true\n", id, s.i386)
		}
	}
	return "// signatures holds the parameter types of each call; see signatures.txt.\nvar signatures = [numCalls]string{\n" + native.String() + "\n}\n\n" +
		"// signature386 returns the parameter types of the calls that i386 passes\n// differently.\nfunc signature386(id callID) (string, bool) {\n\tswitch id {\n" + other.String() + "\t}\n\treturn \"\", false\n}\n"
}
