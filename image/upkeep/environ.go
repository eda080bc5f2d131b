//go:build !race

package upkeep

// workerEnv is the environment of the worker process: none.
func workerEnv() []string { return []string{} }
