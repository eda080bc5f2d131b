package registry

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/lichen-sandbox/lichen/image/source/config"
)

// endpoint is one server that is asked for a repository.
type endpoint struct {
	config.Endpoint
	address string // Host, or where its API really is
	agent   string
	client  *http.Client
	auth    auth
	tune    *tuning
	down    atomic.Bool

	mu     sync.Mutex
	scheme string // http or https
	sure   bool   // the server answered to scheme
}

// dockerHub is the registry called docker.io; its API has another name.
const dockerHub, dockerHubAPI = "docker.io", "registry-1.docker.io"

func newEndpoint(c *config.Config, ce config.Endpoint, push bool, tune *tuning) (*endpoint, error) {
	e := &endpoint{Endpoint: ce, address: ce.Host, agent: c.UserAgent, tune: tune, scheme: "https"}
	switch ce.Host {
	case dockerHub, "index.docker.io":
		e.address = dockerHubAPI
	}
	if ce.Registry.HTTP {
		e.scheme, e.sure = "http", true
	}
	if e.agent == "" {
		e.agent = "lichen"
	}
	t, err := newTransport(&ce.Registry, tune)
	if err != nil {
		return nil, err
	}
	e.client = &http.Client{Transport: t, CheckRedirect: e.checkRedirect}
	e.auth = auth{
		login: func(ctx context.Context) (config.Credential, error) {
			return c.Credential(ctx, ce.Host, ce.Repository)
		},
		scopes: []string{"repository:" + ce.Repository + ":pull"},
	}
	if push {
		e.auth.scopes[0] += ",push"
	}
	return e, nil
}

// request makes a request below /v2/REPOSITORY/. The address is filled in when
// it is sent.
func (e *endpoint) request(ctx context.Context, method, rest string, query url.Values) (*http.Request, error) {
	u := url.URL{Scheme: "https", Host: e.address, Path: "/v2/" + e.Repository + "/" + rest, RawQuery: query.Encode()}
	return http.NewRequestWithContext(ctx, method, u.String(), nil)
}

// do sends a request until it has an answer with one of the wanted statuses:
// again and again with growing delays while the failure may pass, and once
// more after a login. build makes the request, for each attempt anew. The body
// of the response fails when it stalls.
func (e *endpoint) do(ctx context.Context, build func(context.Context) (*http.Request, error), want ...int) (*http.Response, error) {
	for attempt := 1; ; attempt++ {
		resp, err := e.once(ctx, build, want...)
		if err == nil {
			return resp, nil
		}
		delay, again := e.tune.retry(err, attempt)
		if !again || ctx.Err() != nil {
			return nil, err
		}
		if err := sleep(ctx, delay); err != nil {
			return nil, err
		}
	}
}

// once is do without repetition.
func (e *endpoint) once(ctx context.Context, build func(context.Context) (*http.Request, error), want ...int) (*http.Response, error) {
	resp, err := e.authorized(ctx, build)
	if err != nil || slices.Contains(want, resp.StatusCode) {
		return resp, err
	}
	defer resp.Body.Close() // only read from
	return nil, problemOf(resp)
}

// authorized sends a request, and a second time when the answer is that a
// login is needed or has expired. It never asks a third time.
func (e *endpoint) authorized(ctx context.Context, build func(context.Context) (*http.Request, error)) (*http.Response, error) {
	resp, used, err := e.send(ctx, build)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || !e.isOwn(resp.Request.URL) {
		return resp, err
	}
	drain(resp)
	changed, err := e.auth.renew(ctx, e, resp, used)
	if err != nil {
		return nil, err
	}
	if !changed {
		return resp, nil // its body was kept by drain
	}
	resp, _, err = e.send(ctx, build)
	return resp, err
}

// send sends a request once, and returns the Authorization that it carried.
func (e *endpoint) send(ctx context.Context, build func(context.Context) (*http.Request, error)) (*http.Response, string, error) {
	scheme, sure := e.speaks()
	resp, used, err := e.sendBy(ctx, scheme, build)
	switch {
	case err == nil && !sure:
		e.learn(scheme)
	case !sure && e.Loopback && noTLS(err):
		e.learn("http")
		return e.sendBy(ctx, "http", build)
	}
	return resp, used, err
}

func (e *endpoint) speaks() (string, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.scheme, e.sure
}

func (e *endpoint) learn(scheme string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.scheme, e.sure = scheme, true
}

func (e *endpoint) sendBy(ctx context.Context, scheme string, build func(context.Context) (*http.Request, error)) (*http.Response, string, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	req, err := build(ctx)
	if err != nil {
		cancel(nil)
		return nil, "", err
	}
	var header string
	if req.URL.Host == e.address {
		req.URL.Scheme = scheme
	}
	if e.isOwn(req.URL) {
		header = e.auth.header()
	}
	e.dress(req, header)
	if req.Body != nil && req.Body != http.NoBody {
		req.Body = newSending(req.Body, cancel, e.tune)
	}
	resp, err := e.client.Do(req)
	if err != nil {
		if cause := context.Cause(ctx); errors.Is(cause, errStalled) {
			err = cause
		}
		cancel(nil)
		return nil, header, err
	}
	resp.Body = &responseBody{ReadCloser: newWatched(resp.Body, cancel, e.tune), ctx: ctx, cancel: cancel}
	return resp, header, nil
}

func (e *endpoint) dress(req *http.Request, authorization string) {
	req.Header.Set("User-Agent", e.agent)
	// What is checked are the bytes as they lie in the registry.
	req.Header.Set("Accept-Encoding", "identity")
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
}

// isOwn says whether a URL is of the registry itself: only then is the login
// sent, and a question for one believed.
func (e *endpoint) isOwn(u *url.URL) bool {
	scheme, _ := e.speaks()
	return u.Host == e.address && (u.Scheme == scheme || u.Scheme == "https")
}

// responseBody says why a body ended, and ends its request when it is closed.
type responseBody struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
}

func (b *responseBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		if cause := context.Cause(b.ctx); errors.Is(cause, errStalled) {
			err = cause
		}
	}
	return n, err
}

func (b *responseBody) Close() error {
	b.cancel(nil)
	return b.ReadCloser.Close()
}
