package document

import (
	"strconv"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/core"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// ValidationRules returns the rules that documents are validated by: gqlparser's, and rules for literals that gqlparser
// leaves to the resolvers. Without suggestions, messages name nothing of the schema that the document does not.
func ValidationRules(suggestions bool) *rules.Rules {
	all := rules.NewDefaultRules()
	if !suggestions {
		for _, r := range []struct {
			name    string
			without core.Rule
		}{
			{rules.KnownArgumentNamesRule.Name, rules.KnownArgumentNamesRuleWithoutSuggestions},
			{rules.KnownTypeNamesRule.Name, rules.KnownTypeNamesRuleWithoutSuggestions},
			{rules.ValuesOfCorrectTypeRule.Name, rules.ValuesOfCorrectTypeRuleWithoutSuggestions},
		} {
			all.RemoveRule(r.name)
			all.AddRule(r.without.Name, r.without.RuleFunc)
		}
	}
	all.AddRule(literalsRule.Name, literalsRule.RuleFunc)
	return all
}

// literalsRule refuses literals that gqlparser accepts and no resolver can read.
var literalsRule = core.Rule{Name: "Literals", RuleFunc: func(observers *core.Events, addError core.AddErrFunc) {
	observers.OnValue(func(_ *core.Walker, v *ast.Value) {
		if v.Definition == nil || v.ExpectedType == nil {
			return
		}
		switch {
		case v.Kind == ast.IntValue && v.Definition.Name == "Int":
			if _, err := strconv.ParseInt(v.Raw, 10, 32); err != nil {
				addError(core.Message("Int cannot represent non 32-bit signed integer value: %s", v.Raw), core.At(v.Position))
			}
		case v.Kind == ast.ObjectValue && v.Definition.Kind != ast.InputObject:
			addError(core.Message(`Expected value of type "%s", found %s.`, v.ExpectedType, v), core.At(v.Position))
		}
	})
}}
