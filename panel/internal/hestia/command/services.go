package command

import (
	"context"
	"os"
	"strconv"
	"strings"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/hestia/registry"
	"culvert/panel/internal/hestia/shape"
)

// services shows the panel and its database as Hestia shows a host's services (hestia-api.md §6.3). Nodes are not in it.
func (g systemCommands) services(ctx context.Context, c *registry.Call) error {
	running := func(ok bool) string {
		if ok {
			return "running"
		}
		return "stopped"
	}
	cpu, mem, minutes := self()
	if c.Actor.Kind == actor.Local {
		cpu, mem, minutes = "0", "0", "0" // the command line is not the panel
	}
	row := func(name, system, state, cpu, mem, minutes string) shape.Row {
		return shape.Row{Key: name, Fields: []shape.Field{
			shape.F("SYSTEM", system), shape.F("STATE", state), shape.F("CPU", cpu), shape.F("MEM", mem), shape.F("RTIME", minutes),
		}}
	}
	return c.Show(&shape.Table{KeyName: "SERVICE", Rows: []shape.Row{
		row("culvert-panel", "panel", running(c.Actor.Kind != actor.Local), cpu, mem, minutes),
		row("postgresql", "database", running(g.DB.Ping(ctx) == nil), "0", "0", "0"),
	}})
}

// clockTicks is what Linux counts processor time in, on every platform we run on.
const clockTicks = 100

// self tells the processor share in percent since the start, the memory in MB and the age in minutes of this process.
func self() (cpu, mem, minutes string) {
	stat, statm, up := firstLine("/proc/self/stat"), firstLine("/proc/self/statm"), firstLine("/proc/uptime")
	if len(stat) < 22 || len(statm) < 2 || len(up) == 0 {
		return "0", "0", "0"
	}
	number := func(s string) float64 {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return 0
		}
		return f
	}
	age := number(up[0]) - number(stat[21])/clockTicks
	used := (number(stat[13]) + number(stat[14])) / clockTicks
	if age > 0 {
		cpu = strings.TrimSuffix(strconv.FormatFloat(100*used/age, 'f', 1, 64), ".0")
	}
	return cpu, count(int64(number(statm[1]) * float64(os.Getpagesize()) / (1 << 20))), count(int64(age / 60))
}
