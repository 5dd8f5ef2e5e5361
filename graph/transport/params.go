package transport

import (
	"context"
	"net/url"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/session"
)

// Reasons of a BAD_USER_INPUT that a request gets before its operation is looked at, in extensions.reason.
const (
	ReasonMalformedRequest = "MALFORMED_REQUEST" // the body or a parameter is not JSON, or not of the kind it must be
	ReasonInvalidText      = "INVALID_TEXT"      // invalid UTF-8, or a lone surrogate escape
	ReasonStreamRequired   = "STREAM_REQUIRED"   // a subscription, sent where only one response can come back
	ReasonHTTPVersion      = "HTTP_VERSION"      // a subscription over HTTP/1.0, which can't tell a stream's end from a cut
)

// newError makes an error as clients see it; reason may be empty.
func newError(code session.Code, reason, message string) *gqlerror.Error {
	extensions := map[string]any{"code": string(code)}
	if reason != "" {
		extensions["reason"] = reason
	}
	return &gqlerror.Error{Message: message, Extensions: extensions}
}

// Decode is called before a large body or message is decoded, with the context of its operation, and returns when there
// is room for that; done is called afterwards. Errors: the context's, where that ends first.
type Decode func(ctx context.Context) (done func(), err error)

// largeBytes is from which size on decoding is costly.
const largeBytes = 16 << 10

// wait calls d for so many bytes, if they are many.
func (d Decode) wait(ctx context.Context, bytes int) (done func(), err error) {
	if d == nil || bytes < largeBytes {
		return func() {}, nil
	}
	return d(ctx)
}

// RetryAfterMs names the extension of a RATE_LIMITED error that says in how many milliseconds the same may work.
const RetryAfterMs = "retryAfterMs"

// tooMany is an error for what may be tried again after a time.
func tooMany(message string, retryAfter time.Duration) *gqlerror.Error {
	err := newError(session.CodeRateLimited, "", message)
	err.Extensions[RetryAfterMs] = retryAfter.Milliseconds()
	return err
}

func malformed(message string) *gqlerror.Error {
	return newError(session.CodeBadUserInput, ReasonMalformedRequest, message)
}

func invalidText(message string) *gqlerror.Error {
	return newError(session.CodeBadUserInput, ReasonInvalidText, message)
}

// faultError words a jsonFault of what is named subject.
func faultError(subject string, fault error) *gqlerror.Error {
	if fault == faultUTF8 || fault == faultSurrogate {
		return invalidText(subject + " " + fault.Error())
	}
	return malformed(subject + " " + fault.Error())
}

// DecodeParams reads the parameters of one operation, as every transport carries them: a JSON object with `query`,
// `operationName`, `variables` and `extensions`; other members are ignored, of a repeated one the last counts, and
// null is the same as absent. `query` may be absent only where `extensions.persistedQuery` stands in for it. Numbers
// in variables are json.Number. What it returns shares no memory with raw.
//
// Every error is a *gqlerror.Error with code BAD_USER_INPUT, and ReasonInvalidText or ReasonMalformedRequest; its
// message is fixed and quotes nothing of raw.
func DecodeParams(raw []byte) (*graphql.RawParams, error) {
	params, err := decodeParams(raw)
	if err != nil {
		return nil, err
	}
	return params, nil
}

func decodeParams(raw []byte) (*graphql.RawParams, *gqlerror.Error) {
	const subject = "the request"
	d, fault := newJSONReader(raw)
	if fault != nil {
		return nil, faultError(subject, fault)
	}
	switch d.peek() {
	case '{':
	case '[':
		return nil, malformed("the request must be one JSON object; batches (arrays) are not supported")
	default:
		if d.end() {
			return nil, malformed("the request is empty; it must be one JSON object with the member query")
		}
		return nil, malformed("the request must be one JSON object")
	}

	p := paramsReader{jsonReader: d, params: &graphql.RawParams{}}
	if fault := d.members(p.member); fault != nil {
		return nil, faultError(subject, fault)
	}
	if !d.end() {
		return nil, malformed("the request must be one JSON object, with nothing after it")
	}
	if p.wrongKind != "" {
		return nil, malformed(p.wrongKind)
	}
	return checkParams(p.params, p.hasQuery)
}

// paramsReader fills params from a JSON object's members.
type paramsReader struct {
	*jsonReader
	params    *graphql.RawParams
	hasQuery  bool
	wrongKind string // the first member that is not of its kind; bad JSON further on is the worse fault
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
	default:
		_, err = p.value()
	}
	return err
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

// decodeURLParams reads the parameters of one operation from a URL's query string, where variables and extensions are
// JSON in themselves. Errors: as DecodeParams.
func decodeURLParams(rawQuery string) (*graphql.RawParams, *gqlerror.Error) {
	values, err := url.ParseQuery(rawQuery)
	if err != nil {
		return nil, malformed("the URL's query string is malformed")
	}
	// Cloned: a value that needed no decoding is a part of the whole request line, which a cached document would keep.
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
		return nil, malformed("the parameter " + name + " must be a JSON object or null")
	}
	return object, nil
}

// checkParams checks what holds however the parameters came.
func checkParams(params *graphql.RawParams, hasQuery bool) (*graphql.RawParams, *gqlerror.Error) {
	if !hasQuery && params.Extensions[persistedQueryKey] == nil {
		return nil, malformed("query is missing; it must be a GraphQL document")
	}
	if hasLoneSurrogate(params.Query) {
		return nil, faultError("query", faultSurrogate)
	}
	return params, nil
}

// hasLoneSurrogate says whether a string literal of the document has a \uXXXX escape of half a surrogate pair, which
// the parser would turn into U+FFFD without a word. (It refuses \u{…} of a surrogate by itself.)
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

// skipComment returns where the comment that begins at i ends, as the parser has it.
func skipComment(query string, i int) int {
	for i < len(query) && (query[i] >= ' ' || query[i] == '\t') {
		i++
	}
	return i
}

// skipBlockString returns where the block string that begins at i ends; escapes mean nothing in it, save `\"""`.
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

// scanString returns where the string that begins at i ends, and whether it has a lone surrogate escape. A string
// without an end is the parser's to report.
func scanString(query string, i int) (end int, lone bool) {
	for i++; i < len(query); i++ {
		switch query[i] {
		case '"', '\n', '\r':
			return i + 1, false
		case '\\':
			r, ok := hex4(query, i)
			if !ok {
				i++ // past the character that is escaped
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
