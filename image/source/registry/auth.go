package registry

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/lichen-sandbox/lichen/image/source/config"
	"github.com/lichen-sandbox/lichen/image/source/oci"
)

const (
	maxToken  = 64 << 10 // bytes of the answer of a token service
	maxScopes = 16
)

// auth holds what is shown to a registry: nothing until it asks, then a
// password or a token.
type auth struct {
	login func(context.Context) (config.Credential, error)

	mu     sync.Mutex
	scopes []string
	value  string // of the Authorization header
	who    *config.Credential
}

func (a *auth) header() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.value
}

// hint says what to do about a refusal.
func (a *auth) hint(host string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.who == nil || *a.who == (config.Credential{}) {
		return "no login for " + host + " was found in docker's and podman's files; either command's login " + host + " makes one, if the repository exists at all"
	}
	return "the login is from " + a.who.Source
}

// renew answers a 401: used is what its request carried. It reports whether
// there is now something else to show. When several requests fail at once, the
// first one renews for all.
func (a *auth) renew(ctx context.Context, e *endpoint, resp *http.Response, used string) (bool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.value != used {
		return true, nil
	}
	if a.who == nil {
		who, err := a.login(ctx)
		if err != nil {
			return false, err
		}
		a.who = &who
	}
	list := challenges(resp.Header.Values("WWW-Authenticate"))
	bearer := slices.IndexFunc(list, func(c challenge) bool { return c.scheme == "bearer" })
	switch {
	case bearer >= 0:
		return a.bearer(ctx, e, list[bearer].params)
	case slices.ContainsFunc(list, func(c challenge) bool { return c.scheme == "basic" }) && a.who.Username != "":
		a.value = basic(a.who)
	}
	return a.value != used, nil
}

func basic(c *config.Credential) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(c.Username+":"+c.Password))
}

// bearer gets a token from the service that the registry names.
func (a *auth) bearer(ctx context.Context, e *endpoint, params map[string]string) (bool, error) {
	if a.who.RegistryToken != "" {
		changed := a.value != "Bearer "+a.who.RegistryToken
		a.value = "Bearer " + a.who.RegistryToken
		return changed, nil
	}
	realm, err := url.Parse(params["realm"])
	if err != nil || realm.Host == "" {
		return false, refuse("the server asks for a token, but names no service for it: realm " + oci.Quote(params["realm"]))
	}
	if err := e.mayFollow(realm); err != nil {
		return false, err
	}
	if s := params["scope"]; s != "" && !slices.Contains(a.scopes, s) && len(a.scopes) < maxScopes {
		a.scopes = append(a.scopes, s)
	}
	token, err := a.fetch(ctx, e, realm, params["service"])
	if err != nil {
		return false, err
	}
	a.value = "Bearer " + token
	return true, nil
}

// fetch asks a token service, with the refresh token if there is one.
func (a *auth) fetch(ctx context.Context, e *endpoint, realm *url.URL, service string) (string, error) {
	for attempt := 1; ; attempt++ {
		token, err := a.ask(ctx, e, realm, service)
		if err == nil {
			return token, nil
		}
		delay, again := e.tune.retry(err, attempt)
		if !again || ctx.Err() != nil {
			var p *problem
			if errors.As(err, &p) {
				return "", err
			}
			return "", oci.Reason("token service "+realm.Host+": "+plainURL(err).Error(), err)
		}
		if err := sleep(ctx, delay); err != nil {
			return "", err
		}
	}
}

func plainURL(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}

func (a *auth) ask(ctx context.Context, e *endpoint, realm *url.URL, service string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, e.tune.header+e.tune.stall)
	defer cancel()
	req, err := a.tokenRequest(ctx, realm, service)
	if err != nil {
		return "", err
	}
	req.Header.Set("User-Agent", e.agent)
	resp, err := e.client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close() // only read from
	if resp.StatusCode != http.StatusOK {
		return "", problemOf(resp)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxToken+1))
	if err != nil {
		return "", err
	}
	var answer struct {
		Token       string `json:"token"`
		AccessToken string `json:"access_token"`
	}
	if len(body) > maxToken || json.Unmarshal(body, &answer) != nil {
		return "", refuse("the answer is not a token")
	}
	token := answer.Token
	if token == "" {
		token = answer.AccessToken
	}
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", refuse("the answer holds no token")
	}
	return token, nil
}

func (a *auth) tokenRequest(ctx context.Context, realm *url.URL, service string) (*http.Request, error) {
	if a.who.IdentityToken != "" {
		form := url.Values{
			"grant_type": {"refresh_token"}, "refresh_token": {a.who.IdentityToken},
			"service": {service}, "client_id": {"lichen"}, "scope": {strings.Join(a.scopes, " ")},
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, realm.String(), strings.NewReader(form.Encode()))
		if err == nil {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		return req, err
	}
	u := *realm
	q := u.Query()
	if service != "" {
		q.Set("service", service)
	}
	for _, s := range a.scopes {
		q.Add("scope", s)
	}
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err == nil && a.who.Username != "" {
		req.Header.Set("Authorization", basic(a.who))
	}
	return req, err
}

// want adds a scope to what the next token is asked for.
func (a *auth) want(scope string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !slices.Contains(a.scopes, scope) && len(a.scopes) < maxScopes {
		a.scopes = append(a.scopes, scope)
		if strings.HasPrefix(a.value, "Bearer ") {
			a.value = "" // the token is not good for it; the next answer asks for one
		}
	}
}
