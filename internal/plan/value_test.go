package plan

import (
	"slices"
	"testing"

	"github.com/lichen-sandbox/lichen/internal/sys"
)

func TestFormatValue(t *testing.T) {
	for _, tt := range []struct {
		name string
		kind kind
		v    uint64
		want string
	}{
		{"no flags", flags + kind(sys.CloneFlags), 0, "0"},
		{"unknown flags", flags + kind(sys.UmountFlags), sys.MNT_DETACH | 1<<20 | 1<<63, "MNT_DETACH|0x8000000000100000"},
		{"only unknown flags", flags + kind(sys.FDFlags), 6, "0x6"},
		{"read-only is a flag", flags + kind(sys.OpenFlags), 0, "O_RDONLY"},
		{"access mode 3", flags + kind(sys.OpenFlags), sys.O_ACCMODE, "0x3"},
		{"time attributes", flags + kind(sys.MountAttrFlags), 0x20, "MOUNT_ATTR_STRICTATIME"},
		{"no such flag set", flags + kind(sys.NumFlagSets), 5, "0x5"},
		{"socket type", flags + kind(sys.SocketFlags), 9, "0x9"},
		{"signal", enum + kind(sys.Signals), 9, "SIGKILL"},
		{"no signal", enum + kind(sys.Signals), 0, "0"},
		{"capability", enum + kind(sys.Capabilities), 40, "CAP_CHECKPOINT_RESTORE"},
		{"no such capability", enum + kind(sys.Capabilities), 41, "41"},
		{"no such request", enum + kind(sys.IoctlRequests), 0xabcdef, "0xabcdef"},
		{"no such enum", enum + kind(sys.NumEnums), 1, "1"},
		{"resource", enum + kind(sys.Resources), 4, "RLIMIT_CORE"},
		{"no such resource", enum + kind(sys.Resources), 16, "16"},
		{"mode", mode, 0o4755, "04755"},
		{"no mode", mode, 0, "0"},
		{"descriptor", fd, 3, "3"},
		{"working directory", fd, negative(sys.AT_FDCWD), "AT_FDCWD"},
		{"working directory in 32 bits", fd, 1<<32 - 100, "AT_FDCWD"},
		{"no descriptor", fd, ^uint64(0), "-1"},
		{"more than a descriptor", fd, 1<<40 | 3, "0x10000000003"},
		{"last descriptor", lastFD, sys.LAST_FD, "~0U"},
		{"a last descriptor", lastFD, 9, "9"},
		{"no limit", limit, ^uint64(0), "RLIM64_INFINITY"},
		{"limit", limit, ^uint64(0) - 1, "18446744073709551614"},
		{"number", number, ^uint64(0), "-1"},
		{"raw", none, 255, "0xff"},
	} {
		if got := tt.kind.format(tt.v); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

func negative(n int) uint64 { return uint64(n) }

func TestSlotNames(t *testing.T) {
	want := []string{"$control", "$peer", "$argv", "$argv_len", "$4"}
	for i, w := range want {
		if got := slotName(uint64(i)); got != w {
			t.Errorf("slot %d is %s", i, got)
		}
	}
	if slotName(NumSlots-5) != "$59" || slotName(uint64(SlotStdout)) != "$stdout" || slotName(NumSlots-3) != "$stderr" || slotName(uint64(SlotGate)) != "$gate" || slotName(NumSlots-1) != "$gate_peer" || slotName(NumSlots) != "<no slot 64>" || slotName(^uint64(0)) != "<no slot 18446744073709551615>" {
		t.Error("slots at the end of the range")
	}
}

func TestErrnoNames(t *testing.T) {
	got := errnoNames([]uint16{0, uint16(sys.EPERM), uint16(sys.EBADFD), uint16(sys.EPERM), 4000})
	if want := []string{"EPERM", "EBADFD", "errno 4000"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestSigset(t *testing.T) {
	for _, tt := range []struct {
		mask uint64
		want string
	}{
		{0, "[]"}, {^uint64(0), "~[]"}, {1 << 16, "[SIGCHLD]"}, {^uint64(1 << 8), "~[SIGKILL]"}, {1<<63 | 1, "[SIGHUP 64]"},
	} {
		b := NewBuilder()
		at := b.Words(tt.mask)
		if got := newFormatter(&b.plan).sigset(at.v); got != tt.want {
			t.Errorf("%#x: got %s, want %s", tt.mask, got, tt.want)
		}
	}
}
