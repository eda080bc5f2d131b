package pid1

import "testing"

// TestStep protects the decisions of PID 1: who is reported, what ends the
// sandbox, and where a signal goes.
func TestStep(t *testing.T) {
	const payload, stray = 2, 9
	running := State{Payload: payload}
	lingering := State{Payload: payload, Linger: true}
	for _, c := range []struct {
		name   string
		state  State
		event  Event
		next   State
		action Action
	}{
		{"payload ends", running, Event{Kind: EventExited, PID: payload}, State{}, Action{Report: MessageExited, Exit: true}},
		{"payload ends, linger", lingering, Event{Kind: EventExited, PID: payload}, State{Linger: true}, Action{Report: MessageExited}},
		{"payload is stopped", running, Event{Kind: EventStopped, PID: payload}, running, Action{Report: MessageStopped}},
		{"stray is stopped", running, Event{Kind: EventStopped, PID: stray}, running, Action{}},
		{"stray ends", running, Event{Kind: EventExited, PID: stray}, running, Action{}},
		{"last stray ends after the payload", State{Linger: true}, Event{Kind: EventNoChildren}, State{Linger: true}, Action{Exit: true}},
		{"no children while the payload is not reaped", running, Event{Kind: EventNoChildren}, running, Action{}},
		{"signal to the payload", running, Event{Kind: EventSignal, Status: 15}, running, Action{Signal: 15, SignalTo: payload}},
		{"signal to what lingers", State{Linger: true}, Event{Kind: EventSignal, Status: 15}, State{Linger: true}, Action{Signal: 15, SignalTo: -1}},
		{"launcher gone", running, Event{Kind: EventLauncherGone}, running, Action{Exit: true}},
		{"launcher gone, linger", lingering, Event{Kind: EventLauncherGone}, lingering, Action{Exit: true}},
		{"unknown event", running, Event{Kind: 200}, running, Action{Exit: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			next, action := Step(c.state, c.event)
			if next != c.next || action != c.action {
				t.Errorf("Step(%+v, %+v) = %+v, %+v; want %+v, %+v", c.state, c.event, next, action, c.next, c.action)
			}
		})
	}
}
