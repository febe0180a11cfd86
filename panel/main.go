// Command culvert-panel is the control plane: panel, APIs and node gateway.
//
//	culvert-panel up                 private PostgreSQL and Redis where none is given, panel, one local agent
//	culvert-panel serve              panel on CULVERT_DATABASE_URL and CULVERT_REDIS_URL
//	culvert-panel migrate            bring the database up to date
//	culvert-panel reset-password N   give login N a random password: NAME of the operator's, NAME@REALM of a reseller's
//	culvert-panel rotate-master-key  rewrap the data keys with a new master key
//	culvert-panel rotate-data-key    seal new values with a new data key
//	culvert-panel v-…                a command of the command interface, as the operator
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"culvert/panel/internal/app"
	"culvert/panel/internal/config"
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

const usage = `usage: culvert-panel up | serve | migrate | reset-password NAME[@REALM] | rotate-master-key | rotate-data-key | v-COMMAND [ARG…]
       culvert-panel help | version
`

// asked answers what needs no configuration; done is false for everything else.
func asked(args []string) (code int, done bool) {
	const wrong = 2
	switch {
	case len(args) == 0, (args[0] == "up" || args[0] == "serve") && len(args) > 1:
		fmt.Fprint(os.Stderr, usage)
		return wrong, true
	case args[0] == "help" || args[0] == "--help" || args[0] == "-h":
		fmt.Print(usage)
		return 0, true
	case args[0] == "version" || args[0] == "--version":
		fmt.Println("culvert-panel " + version)
		return 0, true
	}
	return 0, false
}

func run(ctx context.Context, args []string) int {
	if code, done := asked(args); done {
		return code
	}
	mode := config.Up
	if args[0] == "serve" {
		mode = config.Serve
	}
	c, err := config.Load(os.Environ(), mode)
	if err != nil {
		fmt.Fprintf(os.Stderr, "culvert-panel: %v\n", err)
		return 2
	}
	app.Quiet()
	log := logging.New(os.Stderr, c.LogLevel)
	switch {
	case args[0] == "up":
		err = app.RunLocal(ctx, c, version, log, os.Stdout)
	case args[0] == "serve":
		err = app.RunServer(ctx, c, version, log)
	case strings.HasPrefix(args[0], "v-"):
		return app.Command(ctx, c, version, args, log)
	default:
		err = app.Maintain(ctx, c, args, log, os.Stdout)
		if errors.Is(err, app.ErrUsage) {
			fmt.Fprint(os.Stderr, usage)
			return 2
		}
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "culvert-panel: %v\n", err)
		return 1
	}
	return 0
}
