package document

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// Bytes of an answer's parts at most, before they are escaped.
const (
	intBytes  = 11
	boolBytes = 5
	timeBytes = 26
	nameBytes = 64 // of a type, in __typename
	itemBytes = 3  // brackets and comma of an object, or of a list
)

// fieldWeight is the weight of one field of a type in an answer.
type fieldWeight struct {
	bytes int    // of the value or of each item; 0 for an object
	on    string // the type that is selected from; "" for a scalar
	items int    // of a list in the introspection; 0 where Lists has the number
}

// weighSchema determines the weight of each field: of text from Weights, of everything else from its type. Errors: a
// field with text and no weight; a weight without a field.
func (l *Limits) weighSchema(schema *ast.Schema) error {
	l.fields = make(map[string]map[string]fieldWeight)
	unused := maps.Clone(l.Weights)
	var missing []string
	for name, definition := range schema.Types {
		if definition.Kind != ast.Object && definition.Kind != ast.Interface || strings.HasPrefix(name, "__") {
			continue
		}
		fields := make(map[string]fieldWeight, len(definition.Fields))
		for _, field := range definition.Fields {
			kind := schema.Types[field.Type.Name()]
			if strings.HasPrefix(kind.Name, "__") { // a field of the introspection, which Query has
				continue
			}
			w := fieldWeight{}
			switch {
			case kind.Kind == ast.Enum:
				w.bytes = longest(kind.EnumValues)
			case kind.Kind != ast.Scalar:
				w.on = kind.Name
			case kind.Name == "Int", kind.Name == "Float":
				w.bytes = intBytes
			case kind.Name == "Boolean":
				w.bytes = boolBytes
			case kind.Name == "Time":
				w.bytes = timeBytes
			default:
				weight, ok := l.Weights[name+"."+field.Name]
				if !ok {
					missing = append(missing, name+"."+field.Name)
				}
				delete(unused, name+"."+field.Name)
				w.bytes = weight
			}
			fields[field.Name] = w
		}
		l.fields[name] = fields
	}
	l.weighIntrospection(schema)
	if len(missing)+len(unused) > 0 {
		slices.Sort(missing)
		return fmt.Errorf("fields without a weight: %v; weights without a field: %v", missing, slices.Sorted(maps.Keys(unused)))
	}
	return nil
}

func longest(values ast.EnumValueList) (bytes int) {
	for _, v := range values {
		bytes = max(bytes, len(v.Name)+2)
	}
	return bytes
}

// weighIntrospection determines the average weights of the introspection's fields in this schema. The largest of each
// at once would be many times the real answer, whose bytes are counted like those of every other.
func (l *Limits) weighIntrospection(schema *ast.Schema) {
	var types, fields, arguments, values, inputs, possible, text, texts int
	count := func(description string) {
		text += len(description)
		texts++
	}
	for _, t := range schema.Types {
		types++
		count(t.Description)
		possible += len(schema.PossibleTypes[t.Name])
		values += len(t.EnumValues)
		for _, v := range t.EnumValues {
			count(v.Description)
		}
		for _, f := range t.Fields {
			count(f.Description)
			if t.Kind == ast.InputObject {
				inputs++
				continue
			}
			fields++
			arguments += len(f.Arguments)
			for _, a := range f.Arguments {
				count(a.Description)
			}
		}
	}
	average := func(n, of int) int { return n/max(of, 1) + 1 }
	description := fieldWeight{bytes: average(text, texts)}
	name, flag := fieldWeight{bytes: nameBytes}, fieldWeight{bytes: boolBytes}
	list := func(on string, items int) fieldWeight { return fieldWeight{on: on, items: items} }
	one := func(on string) fieldWeight { return fieldWeight{on: on} }
	if l.fields["Query"] != nil {
		l.fields["Query"]["__schema"], l.fields["Query"]["__type"] = one("__Schema"), one("__Type")
	}
	l.fields["__Schema"] = map[string]fieldWeight{"description": description, "types": list("__Type", types),
		"queryType": one("__Type"), "mutationType": one("__Type"), "subscriptionType": one("__Type"),
		"directives": list("__Directive", len(schema.Directives))}
	l.fields["__Type"] = map[string]fieldWeight{"kind": name, "name": name, "description": description, "specifiedByURL": name,
		"fields": list("__Field", average(fields, types)), "interfaces": list("__Type", 1),
		"possibleTypes": list("__Type", average(possible, types)), "enumValues": list("__EnumValue", average(values, types)),
		"inputFields": list("__InputValue", average(inputs, types)), "ofType": one("__Type"), "isOneOf": flag}
	l.fields["__Field"] = map[string]fieldWeight{"name": name, "description": description, "type": one("__Type"),
		"args": list("__InputValue", average(arguments, fields)), "isDeprecated": flag, "deprecationReason": description}
	l.fields["__InputValue"] = map[string]fieldWeight{"name": name, "description": description, "type": one("__Type"),
		"defaultValue": name, "isDeprecated": flag, "deprecationReason": description}
	l.fields["__EnumValue"] = map[string]fieldWeight{"name": name, "description": description, "isDeprecated": flag, "deprecationReason": description}
	l.fields["__Directive"] = map[string]fieldWeight{"name": name, "description": description, "locations": list("", 8),
		"args": list("__InputValue", 2), "isRepeatable": flag}
}

// Weigh returns how many bytes an operation's answer has at most before its text is escaped, and how many fields are
// resolved for it.
func (l *Limits) Weigh(document *ast.QueryDocument, operation *ast.OperationDefinition) (bytes, fields int) {
	m := meter{limits: l, document: document, fragments: map[string]*measure{}}
	total := m.selections(operation.SelectionSet, rootType(operation.Operation))
	return total.bytes, total.complexity
}

func rootType(operation ast.Operation) string {
	switch operation {
	case ast.Mutation:
		return "Mutation"
	case ast.Subscription:
		return "Subscription"
	}
	return "Query"
}

// weight returns the weight of a field whose selection weighs inner, in a list of so many items.
func (m *meter) weight(on string, f *ast.Field, inner, items int) int {
	if m.limits.fields == nil {
		return 0
	}
	w := m.limits.fields[on][f.Name]
	if f.Name == "__typename" {
		w.bytes = nameBytes
	}
	each := w.bytes
	if w.on != "" {
		each = inner + itemBytes
	}
	if w.items > 0 {
		items = w.items
	}
	return min(len(f.Alias)+4+product(items, each), maxMeasure)
}

// product multiplies two measures; the result is maxMeasure at most.
func product(a, b int) int {
	if b > 0 && a > maxMeasure/b {
		return maxMeasure
	}
	return a * b
}
