package main

import (
	"errors"
	"os"
	"strings"

	"github.com/jessevdk/go-flags"
)

// helpOption is in every table.
type helpOption struct {
	Help bool `short:"h" long:"help" description:"print this help"`
}

func (h *helpOption) helpWanted() bool { return h.Help }

// jsonOption is in the tables of the verbs that print results.
type jsonOption struct {
	JSON bool `long:"json" description:"print JSON"`
}

// optionTable is a struct of options. Its tags are the one table: parser and
// help are made from it, and a test compares it with the manual page. Every
// value is taken literally (unquote:"false"). The tag "complete" says what a
// value may be: words, or "file".
type optionTable interface{ helpWanted() bool }

// newParser makes the parser of one verb.
func newParser(verb string, table any) (*flags.Parser, error) {
	p := flags.NewNamedParser(commandOf(verb), flags.PassDoubleDash)
	_, err := p.AddGroup("Options", "", table)
	return p, err
}

// optionsOf lists the options of a parser.
func optionsOf(p *flags.Parser) []*flags.Option {
	var all []*flags.Option
	for _, g := range p.Groups() {
		all = append(all, g.Options()...)
	}
	return all
}

// parse fills table from args and returns what is left.
func parse(verb string, table optionTable, args []string) ([]string, error) {
	// go-flags would take this as an order to print completions instead.
	if value, ok := os.LookupEnv("GO_FLAGS_COMPLETION"); ok {
		os.Unsetenv("GO_FLAGS_COMPLETION")
		defer os.Setenv("GO_FLAGS_COMPLETION", value)
	}
	p, err := newParser(verb, table)
	if err != nil {
		return nil, usageError(verb, err.Error())
	}
	rest, err := p.ParseArgs(args)
	if err != nil {
		return nil, usageError(verb, parseReason(err))
	}
	return rest, nil
}

// parseReason puts the parser's message into this program's words: options,
// in straight quotes.
func parseReason(err error) string {
	var e *flags.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	s := strings.ReplaceAll(e.Message, "`", "'")
	return strings.Replace(s, "flag '", "option '", 1)
}
