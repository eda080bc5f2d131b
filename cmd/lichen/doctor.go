package main

type doctorOptions struct {
	JSON bool `long:"json" description:"print JSON"`
	helpOption
}

func doctorCommand(u *ui, args []string) int { return 125 }
