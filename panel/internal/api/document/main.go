// Command document prints the OpenAPI document of the REST surface without a database or a listener, for those who
// generate clients from it.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"

	"github.com/gofiber/fiber/v2"

	"culvert/panel/internal/api"
	"culvert/panel/internal/api/stream"
	"culvert/panel/internal/live"
)

func main() {
	body, err := document(context.Background())
	if err == nil && len(os.Args) > 1 {
		err = os.WriteFile(os.Args[1], body, 0o644) //nolint:gosec // a source file, for everybody
	} else if err == nil {
		_, err = os.Stdout.Write(body)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "document: %v\n", err)
		os.Exit(1)
	}
}

// document asks a surface without services: its document is made of types alone.
func document(ctx context.Context) ([]byte, error) {
	app := fiber.New()
	hub := live.New(ctx, stream.Topics(nil, nil, nil)...)
	api.Mount(app, api.Config{
		Services: api.Services{Live: hub}, Version: "1", Log: slog.New(slog.DiscardHandler),
		ClientAddr: func(*fiber.Ctx) netip.Addr { return netip.IPv6Loopback() },
	})
	r, err := app.Test(httptest.NewRequestWithContext(ctx, http.MethodGet, api.Prefix+"/openapi.json", http.NoBody))
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Body.Close() }()
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d: %w", r.StatusCode, err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, body, "", " "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}
