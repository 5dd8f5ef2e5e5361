// Package jsonbody reads the parameters of one GraphQL request (query, operationName, variables, extensions) from a
// JSON object or from a URL. It reads strictly, in one pass: text that is not Unicode is refused rather than replaced.
package jsonbody

import (
	"net/url"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/graph/transport/gqlerr"
)

// PersistedQuery is the member of a request's extensions that names a persisted query.
const PersistedQuery = "persistedQuery"

// Traceparent is the member of a request's extensions, and the header, by which a client names its span.
const Traceparent = "traceparent"

// maxTraceparentBytes is more than a version of https://www.w3.org/TR/trace-context/ needs; the present one has 55 bytes.
const maxTraceparentBytes = 256

// faultError returns the error for a fault in the text that is named subject.
func faultError(subject string, fault error) *gqlerror.Error {
	if fault == faultUTF8 || fault == faultSurrogate {
		return gqlerr.InvalidText(subject + " " + fault.Error())
	}
	return gqlerr.Malformed(subject + " " + fault.Error())
}

// Decode reads the parameters of one operation from a JSON object. Other members are ignored, the last of a repeated
// one counts, and null is the same as absent. query may be absent only where extensions name a persisted query. Numbers
// in variables are json.Number. The result shares no memory with raw.
//
// Every error has code BAD_USER_INPUT with ReasonInvalidText or ReasonMalformedRequest, and a fixed message that quotes
// nothing of raw.
func Decode(raw []byte) (*graphql.RawParams, *gqlerror.Error) {
	const subject = "the request"
	d, fault := newJSONReader(raw)
	if fault != nil {
		return nil, faultError(subject, fault)
	}
	switch d.peek() {
	case '{':
	case '[':
		return nil, gqlerr.Malformed("the request must be one JSON object; batches (arrays) are not supported")
	default:
		if d.end() {
			return nil, gqlerr.Malformed("the request is empty; it must be one JSON object with the member query")
		}
		return nil, gqlerr.Malformed("the request must be one JSON object")
	}

	p := paramsReader{jsonReader: d, params: &graphql.RawParams{}}
	if fault := d.members(p.member); fault != nil {
		return nil, faultError(subject, fault)
	}
	if !d.end() {
		return nil, gqlerr.Malformed("the request must be one JSON object, with nothing after it")
	}
	if p.wrongKind != "" {
		return nil, gqlerr.Malformed(p.wrongKind)
	}
	return checkParams(p.params, p.hasQuery)
}

// paramsReader fills params from the members of a JSON object.
type paramsReader struct {
	*jsonReader
	params    *graphql.RawParams
	hasQuery  bool
	wrongKind string // the fault of the first member of a wrong type; invalid JSON further on takes precedence
}

func (p *paramsReader) member(name []byte) (err error) {
	switch string(name) {
	case "query":
		p.params.Query, p.hasQuery, err = p.textOrNull("query must be a string")
	case "operationName":
		p.params.OperationName, _, err = p.textOrNull("operationName must be a string or null")
	case "variables":
		p.params.Variables, err = p.objectOrNull("variables must be an object or null")
	case "extensions":
		p.params.Extensions, err = p.objectOrNull("extensions must be an object or null")
		p.params.Extensions = known(p.params.Extensions)
	default:
		_, err = p.value()
	}
	return err
}

// known returns what the server knows of a request's extensions. A subscription keeps that for as long as it lasts, and so no more.
func known(extensions map[string]any) map[string]any {
	kept := make(map[string]any)
	switch v := extensions[PersistedQuery].(type) {
	case nil:
	case map[string]any:
		members := make(map[string]any)
		for _, name := range []string{"version", "sha256Hash"} {
			if member, ok := v[name]; ok {
				members[name] = member
			}
		}
		kept[PersistedQuery] = members
	default:
		kept[PersistedQuery] = false // malformed, whatever it is
	}
	if v, ok := extensions[Traceparent].(string); ok && len(v) <= maxTraceparentBytes {
		kept[Traceparent] = v
	}
	if len(kept) == 0 {
		return nil
	}
	return kept
}

func (p *paramsReader) textOrNull(otherwise string) (s string, present bool, err error) {
	if p.peek() == '"' {
		s, err = p.string()
		return s, true, err
	}
	return "", false, p.null(otherwise)
}

func (p *paramsReader) objectOrNull(otherwise string) (map[string]any, error) {
	if p.peek() == '{' {
		return p.object()
	}
	return nil, p.null(otherwise)
}

func (p *paramsReader) null(otherwise string) error {
	v, err := p.value()
	if err == nil && v != nil && p.wrongKind == "" {
		p.wrongKind = otherwise
	}
	return err
}

// DecodeURL reads the parameters of one operation from a URL's query string, where variables and extensions are JSON
// texts. Errors: those of Decode.
func DecodeURL(rawQuery string) (*graphql.RawParams, *gqlerror.Error) {
	values, err := url.ParseQuery(rawQuery)
	if err != nil {
		return nil, gqlerr.Malformed("the URL's query string is malformed")
	}
	// Cloned: a value without escapes is part of the whole request line, which a cached document would keep.
	params := &graphql.RawParams{
		Query:         strings.Clone(values.Get("query")),
		OperationName: strings.Clone(values.Get("operationName")),
	}
	if !utf8.ValidString(params.Query) || !utf8.ValidString(params.OperationName) {
		return nil, faultError("the URL's query string", faultUTF8)
	}
	var fault *gqlerror.Error
	if params.Variables, fault = decodeURLObject("variables", values.Get("variables")); fault != nil {
		return nil, fault
	}
	if params.Extensions, fault = decodeURLObject("extensions", values.Get("extensions")); fault != nil {
		return nil, fault
	}
	params.Extensions = known(params.Extensions)
	return checkParams(params, values.Has("query"))
}

func decodeURLObject(name, text string) (map[string]any, *gqlerror.Error) {
	if text == "" {
		return nil, nil
	}
	d, fault := newJSONReader([]byte(text))
	if fault != nil {
		return nil, faultError("the parameter "+name, fault)
	}
	v, fault := d.value()
	if fault == nil && !d.end() {
		fault = faultSyntax
	}
	if fault != nil {
		return nil, faultError("the parameter "+name, fault)
	}
	object, ok := v.(map[string]any)
	if !ok && v != nil {
		return nil, gqlerr.Malformed("the parameter " + name + " must be a JSON object or null")
	}
	return object, nil
}

// checkParams checks rules that hold for a JSON object and a URL alike.
func checkParams(params *graphql.RawParams, hasQuery bool) (*graphql.RawParams, *gqlerror.Error) {
	if !hasQuery && params.Extensions[PersistedQuery] == nil {
		return nil, gqlerr.Malformed("query is missing; it must be a GraphQL document")
	}
	if hasLoneSurrogate(params.Query) {
		return nil, faultError("query", faultSurrogate)
	}
	return params, nil
}

// hasLoneSurrogate says whether a string literal of the document has a \uXXXX escape of half a surrogate pair, which
// the parser would silently turn into U+FFFD. (The parser itself refuses \u{…} of a surrogate.)
//
// See https://spec.graphql.org/draft/#sec-String-Value, "Static Semantics".
func hasLoneSurrogate(query string) bool {
	if !strings.Contains(query, `\ud`) && !strings.Contains(query, `\uD`) {
		return false
	}
	for i := 0; i < len(query); {
		switch {
		case query[i] == '#':
			i = skipComment(query, i)
		case strings.HasPrefix(query[i:], `"""`):
			i = skipBlockString(query, i)
		case query[i] == '"':
			end, lone := scanString(query, i)
			if lone {
				return true
			}
			i = end
		default:
			i++
		}
	}
	return false
}

// skipComment returns the end of the comment that begins at i, by the parser's rules.
func skipComment(query string, i int) int {
	for i < len(query) && (query[i] >= ' ' || query[i] == '\t') {
		i++
	}
	return i
}

// skipBlockString returns the end of the block string that begins at i; the only escape in it is `\"""`.
func skipBlockString(query string, i int) int {
	for i += 3; i < len(query); {
		switch {
		case strings.HasPrefix(query[i:], `\"""`):
			i += 4
		case strings.HasPrefix(query[i:], `"""`):
			for i < len(query) && query[i] == '"' {
				i++
			}
			return i
		default:
			i++
		}
	}
	return i
}

// scanString returns the end of the string that begins at i, and whether it has a lone surrogate escape. The parser
// reports a string without an end.
func scanString(query string, i int) (end int, lone bool) {
	for i++; i < len(query); i++ {
		switch query[i] {
		case '"', '\n', '\r':
			return i + 1, false
		case '\\':
			r, ok := hex4(query, i)
			if !ok {
				i++ // skip the escaped character
				continue
			}
			i += 5
			if !utf16.IsSurrogate(r) {
				continue
			}
			low, ok := hex4(query, i+1)
			if !ok || utf16.DecodeRune(r, low) == utf8.RuneError {
				return i, true
			}
			i += 6
		}
	}
	return i, false
}
