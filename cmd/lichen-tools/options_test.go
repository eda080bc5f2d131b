package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/jessevdk/go-flags"
)

// eachOption calls f for every option of every verb.
func eachOption(t *testing.T, f func(v verb, o *flags.Option)) {
	t.Helper()
	for _, v := range verbs() {
		p, err := newParser(v.name, v.options())
		if err != nil {
			t.Fatalf("%s: %v", v.name, err)
		}
		for _, o := range optionsOf(p) {
			f(v, o)
		}
	}
}

func TestOptionTable(t *testing.T) {
	eachOption(t, func(v verb, o *flags.Option) {
		tag := o.Field().Tag
		takesValue := o.Field().Type.Kind() != reflect.Bool
		switch {
		case o.LongName == "" || o.Description == "":
			t.Errorf("%s: option %v lacks a name or a description", v.name, o)
		case takesValue && (o.ValueName == "" || tag.Get("unquote") != "false"):
			t.Errorf("%s --%s: its value has no name, or is unquoted", v.name, o.LongName)
		case !takesValue && tag.Get("complete") != "":
			t.Errorf("%s --%s: a flag has no value to complete", v.name, o.LongName)
		}
	})
}

func TestManPage(t *testing.T) {
	page, err := os.ReadFile("../../doc/lichen-image.1")
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	eachOption(t, func(v verb, o *flags.Option) {
		if !mentions(text, "Fl -"+o.LongName) {
			t.Errorf("doc/lichen-image.1 lacks --%s of lichen image %s", o.LongName, v.name)
		}
	})
	for _, v := range verbs() {
		if !strings.Contains(text, ".It Cm "+v.name) {
			t.Errorf("doc/lichen-image.1 lacks the verb %s", v.name)
		}
	}
}

// mentions reports whether word is in text, and not only as the beginning of
// a longer option.
func mentions(text, word string) bool {
	for {
		_, after, ok := strings.Cut(text, word)
		if !ok {
			return false
		}
		if after == "" || !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz-", rune(after[0])) {
			return true
		}
		text = after
	}
}

func TestUsage(t *testing.T) {
	store := t.TempDir() + "/none"
	t.Setenv("LICHEN_STORE", store)
	tests := []struct{ args, want string }{
		{"", "no command is given"},
		{"frob", `there is no command "frob"`},
		{"--version x", "stands alone"},
		{"image", "no verb is given"},
		{"image frob", `there is no verb "frob"`},
		{"image pull", "pull takes REF..."},
		{"image pull --frob x", "unknown option 'frob'"},
		{"image pull --platform", "expected argument"},
		{"image ls x", `"x" is too much`},
		{"image config a b", `"b" is too much`},
		{"image pull --pull sometimes x", `no policy "sometimes"`},
		{"image pull --ids fake x", `no mode of ids "fake"`},
		{"image copy --all-platforms --platform linux/amd64 a b", "--all-platforms or --platform?"},
		{"image inspect debian", "not in the image store"},
		{"image verify debian", "not in the image store"},
		{"image rm UPPER", "UPPER"},
	}
	for _, tt := range tests {
		code, out, errs := dispatched(t, tt.args)
		if code != exitFailed || out != "" || !strings.HasPrefix(errs, "lichen: ") || !strings.Contains(errs, tt.want) {
			t.Errorf("lichen-tools %s: %d, %q, %q", tt.args, code, out, errs)
		}
	}
	if _, err := os.Stat(store + "/records"); err == nil {
		t.Error("looking has made a store")
	}
}

func TestHelp(t *testing.T) {
	for _, args := range []string{"--help", "-h", "help", "--version", "image --help", "image help", "image help pull", "image pull --help", "image verify -h", "image copy --help"} {
		if code, out, errs := dispatched(t, args); code != exitOK || out == "" || errs != "" {
			t.Errorf("lichen-tools %s: %d, %q, %q", args, code, out, errs)
		}
	}
	eachOption(t, func(v verb, o *flags.Option) {
		if _, out, _ := dispatched(t, "image "+v.name+" --help"); !mentions(out, "--"+o.LongName) {
			t.Errorf("the help of %s lacks --%s", v.name, o.LongName)
		}
	})
}

// dispatched runs a command line in this process.
func dispatched(t *testing.T, args string) (code int, out, errs string) {
	var o, e strings.Builder
	code = dispatch(t.Context(), &ui{out: &o, err: &e}, strings.Fields(args))
	return code, o.String(), e.String()
}

// TestPlainJSON: what an image's JSON says is still said, and nothing of it acts
// on a terminal or is no JSON.
func TestPlainJSON(t *testing.T) {
	var out bytes.Buffer
	u := &ui{out: &out}
	raw := json.RawMessage("{\"a\": \"\u009b31m\u202e\x7f\xff\U000e0001 \u00e9\"}")
	if code := u.printJSON(raw); code != exitOK {
		t.Fatal(code)
	}
	want := "{\n  \"a\": \"\\u009b31m\\u202e\\u007f\ufffd\\udb40\\udc01 \u00e9\"\n}\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	var one, two any
	if err := errors.Join(json.Unmarshal(raw, &one), json.Unmarshal(out.Bytes(), &two)); err != nil || !reflect.DeepEqual(one, two) {
		t.Errorf("%v, %v, %v", one, two, err)
	}
}
