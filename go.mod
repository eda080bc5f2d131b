module github.com/lichen-sandbox/lichen

go 1.26.0

require (
	github.com/BurntSushi/toml v1.6.0
	github.com/elastic/go-seccomp-bpf v1.6.0
	github.com/jessevdk/go-flags v1.6.1
	golang.org/x/net v0.62.0
	golang.org/x/sys v0.50.0
)
