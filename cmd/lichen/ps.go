package main

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/lichen-sandbox/lichen/state"
)

type psOptions struct {
	JSON  bool `long:"json" description:"print JSON"`
	Quiet bool `short:"q" long:"quiet" description:"print the ids alone"`
	helpOption
}

// psCommand is "lichen ps".
func psCommand(u *ui, args []string) int {
	var o psOptions
	rest, err := parse("ps", &o, 0, args)
	switch {
	case err != nil:
		return u.fail(err)
	case o.Help:
		return u.help("ps")
	case len(rest) > 0:
		return u.fail(usageError("ps", quote(rest[0])+" is too much"))
	case o.JSON && o.Quiet:
		return u.fail(usageError("ps", "--json and --quiet do not go together"))
	}
	dir, err := openList()
	if err != nil {
		return u.fail(err)
	}
	var list []*state.Running
	if dir != nil {
		defer dir.Close()
		if list, err = dir.List(); err != nil {
			return u.fail(err)
		}
	}
	now := time.Now()
	switch {
	case o.JSON:
		return u.print(psJSON(list, now))
	case o.Quiet:
		var b strings.Builder
		for _, r := range list {
			b.WriteString(r.ID + "\n")
		}
		return u.print(b.String())
	}
	return u.print(psTable(list, now))
}

// psTable lists them in columns. The command comes last, as it is.
func psTable(list []*state.Running, now time.Time) string {
	rows := [][5]string{{"ID", "PID", "AGE", "PROFILE", "COMMAND"}}
	for _, r := range list {
		rows = append(rows, [5]string{r.ID, strconv.Itoa(r.Init), age(now.Sub(r.Began)), printable(r.Profile), commandText(r.Command)})
	}
	var width [5]int
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], len(cell)+2)
		}
	}
	var b strings.Builder
	for _, row := range rows {
		for i, cell := range row[:4] {
			b.WriteString(pad(cell, width[i]))
		}
		b.WriteString(row[4] + "\n")
	}
	return b.String()
}

// commandText shows a command in one line; what would be taken for several words
// is quoted.
func commandText(words []string) string {
	shown := make([]string, len(words))
	for i, w := range words {
		shown[i] = printable(w)
		if w == "" || shown[i] != w || strings.ContainsAny(w, " \"'\\") {
			shown[i] = quote(w)
		}
	}
	return strings.Join(shown, " ")
}

// age is a time in its largest unit, and the next one below it.
func age(d time.Duration) string {
	d = max(d, 0)
	hours, minutes, seconds := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60
	switch {
	case hours >= 48:
		return strconv.Itoa(hours/24) + "d" + strconv.Itoa(hours%24) + "h"
	case hours > 0:
		return strconv.Itoa(hours) + "h" + strconv.Itoa(minutes) + "m"
	case minutes > 0:
		return strconv.Itoa(minutes) + "m" + strconv.Itoa(seconds) + "s"
	}
	return strconv.Itoa(seconds) + "s"
}

type psEntry struct {
	ID       string   `json:"id"`
	Launcher int      `json:"launcher_pid"`
	Init     int      `json:"pid"`
	Started  string   `json:"started"`
	Age      float64  `json:"age_s"`
	Profile  string   `json:"profile"`
	Command  []string `json:"command"`
	Joinable bool     `json:"joinable"`
}

func psJSON(list []*state.Running, now time.Time) string {
	out := struct {
		Version   int       `json:"version"`
		Sandboxes []psEntry `json:"sandboxes"`
	}{1, []psEntry{}}
	for _, r := range list {
		_, reason := joinable(r)
		out.Sandboxes = append(out.Sandboxes, psEntry{r.ID, r.Launcher, r.Init, r.Began.UTC().Format(time.RFC3339Nano),
			now.Sub(r.Began).Round(time.Millisecond).Seconds(), r.Profile, r.Command, reason == nil})
	}
	text, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return "" // numbers and strings cannot fail
	}
	return string(text) + "\n"
}
