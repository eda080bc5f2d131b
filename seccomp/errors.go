package seccomp

import (
	"strconv"

	"github.com/lichen-sandbox/lichen/spec"
)

// ruleError is what is wrong with a rule's text, before its origin is known.
type ruleError struct {
	col    int // from 1; 0 for the whole rule
	object string
	reason string
	hint   string
}

func (e *ruleError) Error() string {
	if e.col == 0 {
		return e.reason
	}
	return "column " + strconv.Itoa(e.col) + ": " + e.reason
}

// withOrigin turns an error of a rule or an action into the one that a user
// reads. object is the rule's text, for errors that concern no single token, or
// the action's key.
func withOrigin(op, object string, err error, origin spec.Origin) error {
	out := &spec.Error{Op: op, Object: object, Reason: err.Error(), Origin: origin}
	switch e := err.(type) {
	case *spec.Error:
		out.Hint = e.Hint
	case *ruleError:
		out.Hint = e.hint
		if e.object != "" {
			out.Object = e.object
		}
	}
	return out
}

// didYouMean returns the hint for an unknown name, or "" when nothing known is
// near.
func didYouMean(name string, known *nameTable) string {
	best, bestAt := len(name)/3+2, -1
	for i := range known.ends {
		if d := distance(name, known.at(i), best); d < best {
			best, bestAt = d, i
		}
	}
	if bestAt < 0 {
		return ""
	}
	return "did you mean " + strconv.Quote(known.at(bestAt)) + "?"
}

// maxSuggest bounds the names compared, and so the work and the row below.
const maxSuggest = 40

// distance returns the number of insertions, deletions and replacements between
// a and b, or limit when it is not less.
func distance(a, b string, limit int) int {
	if len(a) > maxSuggest || len(b) > maxSuggest || len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	var row [maxSuggest + 1]int
	for j := range len(b) + 1 {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return min(row[len(b)], limit)
}
