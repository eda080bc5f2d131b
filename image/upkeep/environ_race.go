//go:build race

package upkeep

// workerEnv is empty but for the race detector, which else waits a second at
// the end of every process.
func workerEnv() []string { return []string{"GORACE=atexit_sleep_ms=0"} }
