package services

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

const nginxConf = `pid STATE/pid;
error_log STATE/error.log;
worker_processes 2;
events { worker_connections 64; }
http {
  access_log STATE/access.log;
  client_body_temp_path STATE/body; proxy_temp_path STATE/proxy; fastcgi_temp_path STATE/fastcgi;
  uwsgi_temp_path STATE/uwsgi; scgi_temp_path STATE/scgi;
  server {
    listen 127.0.0.1:PORT;
    root DATA;
    location /version { return 200 "VERSION"; }
  }
}
`

// TestNginx: files are served, HUP to lichen reads the configuration again, and
// QUIT lets the last download end.
func TestNginx(t *testing.T) {
	needs(t, "nginx-light", "/usr/sbin/nginx")
	h := newHost(t, "nginx")
	config := h.mkdir(h.home+"/.config/nginx", 0o700)
	data := h.mkdir(h.home+"/.local/share/nginx", 0o700)
	state := h.mkdir(h.home+"/.local/state/nginx", 0o700)
	h.file(data+"/index.html", "hello")
	large := strings.Repeat("0123456789abcdef", 1<<19) // 8 MiB: more than sockets hold
	h.file(data+"/large", large)
	h.check(os.Symlink(h.home+"/notes", data+"/link"))
	configure := func(version string) {
		h.file(config+"/nginx.conf", strings.NewReplacer("STATE", state, "DATA", data, "PORT", fmt.Sprint(h.port), "VERSION", version).Replace(nginxConf))
	}
	configure("one")
	r := h.start()
	r.listens()
	h.serves("/", 200, "hello")
	h.serves("/version", 200, "one")
	h.serves("/link", 404, "")
	h.serves("/none", 404, "")

	configure("two")
	r.signal(syscall.SIGHUP)
	r.until("reload", func() error {
		if _, body := h.get("/version"); body != "two" {
			return fmt.Errorf("still %q", body)
		}
		return nil
	})

	c, err := net.Dial("tcp", h.address())
	h.check(err)
	defer c.Close()
	fmt.Fprintf(c, "GET /large HTTP/1.0\r\n\r\n")
	first := make([]byte, 1000)
	_, err = io.ReadFull(c, first)
	h.check(err)
	r.signal(syscall.SIGQUIT)
	r.until("close the port", func() error {
		other, err := net.Dial("tcp", h.address())
		if err != nil {
			return nil
		}
		other.Close()
		return fmt.Errorf("it still accepts")
	})
	rest, err := io.ReadAll(c)
	if err != nil || !strings.HasSuffix(string(first)+string(rest), "\r\n\r\n"+large) {
		t.Errorf("the last download: %d bytes, %v", len(first)+len(rest), err)
	}
	r.ends(0)
	if log := h.read(state + "/access.log"); !strings.Contains(log, "GET /large") {
		t.Errorf("the log: %s", log)
	}

	h.attacks(map[string]string{
		"read " + data + "/index.html":     "ok",
		"write " + data + "/index.html":    "EROFS EACCES",
		"read " + config + "/nginx.conf":   "ok",
		"write " + config + "/nginx.conf":  "EROFS EACCES",
		"create " + config + "/other.conf": "EROFS EACCES",
		"write " + state + "/error.log":    "ok",
		"execute " + state + "/true":       "EACCES",
	})
}

// get fetches from the service.
func (h *host) get(path string) (status int, body string) {
	h.t.Helper()
	client := http.Client{Timeout: deadline, Transport: &http.Transport{DisableKeepAlives: true}}
	for end := time.Now().Add(deadline); ; {
		response, err := client.Get("http://" + h.address() + path)
		if err != nil {
			if time.Now().Before(end) { // between a worker that ends and the next
				time.Sleep(50 * time.Millisecond)
				continue
			}
			h.t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		response.Body.Close()
		h.check(err)
		return response.StatusCode, string(text)
	}
}

func (h *host) serves(path string, status int, body string) {
	h.t.Helper()
	if code, got := h.get(path); code != status || body != "" && got != body {
		h.t.Errorf("%s: %d %.100q", path, code, got)
	}
}
