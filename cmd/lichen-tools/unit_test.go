package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/jessevdk/go-flags"
)

// eachUnitOption calls f for every option of every verb of "lichen unit".
func eachUnitOption(t *testing.T, f func(v verb, o *flags.Option)) {
	t.Helper()
	for _, v := range unitVerbs() {
		p, err := newParser("unit "+v.name, v.options())
		if err != nil {
			t.Fatalf("%s: %v", v.name, err)
		}
		for _, o := range optionsOf(p) {
			f(v, o)
		}
	}
}

func TestUnitOptions(t *testing.T) {
	page, err := os.ReadFile("../../doc/lichen-unit.1")
	if err != nil {
		t.Fatal(err)
	}
	eachUnitOption(t, func(v verb, o *flags.Option) {
		takesValue := o.Field().Type.Kind() != reflect.Bool
		if o.LongName == "" || o.Description == "" || takesValue && (o.ValueName == "" || o.Field().Tag.Get("unquote") != "false") {
			t.Errorf("%s --%s lacks a description, or its value a name, or it is unquoted", v.name, o.LongName)
		}
		if !mentions(string(page), "Fl -"+o.LongName) {
			t.Errorf("doc/lichen-unit.1 lacks --%s of lichen unit %s", o.LongName, v.name)
		}
		if _, out, _ := dispatched(t, "unit "+v.name+" --help"); !mentions(out, "--"+o.LongName) {
			t.Errorf("the help of %s lacks --%s", v.name, o.LongName)
		}
	})
	for _, v := range unitVerbs() {
		if !strings.Contains(string(page), ".It Cm "+v.name) {
			t.Errorf("doc/lichen-unit.1 lacks the verb %s", v.name)
		}
	}
}

func TestUnitUsage(t *testing.T) {
	for _, tt := range []struct{ args, want, hint string }{
		{"unit", "no verb is given", "lichen unit --help"},
		{"unit frob", `there is no verb "frob"`, "lichen unit --help"},
		{"unit generate", "generate takes PROFILE", "lichen unit generate --help"},
		{"unit generate default", "the profile has no command", "lichen unit generate --help"},
		{"unit generate --frob default", "unknown option 'frob'", "lichen unit generate --help"},
		{"unit generate default --watchdog soon -- true", `"soon" is no time`, ""},
		{"unit generate default --option net -- true", `"net" is no option`, ""},
		{"unit generate default --lichen /no/such -- true", "/no/such", "--lichen"},
		{"unit generate default --lichen /bin/sh --watchdog 1s -- true", "WatchdogSec=", "service.notify = true"},
		{"unit generate default --lichen /bin/sh --socket 80 -- true", "default.socket", "service.listen = true"},
		{"unit generate nosuchprofile -- true", "nosuchprofile", ""},
		{"unit import", "import takes UNIT", "lichen unit import --help"},
		{"unit import a b", `"b" is too much`, ""},
		{"unit import /no/such.service", "such.service", ""},
	} {
		code, out, errs := dispatched(t, tt.args)
		if code != exitFailed || out != "" || !strings.HasPrefix(errs, "lichen: ") || !strings.Contains(errs, tt.want) || !strings.Contains(errs, tt.hint) {
			t.Errorf("lichen-tools %s: %d, %q, %q", tt.args, code, out, errs)
		}
	}
	for _, args := range []string{"unit --help", "unit help", "unit help import", "unit generate -h"} {
		if code, out, errs := dispatched(t, args); code != exitOK || !strings.Contains(out, "lichen unit") || errs != "" {
			t.Errorf("lichen-tools %s: %d, %q, %q", args, code, out, errs)
		}
	}
}

func TestUnitWrite(t *testing.T) {
	dir := t.TempDir()
	profile := filepath.Join(dir, "web.toml")
	if err := os.WriteFile(profile, []byte("version = 1\nextends = [\"base\"]\ndescription = \"A web server\"\n[process]\ncommand = [\"web\"]\n[service]\nlisten = true\n[limits]\nmemory_max = \"1G\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(dir, "units")
	if err := os.Mkdir(target, 0o755); err != nil {
		t.Fatal(err)
	}
	line := "unit generate " + profile + " --lichen /bin/sh --socket 8080"
	code, printed, errs := dispatched(t, line)
	if code != exitOK || errs != "" || !strings.Contains(printed, "---- web.socket ----") {
		t.Fatalf("%d, %s, %s", code, printed, errs)
	}
	if code, out, errs := dispatched(t, line+" --write "+target); code != exitOK || out != "" || strings.Count(errs, "wrote ") != 2 {
		t.Fatalf("%d, %s, %s", code, out, errs)
	}
	for name, want := range map[string]string{"web.service": "Description=A web server\nRequires=web.socket\n", "web.socket": "ListenStream=8080\n"} {
		path := filepath.Join(target, name)
		data, err := os.ReadFile(path)
		if err != nil || !strings.Contains(printed, string(data)) || !strings.Contains(string(data), want) {
			t.Errorf("%s: %s, %v", name, data, err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o644 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if data, _ := os.ReadFile(target + "/web.service"); !strings.Contains(string(data), "\nDelegate=yes\n") || !strings.Contains(string(data), "-p "+profile+"\n") {
		t.Errorf("the service is\n%s", data)
	}
	// One of the two is there: nothing is written, until --force says so.
	for _, name := range []string{"web.socket", "web.service"} {
		if err := os.WriteFile(filepath.Join(target, "web.service"), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, _, errs := dispatched(t, line+" --write "+target); code != exitFailed || !strings.Contains(errs, "file already exists") || !strings.Contains(errs, "--force") {
			t.Errorf("over a file: %d, %s", code, errs)
		}
		if data, _ := os.ReadFile(target + "/web.service"); string(data) != "mine" {
			t.Errorf("it was replaced by %q", data)
		}
		if err := os.Remove(filepath.Join(target, name)); err != nil {
			t.Fatal(err)
		}
	}
	if code, _, errs := dispatched(t, line+" --force --write "+target); code != exitOK {
		t.Errorf("%d, %s", code, errs)
	}
	left, err := os.ReadDir(target)
	if err != nil || len(left) != 2 {
		t.Errorf("in the directory are %v, %v", left, err)
	}
	if code, _, errs := dispatched(t, line+" --write "+dir+"/new/user"); code != exitOK || strings.Count(errs, "wrote ") != 2 {
		t.Errorf("into a directory that is not there: %d, %s", code, errs)
	}
	if code, _, errs := dispatched(t, line+" --write "+dir+"/new/user/web.service"); code != exitFailed || !strings.Contains(errs, "make directory") {
		t.Errorf("into a file: %d, %s", code, errs)
	}
}

func TestUnitImport(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x@.service")
	if err := os.WriteFile(path, []byte("[Service]\nExecStart=/bin/x %i\nProcSubset=pid\nProtectHome=yes\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := dispatched(t, "unit import "+path+" --name x@one.service")
	if code != exitOK || !strings.Contains(out, `command = ["/bin/x", "one"]`) || !strings.Contains(out, "#   ProcSubset=pid: ") ||
		!strings.Contains(errs, "x@.service:3: not carried over: ProcSubset=pid: ") || strings.Contains(errs, "ProtectHome") {
		t.Errorf("%d\n%s%s", code, out, errs)
	}
	if code, strict, _ := dispatched(t, "unit import --strict "+path+" --name x@one.service"); code != exitLeftOut || strict != out {
		t.Errorf("--strict: %d", code)
	}
}
