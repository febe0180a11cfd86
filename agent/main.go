// Command culvert-agent is the data plane of one node: it dials out to the panel, takes whole documents of desired state,
// serves the protocols and reports usage.
//
//	culvert-agent run      enrol if a token is given, then serve until interrupted
//	culvert-agent enrol    enrol and stop
//	culvert-agent version  say which build this is
//	culvert-agent help     say how it is used
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
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
	code := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

const tailLines = 1000

// Exit codes: 1 is a failure, 2 is a mistake of whoever started it.
const (
	codeFailed  = 1
	codeMistake = 2
)

const usage = `usage: culvert-agent run | enrol | version | help

  run      enrol if a token is given, then serve until interrupted
  enrol    enrol and stop
  version  say which build this is

There are no flags. Settings come from the environment, or from the YAML file that CULVERT_AGENT_CONFIG names, where
they are gateway, token and so on:

  CULVERT_AGENT_GATEWAY     host:port of the panel's node gateway; needed
  CULVERT_AGENT_TOKEN       one-time enrolment token, or
  CULVERT_AGENT_TOKEN_FILE  a file that holds it
  CULVERT_AGENT_CA_PIN      SHA-256 of the panel's CA certificate; needed with a token
  CULVERT_AGENT_DATA_DIR    default /var/lib/culvert-agent
  CULVERT_AGENT_LOG_LEVEL   debug, info (default), warn or error
`

func run(ctx context.Context, args, environ []string, out, errs io.Writer) int {
	command := ""
	if len(args) > 0 {
		command = args[0]
	}
	mistake := func(format string, v ...any) int {
		_, _ = fmt.Fprintf(errs, "culvert-agent: "+format+"\n\n"+usage, v...)
		return codeMistake
	}
	var serve func(context.Context, config.Config, *control.Tail, *slog.Logger) error
	switch command {
	case "help", "-h", "-help", "--help":
		_, _ = io.WriteString(out, usage)
		return 0
	case "version", "-v", "-version", "--version":
		_, _ = fmt.Fprintln(out, version)
		return 0
	case "run":
		serve = runAgent
	case "enrol":
		serve = enrol
	case "":
		return mistake("a command is needed")
	default:
		return mistake("there is no command or flag %q", command)
	}
	if len(args) > 1 {
		return mistake("%s takes no arguments, not %q", command, args[1])
	}
	c, err := config.Load(environ)
	if err != nil {
		_, _ = fmt.Fprintf(errs, "culvert-agent: %v\n", err)
		return codeMistake
	}
	control.SilenceRedis()
	tail := control.NewTail(tailLines)
	if err := serve(ctx, c, tail, logging.New(io.MultiWriter(errs, tail), c.LogLevel)); err != nil {
		_, _ = fmt.Fprintf(errs, "culvert-agent: %v\n", err)
		return codeFailed
	}
	return 0
}

func runAgent(ctx context.Context, c config.Config, tail *control.Tail, log *slog.Logger) error {
	return app.Run(ctx, c, version, tail, log)
}

func enrol(ctx context.Context, c config.Config, _ *control.Tail, log *slog.Logger) error {
	_, err := control.Join(ctx, control.JoinConfig{Dir: c.DataDir, Gateway: c.Gateway, Token: c.Token, CAPin: c.CAPin, Version: version, Log: log})
	return err
}
