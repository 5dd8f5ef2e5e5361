package document

import (
	"strconv"

	"github.com/vektah/gqlparser/v2/ast"
)

// maxMeasure is the largest value of a measure: far above any limit, far below an overflow.
const maxMeasure = 1 << 30

// measure is the cost of a selection set; each number is maxMeasure at most.
type measure struct {
	depth      int // of nested selections, this one included
	top        int // fields directly in the set, with those of its fragments
	fields     int // at any depth
	aliases    int // at any depth
	complexity int
	schemas    int // __schema fields, which have the longest answers for their documents
	bytes      int // of the answer, before its text is escaped
}

// add adds the measure of a selection beside this one.
func (m *measure) add(other measure) {
	m.depth = max(m.depth, other.depth)
	m.top = min(m.top+other.top, maxMeasure)
	m.fields = min(m.fields+other.fields, maxMeasure)
	m.aliases = min(m.aliases+other.aliases, maxMeasure)
	m.complexity = min(m.complexity+other.complexity, maxMeasure)
	m.bytes = min(m.bytes+other.bytes, maxMeasure)
	m.schemas = min(m.schemas+other.schemas, maxMeasure)
}

// meter measures selections, each fragment once.
type meter struct {
	limits    *Limits
	document  *ast.QueryDocument
	fragments map[string]*measure // nil while being measured: a fragment that spreads itself, which validation refuses
	deferred  bool                // an @defer was met
}

func (m *meter) selections(set ast.SelectionSet, parent string) measure {
	var total measure
	var byType map[string]measure // complexity and bytes of fragments on each object type; a value is of one type
	fragment := func(on string, inner measure) {
		if m.limits.objects[on] {
			if byType == nil {
				byType = make(map[string]measure)
			}
			of := byType[on]
			of.complexity = min(of.complexity+inner.complexity, maxMeasure)
			of.bytes = min(of.bytes+inner.bytes, maxMeasure)
			byType[on] = of
			inner.complexity, inner.bytes = 0, 0
		}
		total.add(inner)
	}
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			total.add(m.field(s, parent))
		case *ast.InlineFragment:
			m.deferred = m.deferred || s.Directives.ForName("defer") != nil
			on := s.TypeCondition
			if on == "" {
				on = parent
			}
			fragment(s.TypeCondition, m.selections(s.SelectionSet, on))
		case *ast.FragmentSpread:
			m.deferred = m.deferred || s.Directives.ForName("defer") != nil
			on := ""
			if definition := m.document.Fragments.ForName(s.Name); definition != nil {
				on = definition.TypeCondition
			}
			fragment(on, m.fragment(s.Name))
		}
	}
	var most measure
	for _, of := range byType {
		most.complexity, most.bytes = max(most.complexity, of.complexity), max(most.bytes, of.bytes)
	}
	total.complexity = min(total.complexity+most.complexity, maxMeasure)
	total.bytes = min(total.bytes+most.bytes, maxMeasure)
	return total
}

func (m *meter) field(f *ast.Field, parent string) measure {
	inner := m.selections(f.SelectionSet, m.limits.fields[parent][f.Name].on)
	total := measure{
		depth:      inner.depth + 1,
		top:        1,
		fields:     min(inner.fields+1, maxMeasure),
		aliases:    inner.aliases,
		complexity: 1,
	}
	if f.Alias != f.Name {
		total.aliases++
	}
	if f.Name == "__schema" {
		total.schemas++
	}
	items := m.items(f, parent)
	total.bytes = m.weight(parent, f, inner.bytes, items)
	if inner.complexity > 0 && items > 0 {
		// The factor is cut first, so that the product can't overflow.
		total.complexity = min(1+items*min(inner.complexity, maxMeasure/items), maxMeasure)
	}
	return total
}

func (m *meter) fragment(name string) measure {
	if known, ok := m.fragments[name]; ok {
		if known == nil {
			return measure{}
		}
		return *known
	}
	definition := m.document.Fragments.ForName(name)
	if definition == nil {
		return measure{} // validation refuses it
	}
	m.fragments[name] = nil
	total := m.selections(definition.SelectionSet, definition.TypeCondition)
	m.fragments[name] = &total
	return total
}

// items returns how many items the field has at most: the page size in its arguments, or the number in Lists.
func (m *meter) items(f *ast.Field, parent string) int {
	for _, name := range []string{"first", "last"} {
		argument := f.Arguments.ForName(name)
		if argument == nil || argument.Value == nil {
			continue
		}
		switch argument.Value.Kind {
		case ast.NullValue:
			continue
		case ast.IntValue:
			if n, err := strconv.Atoi(argument.Value.Raw); err == nil {
				return min(max(n, 0), m.limits.MaxItems)
			}
		}
		return m.limits.MaxItems
	}
	if n, ok := m.limits.Lists[parent+"."+f.Name]; ok {
		return n
	}
	if n, ok := m.limits.Lists[f.Name]; ok {
		return n
	}
	return 1
}
