// Command culvert-agent is the data plane of one node: it dials out to the panel, takes whole documents of desired state,
// serves the protocols and reports usage.
//
//	culvert-agent run      enrol if a token is given, then serve until interrupted
//	culvert-agent enrol    enrol and stop
//	culvert-agent version  say which build this is
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"culvert/agent/internal/app"
	"culvert/agent/internal/config"
	"culvert/agent/internal/control"
	"culvert/shared/logging"
)

// version is set by the build.
var version = "dev" //nolint:gochecknoglobals // written by the linker

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

const tailLines = 1000

const usage = "usage: culvert-agent run | enrol | version\n"

func run(ctx context.Context, args []string) int {
	if len(args) != 1 {
		_, _ = fmt.Fprint(os.Stderr, usage)
		return 2
	}
	if args[0] == "version" {
		_, _ = fmt.Println(version)
		return 0
	}
	c, err := config.Load(os.Environ())
	if err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "culvert-agent: configuration:\n%v\n", err)
		return 2
	}
	control.SilenceRedis()
	tail := control.NewTail(tailLines)
	log := logging.New(io.MultiWriter(os.Stderr, tail), c.LogLevel)
	switch args[0] {
	case "run":
		err = app.Run(ctx, c, version, tail, log)
	case "enrol":
		_, err = control.Join(ctx, control.JoinConfig{Dir: c.DataDir, Gateway: c.Gateway, Token: c.Token, CAPin: c.CAPin, Version: version, Log: log})
	default:
		_, _ = fmt.Fprint(os.Stderr, usage)
		return 2
	}
	if err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "culvert-agent: %v\n", err)
		return 1
	}
	return 0
}
