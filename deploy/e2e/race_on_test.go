//go:build race

package e2e

func raceFlag() []string { return []string{"-race"} }
