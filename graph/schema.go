package graph

import (
	"maps"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"

	"chattok/graph/generated"
)

// executed is the schema that the server executes and shows to introspection: the API's, without declarations that
// gqlparser adds to every schema and that this server refuses or other tools do not know.
var executed = executedSchema()

// draftLocation is where a draft of the specification allows directives on directives. The stable graphql-core, and
// with it all of Python's tools, fails at a location that it does not know.
const draftLocation = "DIRECTIVE_DEFINITION"

func executedSchema() *ast.Schema {
	schema := *generated.NewExecutableSchema(generated.Config{}).Schema()
	schema.Directives, schema.Types = maps.Clone(schema.Directives), maps.Clone(schema.Types)
	delete(schema.Directives, "defer") // responses come in one piece; see document.Limits
	for name, d := range schema.Directives {
		known := *d
		known.Locations = slices.DeleteFunc(slices.Clone(d.Locations), func(l ast.DirectiveLocation) bool { return l == draftLocation })
		schema.Directives[name] = &known
	}
	locations := *schema.Types["__DirectiveLocation"]
	locations.EnumValues = slices.DeleteFunc(slices.Clone(locations.EnumValues), func(v *ast.EnumValueDefinition) bool { return v.Name == draftLocation })
	schema.Types[locations.Name] = &locations
	return &schema
}
