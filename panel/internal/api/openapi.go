package api

import (
	"encoding/json"
	"fmt"
	"path"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"culvert/shared/protocol"
)

const documentName = "openapi.json"

// serveDocument serves the document of the mounted endpoints. It is made once, here: what it says of ingress options is more
// than requests are checked against, because the protocol's own package checks them, with better words.
func (a *API) serveDocument(r fiber.Router) {
	body, err := describe(a.surface.Huma.OpenAPI())
	if err != nil {
		panic(fmt.Sprintf("describe the API: %v", err)) // made of constants: a test mounts it
	}
	r.Get("/"+documentName, func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderContentType, "application/openapi+json")
		return c.Send(body)
	})
}

// object is a piece of a JSON document.
type object = map[string]any

func describe(doc *huma.OpenAPI) ([]byte, error) {
	raw, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	var all object
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, err
	}
	neverNull(all)
	schemas := all["components"].(object)["schemas"].(object)
	kinds, err := describeOptions(schemas)
	if err != nil {
		return nil, err
	}
	for _, s := range schemas {
		describeIngress(s.(object), kinds)
	}
	return json.Marshal(all)
}

// neverNull says of lists what is true of them: an empty one is [].
func neverNull(v any) {
	switch v := v.(type) {
	case object:
		if t, ok := v["type"].([]any); ok && len(t) == 2 && t[0] == "array" && t[1] == "null" {
			v["type"] = "array"
		}
		for _, x := range v {
			neverNull(x)
		}
	case []any:
		for _, x := range v {
			neverNull(x)
		}
	}
}

// describeOptions adds the schema of each protocol's options and returns protocol to reference. All options have defaults
// or say otherwise when they are missing, so none is required here.
func describeOptions(schemas object) (map[string]string, error) {
	r := huma.NewMapRegistry("#/components/schemas/", func(t reflect.Type, _ string) string {
		pkg := path.Base(t.PkgPath())
		return strings.ToUpper(pkg[:1]) + pkg[1:] + t.Name()
	})
	out := map[string]string{}
	for _, k := range protocol.Kinds() {
		out[k.Name] = r.Schema(reflect.TypeOf(k.Options), true, "").Ref
	}
	raw, err := json.Marshal(r.Map())
	if err != nil {
		return nil, err
	}
	var made object
	if err := json.Unmarshal(raw, &made); err != nil {
		return nil, err
	}
	for name, s := range made {
		delete(s.(object), "required")
		schemas[name] = s
	}
	return out, nil
}

// describeIngress says what options an ingress takes: by its kind, where the kind is in the same object.
func describeIngress(s object, kinds map[string]string) {
	props, _ := s["properties"].(object)
	if props["options"] == nil || props["listen"] == nil {
		return
	}
	byKind, options := []any{}, []any{}
	for _, k := range protocol.Kinds() {
		options = append(options, object{"$ref": kinds[k.Name]})
		byKind = append(byKind, object{"properties": object{"kind": object{"const": k.Name}, "options": object{"$ref": kinds[k.Name]}}})
	}
	props["options"] = object{"type": "object", "description": "document of the protocol that kind names", "anyOf": options}
	if kind, ok := props["kind"].(object); ok {
		names := []any{}
		for _, k := range protocol.Kinds() {
			names = append(names, k.Name)
		}
		kind["enum"], s["oneOf"] = names, byKind
	}
}
