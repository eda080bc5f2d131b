// Package pid1 is the first process of a sandbox: it reaps, forwards signals,
// and ends the sandbox when the launcher is gone. (Its folder is called init;
// Go refuses to import a package of that name.)
//
// It runs in a forked copy of the launcher, where the Go runtime does not work
// any more. So nothing here allocates, locks, grows the stack or calls into
// the runtime; internal/child tests that over the disassembly.
package pid1

// EventKind says what happened.
type EventKind uint8

const (
	EventExited       EventKind = iota // a child ended; Event.PID, Event.Status
	EventStopped                       // a child was stopped, and can go on; likewise
	EventNoChildren                    // the last child is gone
	EventSignal                        // the launcher asks for Event.Status to be sent
	EventLauncherGone                  // the control socket is closed
)

// Event is what the loop saw.
type Event struct {
	Kind   EventKind
	PID    int32
	Status int32 // wait status, or signal number
}

// State is what PID 1 remembers.
type State struct {
	Payload int32 // the payload's pid; 0 once it has been reaped
	Linger  bool  // wait for every process, not only for the payload
}

// Action tells the loop what to do. The fields are independent; Report comes
// first, Exit last.
type Action struct {
	Report   MessageKind // tell the launcher the payload's wait status; 0: nothing
	Exit     bool        // end the sandbox
	Signal   int32
	SignalTo int32 // pid for kill(2); -1 means everything inside
}

// Step decides. It has no side effects.
//
//go:nosplit
//go:norace
func Step(s State, e Event) (State, Action) {
	switch e.Kind {
	case EventExited:
		if e.PID != s.Payload {
			return s, Action{}
		}
		s.Payload = 0
		return s, Action{Report: MessageExited, Exit: !s.Linger}
	case EventStopped:
		if e.PID != s.Payload {
			return s, Action{}
		}
		return s, Action{Report: MessageStopped}
	case EventNoChildren:
		return s, Action{Exit: s.Payload == 0}
	case EventSignal:
		to := s.Payload
		if to == 0 {
			to = -1
		}
		return s, Action{Signal: e.Status, SignalTo: to}
	default: // EventLauncherGone, and whatever is unknown: end the sandbox
		return s, Action{Exit: true}
	}
}
