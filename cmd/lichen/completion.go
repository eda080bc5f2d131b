package main

type completionOptions struct{ helpOption }

func completionCommand(u *ui, args []string) int { return 125 }
