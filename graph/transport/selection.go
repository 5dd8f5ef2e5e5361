package transport

import (
	"encoding/json"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// selected is a field as it is answered: with fragments spread, @skip and @include decided, and repeated fields merged.
type selected struct {
	alias, name string
	on          string // the type of a fragment, where it is not the parent's; a fragment has no name
	field       *ast.Field
	within      []*selected
}

// collector collects the selection of an operation. Operations with equal collections have answers that are equal byte
// for byte.
type collector struct {
	op    *graphql.OperationContext
	other bool // there is a directive whose effect is not known here
}

// collect appends the selections of a set on a type, in the order in which they are answered.
func (c *collector) collect(to []*selected, set ast.SelectionSet, parent string) []*selected {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			if c.included(s.Directives) {
				to = c.field(to, s)
			}
		case *ast.InlineFragment:
			if c.included(s.Directives) {
				to = c.fragment(to, s.SelectionSet, s.TypeCondition, parent)
			}
		case *ast.FragmentSpread:
			if definition := c.op.Doc.Fragments.ForName(s.Name); definition != nil && c.included(s.Directives) {
				to = c.fragment(to, definition.SelectionSet, definition.TypeCondition, parent)
			}
		}
	}
	return to
}

func (c *collector) field(to []*selected, f *ast.Field) []*selected {
	on := ""
	if f.Definition != nil {
		on = f.Definition.Type.Name()
	}
	for _, before := range to {
		if before.name != "" && before.alias == f.Alias {
			before.within = c.collect(before.within, f.SelectionSet, on)
			return to
		}
	}
	return append(to, &selected{alias: f.Alias, name: f.Name, field: f, within: c.collect(nil, f.SelectionSet, on)})
}

func (c *collector) fragment(to []*selected, set ast.SelectionSet, on, parent string) []*selected {
	if on == "" || on == parent {
		return c.collect(to, set, parent)
	}
	return append(to, &selected{on: on, within: c.collect(nil, set, on)})
}

// included decides @skip and @include by the values of the variables.
func (c *collector) included(directives ast.DirectiveList) bool {
	for _, d := range directives {
		switch d.Name {
		case "skip", "include":
			arguments := d.ArgumentMap(c.op.Variables)
			if condition, _ := arguments["if"].(bool); condition == (d.Name == "skip") {
				return false
			}
		default:
			c.other = true
		}
	}
	return true
}

// appendSelected appends a spelling of selections; ok is false where an argument can't be written as JSON.
func appendSelected(b *strings.Builder, set []*selected, variables map[string]any) (ok bool) {
	b.WriteByte('{')
	for i, s := range set {
		if i > 0 {
			b.WriteByte(' ')
		}
		switch {
		case s.name == "":
			b.WriteString("...")
			b.WriteString(s.on)
		default:
			b.WriteString(s.alias)
			b.WriteByte(':')
			b.WriteString(s.name)
			if len(s.field.Arguments) > 0 && !appendArguments(b, s.field.ArgumentMap(variables)) {
				return false
			}
		}
		if len(s.within) > 0 && !appendSelected(b, s.within, variables) {
			return false
		}
	}
	b.WriteByte('}')
	return true
}

func appendArguments(b *strings.Builder, arguments map[string]any) bool {
	encoded, err := json.Marshal(arguments) // sorts the names
	if err != nil {
		return false
	}
	b.WriteByte('(')
	b.Write(encoded)
	b.WriteByte(')')
	return true
}
