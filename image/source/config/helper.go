package config

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"time"

	"github.com/lichen-sandbox/lichen/image/source/oci"
)

const (
	maxHelper     = 64 << 10 // bytes of an answer
	helperTimeout = 30 * time.Second
)

// helper runs docker-credential-NAME, as docker does: "get" with the server on
// its standard input. That it knows none is no error.
func (a *Auth) helper(ctx context.Context, name, server string) (Credential, error) {
	// The name becomes part of the name of a program.
	if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != "" || len(name) > 64 {
		return Credential{}, oci.Reason("the name of the credential helper "+oci.Quote(name)+" is not a plain word", nil)
	}
	look := a.Look
	if look == nil {
		look = exec.LookPath
	}
	program := "docker-credential-" + name
	file, err := look(program)
	if err != nil {
		return Credential{}, oci.Reason(program+" was not found in $PATH", err)
	}
	ctx, cancel := context.WithTimeout(ctx, helperTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, file, "get")
	cmd.WaitDelay = time.Second
	cmd.Stdin = strings.NewReader(server)
	var out capped
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		// The words of every helper that is built on docker's library.
		if said := out.String(); strings.Contains(said, "credentials not found") {
			return Credential{}, nil
		} else if said = strings.TrimSpace(said); said != "" {
			return Credential{}, oci.Reason(program+": "+oci.Quote(said), err)
		}
		return Credential{}, oci.Reason(program+": "+err.Error(), err)
	}
	return parseHelper(out.Bytes(), program)
}

func parseHelper(raw []byte, program string) (Credential, error) {
	var answer struct{ Username, Secret string }
	if err := json.Unmarshal(raw, &answer); err != nil {
		return Credential{}, oci.Reason(program+" gave an answer that is not JSON", err)
	}
	switch answer.Username {
	case "":
		return Credential{}, nil
	case "<token>":
		return Credential{IdentityToken: answer.Secret, Source: program}, nil
	}
	return Credential{Username: answer.Username, Password: answer.Secret, Source: program}, nil
}

var errTooMuch = errors.New("the answer is too long")

// capped is a buffer with an end.
type capped struct{ bytes.Buffer }

func (c *capped) Write(p []byte) (int, error) {
	if c.Len()+len(p) > maxHelper {
		return 0, errTooMuch
	}
	return c.Buffer.Write(p)
}

// ReadFrom hides that of Buffer, which knows no end.
func (c *capped) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{c}, r)
}
