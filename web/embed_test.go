package web_test

import (
	"io/fs"
	"testing"

	"culvert/web"
)

// Either there is an app with an index page, or FS says that there is none.
func TestFS(t *testing.T) {
	t.Parallel()
	app, ok := web.FS()
	if !ok {
		if app != nil {
			t.Error("no app, but a file system")
		}
		return
	}
	if _, err := fs.ReadFile(app, "index.html"); err != nil {
		t.Error(err)
	}
}
