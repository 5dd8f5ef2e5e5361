package document

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/graph/transport/gqlerr"
)

// Coerced returns a transport whose operations run only when all their variables can be coerced, by the rules of
// graphql-js. gqlgen itself coerces most variables inside the field that uses them, after other fields have run. A
// variable that can't be coerced is a request error of code GRAPHQL_VALIDATION_FAILED, which names the variable, the
// path in it and the value. A subscription for which @skip and @include leave no root field, or two, is refused in the
// same way.
//
// See docs/decisions/coercion.md for the differences to gqlgen and to graphql-js.
func Coerced(t graphql.Transport, schema *ast.Schema) graphql.Transport {
	return coercedTransport{t, schema}
}

type coercedTransport struct {
	graphql.Transport
	schema *ast.Schema
}

func (t coercedTransport) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	t.Transport.Do(w, r, coercedExecutor{exec, t.schema})
}

// coercedExecutor is gqlgen's executor with the checks of Coerced.
type coercedExecutor struct {
	graphql.GraphExecutor
	schema *ast.Schema
}

// CreateOperationContext implements graphql.GraphExecutor.
func (e coercedExecutor) CreateOperationContext(ctx context.Context, params *graphql.RawParams) (*graphql.OperationContext, gqlerror.List) {
	raw := params.Variables
	op, errs := e.GraphExecutor.CreateOperationContext(ctx, params)
	if op == nil || op.Operation == nil || len(errs) > 0 && op.Variables != nil {
		return op, errs // it failed for another reason than its variables
	}
	variables := op.Variables
	if variables == nil || !textOnly(op.Operation.VariableDefinitions, raw) {
		var err *gqlerror.Error
		if variables, err = coerceVariables(e.schema, op, raw); err != nil {
			return op, gqlerror.List{err}
		}
	}
	if len(errs) > 0 { // gqlgen can't read some valid values, such as 1.0 for an Int
		params.Variables = variables
		if op, errs = e.GraphExecutor.CreateOperationContext(ctx, params); len(errs) > 0 {
			return op, errs
		}
	}
	op.Variables = variables
	if err := checkRoot(op); err != nil {
		return op, gqlerror.List{err}
	}
	return op, nil
}

// textOnly says whether all variables are strings for String or ID, as in the busiest operations. gqlgen coerces those
// as graphql-js does.
func textOnly(definitions ast.VariableDefinitionList, raw map[string]any) bool {
	for _, v := range definitions {
		_, text := raw[v.Variable].(string)
		if !text || v.Type.NamedType != "String" && v.Type.NamedType != "ID" {
			return false
		}
	}
	return true
}

// PresentRecoveredError passes on a method of the executor that the embedded interface hides.
func (e coercedExecutor) PresentRecoveredError(ctx context.Context, cause any) error {
	return gqlerr.OfPanic(ctx, e.GraphExecutor, cause)
}

func invalidDocument(position *ast.Position, format string, args ...any) *gqlerror.Error {
	err := gqlerror.ErrorPosf(position, format, args...)
	errcode.Set(err, errcode.ValidationFailed)
	return err
}

// coerceVariables returns the operation's variables as its resolvers see them.
func coerceVariables(schema *ast.Schema, op *graphql.OperationContext, raw map[string]any) (map[string]any, *gqlerror.Error) {
	coerced := make(map[string]any, len(op.Operation.VariableDefinitions))
	nulls := false
	for _, v := range op.Operation.VariableDefinitions {
		value, given := raw[v.Variable]
		if !given && v.DefaultValue != nil {
			value, _ = v.DefaultValue.Value(nil) // a literal, which validation has accepted
			given = true
		}
		switch {
		case !given && v.Type.NonNull:
			return nil, invalidDocument(v.Position, `Variable "$%s" of required type "%s" was not provided.`, v.Variable, v.Type)
		case !given:
			continue
		case value == nil && v.Type.NonNull:
			return nil, invalidDocument(v.Position, `Variable "$%s" of non-null type "%s" must not be null.`, v.Variable, v.Type)
		}
		c := coercer{schema: schema, path: v.Variable}
		result, why := c.value(v.Type, value)
		if why != "" {
			return nil, invalidDocument(v.Position, `Variable "$%s" got invalid value %s at "%s"; %s`, v.Variable, quoted(c.culprit), c.path, why)
		}
		coerced[v.Variable] = result
		nulls = nulls || result == nil && v.DefaultValue != nil
	}
	if nulls {
		return coerced, checkNulls(op, coerced)
	}
	return coerced, nil
}

// coercer coerces one variable's value. After a failure, path and culprit hold the place and the value there.
type coercer struct {
	schema  *ast.Schema
	path    string
	culprit any
}

// value coerces v to a type; why is the reason where it can't.
func (c *coercer) value(t *ast.Type, v any) (coerced any, why string) {
	switch {
	case v == nil && t.NonNull:
		return c.fail(v, `Expected non-nullable type "%s" not to be null.`, t)
	case v == nil:
		return nil, ""
	case t.Elem != nil:
		return c.list(t, v)
	}
	definition := c.schema.Types[t.NamedType]
	switch definition.Kind {
	case ast.InputObject:
		return c.object(definition, v)
	case ast.Enum:
		if name, ok := v.(string); ok && definition.EnumValues.ForName(name) != nil {
			return name, ""
		}
		return c.fail(v, `Value is not one of the enum "%s".`, definition.Name)
	}
	return c.scalar(definition.Name, v)
}

func (c *coercer) fail(v any, format string, args ...any) (any, string) {
	c.culprit = v
	return nil, fmt.Sprintf(format, args...)
}

// list coerces a list; a single value stands for a list of it.
func (c *coercer) list(t *ast.Type, v any) (any, string) {
	items, ok := v.([]any)
	if !ok {
		item, why := c.value(t.Elem, v)
		return []any{item}, why
	}
	coerced := make([]any, len(items))
	path := c.path
	for i, item := range items {
		c.path = path + "[" + strconv.Itoa(i) + "]"
		var why string
		if coerced[i], why = c.value(t.Elem, item); why != "" {
			return nil, why
		}
	}
	c.path = path
	return coerced, ""
}

func (c *coercer) object(definition *ast.Definition, v any) (any, string) {
	fields, ok := v.(map[string]any)
	if !ok {
		return c.fail(v, `Expected type "%s" to be an object.`, definition.Name)
	}
	coerced := make(map[string]any, len(fields))
	path := c.path
	for _, field := range definition.Fields {
		value, given := fields[field.Name]
		if !given {
			if field.Type.NonNull && field.DefaultValue == nil {
				return c.fail(v, `Field "%s" of required type "%s" was not provided.`, field.Name, field.Type)
			}
			continue // the resolver's side fills in a default
		}
		c.path = path + "." + field.Name
		var why string
		if coerced[field.Name], why = c.value(field.Type, value); why != "" {
			return nil, why
		}
	}
	c.path = path
	for name := range fields {
		if definition.Fields.ForName(name) == nil && name != "__typename" {
			return c.fail(v, `Field "%s" is not defined by type "%s".`, name, definition.Name)
		}
	}
	return coerced, ""
}

func (c *coercer) scalar(name string, v any) (any, string) {
	switch name {
	case "Int":
		digits, ok := wholeNumber(v)
		if !ok {
			return c.fail(v, "Int cannot represent non-integer value.")
		}
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || n < math.MinInt32 || n > math.MaxInt32 {
			return c.fail(v, "Int cannot represent non 32-bit signed integer value.")
		}
		return n, ""
	case "ID":
		if s, ok := v.(string); ok {
			return s, ""
		}
		digits, ok := wholeNumber(v)
		if !ok {
			return c.fail(v, "ID cannot represent a non-string and non-integer value.")
		}
		return digits, ""
	case "String":
		if _, ok := v.(string); !ok {
			return c.fail(v, "String cannot represent a non string value.")
		}
	case "Boolean":
		if _, ok := v.(bool); !ok {
			return c.fail(v, "Boolean cannot represent a non boolean value.")
		}
	case "Float":
		if n, ok := v.(json.Number); ok {
			f, err := n.Float64()
			if err != nil {
				return c.fail(v, "Float cannot represent non numeric value.")
			}
			return f, ""
		}
		return c.fail(v, "Float cannot represent non numeric value.")
	}
	return v, "" // a scalar of the schema's own reads its values itself
}

// maxWholeDigits bounds the length that an exponent can give a number.
const maxWholeDigits = 400

// wholeNumber returns the digits of a number that has no fraction, however it is written: 1, 1.0 and 10e-1 are the same.
func wholeNumber(v any) (digits string, ok bool) {
	switch v := v.(type) {
	case int64: // of a literal
		return strconv.FormatInt(v, 10), true
	case json.Number:
		return wholeText(string(v))
	}
	return "", false
}

// wholeText is wholeNumber for a number as JSON writes it.
func wholeText(s string) (digits string, ok bool) {
	at := strings.IndexAny(s, ".eE")
	if at < 0 {
		return s, true
	}
	mantissa, exponent, _ := strings.Cut(strings.ToLower(s), "e")
	shift := 0
	if exponent != "" {
		var err error
		if shift, err = strconv.Atoi(exponent); err != nil {
			return "", false
		}
	}
	sign := ""
	if rest, negative := strings.CutPrefix(mantissa, "-"); negative {
		mantissa, sign = rest, "-"
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	significant := strings.Trim(whole+fraction, "0")
	if significant == "" {
		return "0", true
	}
	all := strings.TrimRight(whole+fraction, "0")
	zeros := len(whole) + shift - len(all) // zeros that follow the last digit which is not zero
	all = strings.TrimLeft(all, "0")
	if zeros < 0 || zeros > maxWholeDigits {
		return "", false
	}
	return sign + all + strings.Repeat("0", zeros), true
}

// maxQuotedBytes bounds how much of a value a message repeats.
const maxQuotedBytes = 100

// quoted writes a value for a message.
func quoted(v any) string {
	encoded, err := json.Marshal(v)
	if err != nil {
		return "that"
	}
	text := strings.ToValidUTF8(string(encoded[:min(len(encoded), maxQuotedBytes)]), "")
	if len(encoded) > maxQuotedBytes {
		text += "…"
	}
	return text
}

// checkNulls refuses null for a variable with a default that is used where null is not allowed: validation accepts the
// variable there because of its default.
func checkNulls(op *graphql.OperationContext, variables map[string]any) (err *gqlerror.Error) {
	var value func(v *ast.Value)
	value = func(v *ast.Value) {
		if err != nil || v == nil {
			return
		}
		if v.Kind == ast.Variable && v.ExpectedType != nil && v.ExpectedType.NonNull {
			if given, ok := variables[v.Raw]; ok && given == nil {
				err = invalidDocument(v.Position, `Variable "$%s" is null where type "%s" is expected.`, v.Raw, v.ExpectedType)
			}
		}
		for _, child := range v.Children {
			value(child.Value)
		}
	}
	spread := make(map[string]bool)
	var selections func(set ast.SelectionSet)
	directives := func(list ast.DirectiveList) {
		for _, d := range list {
			for _, a := range d.Arguments {
				value(a.Value)
			}
		}
	}
	selections = func(set ast.SelectionSet) {
		for _, selection := range set {
			switch s := selection.(type) {
			case *ast.Field:
				directives(s.Directives)
				for _, a := range s.Arguments {
					value(a.Value)
				}
				selections(s.SelectionSet)
			case *ast.InlineFragment:
				directives(s.Directives)
				selections(s.SelectionSet)
			case *ast.FragmentSpread:
				directives(s.Directives)
				if !spread[s.Name] {
					spread[s.Name] = true
					selections(s.Definition.SelectionSet)
				}
			}
		}
	}
	selections(op.Operation.SelectionSet)
	return err
}

// checkRoot refuses a subscription without exactly one root field. Validation counts the names in the document; the
// fields that @skip and @include leave, and their aliases, are known only with the variables.
func checkRoot(op *graphql.OperationContext) *gqlerror.Error {
	if op.Operation.Operation != ast.Subscription {
		return nil
	}
	switch fields := rootFields(op); len(fields) {
	case 0:
		return invalidDocument(op.Operation.Position, "A subscription must select one top level field; @skip and @include leave none of this one.")
	case 1:
		return nil
	default:
		return invalidDocument(fields[1].Position, "A subscription must select only one top level field, under one name.")
	}
}

// rootFields returns a subscription's root fields that @skip and @include leave, those of fragments included.
func rootFields(op *graphql.OperationContext) []graphql.CollectedField {
	return graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Subscription"})
}
