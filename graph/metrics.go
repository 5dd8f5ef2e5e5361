package graph

import (
	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/graph/transport"
	"chattok/session"
)

// Metrics counts the work of a Handler. Its methods must not block.
type Metrics interface {
	// Answered is one root field that was answered, or a subscription that has begun. field is a root field of the schema, or
	// InvalidOperation; code is one of the schema's, or CodeOK or CodeOther.
	Answered(field, code string)
}

// Labels of requests beside the schema's fields and the domain's codes.
const (
	InvalidOperation = "invalid" // no operation of this schema
	CodeOK           = "OK"
	CodeOther        = "OTHER"
)

// rootFields are the names of all root fields of the schema, and those that GraphQL adds.
var rootFields = func() map[string]bool {
	names := map[string]bool{"__typename": true}
	for _, root := range []*ast.Definition{executed.Query, executed.Mutation, executed.Subscription} {
		for _, field := range root.Fields {
			names[field.Name] = true
		}
	}
	return names
}()

// knownCodes are the codes that errors are counted by; others are CodeOther.
var knownCodes = map[string]bool{string(session.CodeUnauthenticated): true, string(session.CodeForbidden): true, string(session.CodeNotFound): true,
	string(session.CodeBadUserInput): true, string(session.CodeRateLimited): true, string(session.CodeUnavailable): true, string(session.CodeInternal): true,
	"GRAPHQL_PARSE_FAILED": true, "GRAPHQL_VALIDATION_FAILED": true, "PERSISTED_QUERY_NOT_FOUND": true}

// answered returns the transports' hook that counts operations by root field and code; nil where nothing counts.
func answered(m Metrics) transport.Answered {
	if m == nil {
		return nil
	}
	return func(op *graphql.OperationContext, errs gqlerror.List) {
		if op == nil || op.Operation == nil {
			m.Answered(InvalidOperation, codeOfFirst(errs))
			return
		}
		var room [8]*ast.Field
		for _, field := range appendRoots(room[:0], op.Operation.SelectionSet) {
			name, code := field.Name, CodeOK
			if !rootFields[name] { // of a document that does not fit the schema
				name = InvalidOperation
			}
			for _, err := range errs {
				if len(err.Path) == 0 || err.Path[0] == ast.PathName(field.Alias) {
					code = codeOfFirst(gqlerror.List{err})
					break
				}
			}
			m.Answered(name, code)
		}
	}
}

// appendRoots adds the fields at the top of an operation, each name once.
func appendRoots(fields []*ast.Field, set ast.SelectionSet) []*ast.Field {
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			known := false
			for _, f := range fields {
				known = known || f.Name == selection.Name
			}
			if !known {
				fields = append(fields, selection)
			}
		case *ast.InlineFragment:
			fields = appendRoots(fields, selection.SelectionSet)
		case *ast.FragmentSpread:
			if selection.Definition != nil {
				fields = appendRoots(fields, selection.Definition.SelectionSet)
			}
		}
	}
	return fields
}

// codeOfFirst returns the code of the first error; CodeOK without one.
func codeOfFirst(errs gqlerror.List) string {
	if len(errs) == 0 {
		return CodeOK
	}
	if code, _ := errs[0].Extensions["code"].(string); knownCodes[code] {
		return code
	}
	return CodeOther
}
