package main

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/lichen-sandbox/lichen/cgroup"
	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/profile"
	"github.com/lichen-sandbox/lichen/profiles"
	"github.com/lichen-sandbox/lichen/sandbox"
	"github.com/lichen-sandbox/lichen/spec"
)

type doctorOptions struct {
	JSON bool `long:"json" description:"print JSON"`
	helpOption
}

// doctorCommand is "lichen doctor". Whether sandboxes can be made is decided
// by making one; the other findings say why not.
func doctorCommand(u *ui, args []string) int {
	var o doctorOptions
	rest, err := parse("doctor", &o, 0, args)
	switch {
	case err != nil:
		return u.fail(err)
	case o.Help:
		return u.help("doctor")
	case len(rest) > 0:
		return u.fail(usageError("doctor", quote(rest[0])+" is too much"))
	}
	findings := append(feature.Doctor(feature.Examine()), limitsFinding(&cgroup.Host{UID: os.Geteuid(), Getenv: os.Getenv}))
	tried := trySandbox("base")
	findings = append(findings, finding("sandbox", tried))
	if tried.err != nil {
		without := finding("without namespaces", trySandbox("landlock"))
		if without.Status == feature.OK {
			without.Detail += `; profiles with isolation = "landlock" work here`
		}
		findings = append(findings, without)
	}
	text := doctorText(findings)
	if o.JSON {
		text = doctorJSON(findings, tried.err == nil)
	}
	code := u.print(text)
	if tried.err != nil {
		code = exitFailed
	}
	return code
}

// trial is a sandbox that was made to see whether it can be.
type trial struct {
	took time.Duration
	err  error
}

// trialTime is how long a trial may take.
const trialTime = 10 * time.Second

// trySandbox runs true(1) in a shipped profile, whatever profiles of that name
// the user has.
func trySandbox(name string) trial {
	l := profile.Loader{Builtin: profiles.FS}
	p, err := l.LoadWith(name, &profile.Overrides{Command: []string{"true"}, Cwd: "/"})
	if err != nil {
		return trial{err: err}
	}
	compiled, err := sandbox.Compile(p.Spec, feature.Gather(os.Environ()))
	if err != nil {
		return trial{err: err}
	}
	begin := time.Now()
	process, err := sandbox.Start(compiled, sandbox.Options{})
	if err != nil {
		return trial{err: err}
	}
	// An error of Kill means that the sandbox is gone.
	defer time.AfterFunc(trialTime, func() { _ = process.Kill() }).Stop()
	if err := process.Started(); err != nil {
		return trial{err: err}
	}
	exit, err := process.Wait()
	if err == nil && exit.Status != 0 {
		err = textError("true(1) did not end with status 0 inside")
	}
	return trial{time.Since(begin), err}
}

// limitsFinding says which limits by cgroup a sandbox could have that is started
// from here. It changes nothing, and asks no service manager.
func limitsFinding(h *cgroup.Host) feature.Finding {
	f := feature.Finding{Name: "limits by cgroup", Status: feature.OK}
	var have []string
	scope := false
	for _, file := range []string{"memory.max", "pids.max", "cpu.max", "io.max"} {
		_, err := h.Find(&spec.Limits{Cgroup: []spec.CgroupLimit{{File: file}}})
		ask, asks := errors.AsType[*cgroup.Ask](err)
		scope = scope || asks && ask.Unit == ""
		if e, ok := errors.AsType[*spec.Error](err); ok && f.Cause == "" {
			f.Cause, f.Fix = e.Reason, e.Hint
		}
		if err == nil {
			have = append(have, strings.TrimSuffix(file, ".max"))
		}
	}
	switch {
	case scope:
		f.Cause, f.Fix = "", ""
		f.Detail = "in a scope of the service manager's, with the controllers that it has"
	case len(have) == 0:
		f.Status, f.Detail = feature.Warn, "none"
	default:
		f.Detail = strings.Join(have, " ")
	}
	return f
}

func finding(name string, t trial) feature.Finding {
	if t.err == nil {
		return feature.Finding{Name: name, Status: feature.OK, Detail: "made one in " + t.took.Round(100*time.Microsecond).String()}
	}
	f := feature.Finding{Name: name, Status: feature.Fail, Detail: "cannot be made", Cause: t.err.Error(), Fix: hint(t.err)}
	if f.Fix == "" {
		f.Fix = "see the findings above"
	}
	return f
}

func doctorText(findings []feature.Finding) string {
	var b strings.Builder
	for _, f := range findings {
		b.WriteString(pad(string(f.Status), 6) + pad(f.Name, 20) + printable(f.Detail) + "\n")
		if f.Cause != "" {
			b.WriteString("      cause: " + printable(f.Cause) + "\n")
		}
		if f.Fix != "" {
			b.WriteString("      fix: " + printable(f.Fix) + "\n")
		}
	}
	return b.String()
}

func doctorJSON(findings []feature.Finding, usable bool) string {
	text, err := json.MarshalIndent(struct {
		Usable bool              `json:"usable"`
		Checks []feature.Finding `json:"checks"`
	}{usable, findings}, "", "  ")
	if err != nil {
		return "" // strings and a bool cannot fail
	}
	return string(text) + "\n"
}
