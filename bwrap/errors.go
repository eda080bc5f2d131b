package bwrap

// Error is a refusal in bubblewrap's words. The exit status is 1.
type Error struct {
	Text  string // what follows "bwrap: "
	Usage bool   // print the usage to stderr instead
	Err   error  // the cause, if there is one
}

// Error returns the text.
func (e *Error) Error() string { return e.Text }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func refuse(text string) error { return &Error{Text: text} }

// Severities of messages, as in syslog(3).
const (
	severityError   = "<3>"
	severityWarning = "<4>"
)

// Message returns the line that stands for an error on stderr.
func (c *Config) Message(text string) string { return c.line(severityError, text) }

func (c *Config) warn(text string) {
	c.Warnings = append(c.Warnings, c.line(severityWarning, text))
}

func (c *Config) line(severity, text string) string {
	if !c.LevelPrefix {
		severity = ""
	}
	return severity + "bwrap: " + text + "\n"
}
