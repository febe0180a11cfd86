package shadowsocks

import (
	"reflect"
	"strings"
	"testing"
)

// Forms offer what the document lists: that is what is served.
func TestDocumentListsTheMethods(t *testing.T) {
	t.Parallel()
	f, _ := reflect.TypeFor[Options]().FieldByName("Method")
	want := make([]string, 0, len(methods()))
	for _, m := range methods() {
		want = append(want, m.Name)
	}
	if got := f.Tag.Get("enum"); got != strings.Join(want, ",") {
		t.Errorf("enum of method: %s, served: %s", got, want)
	}
}
