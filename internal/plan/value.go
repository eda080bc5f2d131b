package plan

import (
	"slices"
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/internal/sys"
)

// format writes a number as what k means.
func (k kind) format(v uint64) string {
	switch {
	case k >= enum:
		return formatEnum(sys.Enum(k-enum), v)
	case k >= flags:
		return formatFlags(sys.FlagSet(k-flags), v)
	}
	switch k {
	case mode:
		return octal(v)
	case fd:
		return formatFD(v)
	case lastFD:
		if v == sys.LAST_FD {
			return "~0U"
		}
		return strconv.FormatUint(v, 10)
	case limit:
		if v == ^uint64(0) {
			return "RLIM64_INFINITY"
		}
		return strconv.FormatUint(v, 10)
	case number, size:
		return strconv.FormatInt(int64(v), 10)
	}
	return hex(v)
}

func formatFlags(set sys.FlagSet, v uint64) string {
	if names := set.Split(v); len(names) > 0 {
		return strings.Join(names, "|")
	}
	return "0"
}

// formatEnum falls back to the number: small ones, like those of capabilities
// to come, are counted in decimal.
func formatEnum(set sys.Enum, v uint64) string {
	if name := set.Name(v); name != "" {
		return name
	}
	if v < 1024 {
		return strconv.FormatUint(v, 10)
	}
	return hex(v)
}

// formatFD takes what the kernel takes: the lower 32 bits, signed. Anything
// else above them is shown.
func formatFD(v uint64) string {
	short := int64(int32(v))
	switch {
	case uint64(short) != v && v>>32 != 0:
		return hex(v)
	case short == sys.AT_FDCWD:
		return "AT_FDCWD"
	}
	return strconv.FormatInt(short, 10)
}

func octal(v uint64) string {
	if v == 0 {
		return "0"
	}
	return "0" + strconv.FormatUint(v, 8)
}

func hex(v uint64) string {
	if v == 0 {
		return "0"
	}
	return "0x" + strconv.FormatUint(v, 16)
}

// slotName returns how a slot is written; see Slot.
func slotName(v uint64) string {
	switch {
	case v == uint64(SlotControl):
		return "$control"
	case v == uint64(SlotPeer):
		return "$peer"
	case v == uint64(SlotArgv):
		return "$argv"
	case v == uint64(SlotArgvLen):
		return "$argv_len"
	case v == uint64(SlotGate):
		return "$gate"
	case v == uint64(SlotGatePeer):
		return "$gate_peer"
	case v == uint64(SlotStdout):
		return "$stdout"
	case v == uint64(SlotStderr):
		return "$stderr"
	case v >= NumSlots:
		return "<no slot " + strconv.FormatUint(v, 10) + ">"
	}
	return "$" + strconv.FormatUint(v, 10)
}

// errnoNames returns the names of error numbers, each once.
func errnoNames(list []uint16) []string {
	var names []string
	for i, e := range list {
		if e == 0 || slices.Contains(list[:i], e) {
			continue
		}
		name := sys.ErrnoName(e)
		if name == "" {
			name = "errno " + strconv.Itoa(int(e))
		}
		names = append(names, name)
	}
	return names
}
