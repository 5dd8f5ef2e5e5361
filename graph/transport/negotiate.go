package transport

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// Media types of a response. See https://graphql.github.io/graphql-over-http/draft/#sec-Media-Types.
const (
	typeJSON        = "application/json"
	typeGraphQLJSON = "application/graphql-response+json"
	typeEventStream = "text/event-stream"
	typeMultipart   = "multipart/mixed" // with the parameter subscriptionSpec
)

// accepted holds the media types that a request's Accept header admits. The order of the header's entries has no
// meaning.
type accepted struct {
	json   string  // the media type for a single response; empty where none is admitted
	stream Framing // the framing for a stream; 0 where none is admitted
}

// negotiate reads the Accept header. A stream must be named in full and wildcards stand for JSON alone, so that a
// client which accepts anything is told that a subscription needs a stream, and does not hang. Between equal weights,
// application/graphql-response+json takes precedence over application/json if it is named in full, and SSE over
// multipart.
func negotiate(header http.Header) accepted {
	lines := header["Accept"]
	if len(lines) == 0 || len(lines) == 1 && (lines[0] == typeJSON || lines[0] == "*/*" || lines[0] == "") {
		return accepted{json: typeJSON} // the header of most requests
	}
	var plain, graphql, sse, multipart preference
	for _, line := range lines {
		for entry, rest := cutUnquoted(line, ','); entry != "" || rest != ""; entry, rest = cutUnquoted(rest, ',') {
			name, params := cutUnquoted(entry, ';')
			name = strings.ToLower(strings.TrimSpace(name))
			switch name {
			case "*/*", "*":
				plain.offer(1, weight(params))
				graphql.offer(1, weight(params))
			case "application/*":
				plain.offer(2, weight(params))
				graphql.offer(2, weight(params))
			case typeJSON:
				plain.offer(exact, weight(params))
			case typeGraphQLJSON:
				graphql.offer(exact, weight(params))
			case typeEventStream:
				sse.offer(exact, weight(params))
			case typeMultipart:
				if spec := parameter(params, "subscriptionspec"); spec == "1.0" || spec == "1" {
					multipart.offer(exact, weight(params))
				}
			}
		}
	}

	var a accepted
	switch {
	case graphql.precision == exact && graphql.weight > 0 && graphql.weight >= plain.weight:
		a.json = typeGraphQLJSON
	case plain.weight > 0:
		a.json = typeJSON
	case graphql.weight > 0:
		a.json = typeGraphQLJSON
	}
	switch {
	case sse.weight > 0 && sse.weight >= multipart.weight:
		a.stream = SSE
	case multipart.weight > 0:
		a.stream = Multipart
	}
	return a
}

const exact = 3

// preference is the weight of one media type, by the most precise entry that matches it (RFC 9110, section 12.5.1).
type preference struct {
	precision int // 0 where nothing matches; exact for the type in full
	weight    float64
}

func (p *preference) offer(precision int, weight float64) {
	if precision > p.precision || precision == p.precision && weight > p.weight {
		*p = preference{precision, weight}
	}
}

// weight returns the q parameter: 0 to 1, and 1 where it is absent or malformed.
func weight(params string) float64 {
	q, err := strconv.ParseFloat(parameter(params, "q"), 64)
	if err != nil || !(q >= 0 && q <= 1) {
		return 1
	}
	return q
}

// parameter returns the value of a parameter (its name in lower case) of a media type, unquoted.
func parameter(params, name string) string {
	for entry, rest := cutUnquoted(params, ';'); entry != "" || rest != ""; entry, rest = cutUnquoted(rest, ';') {
		key, value, _ := strings.Cut(entry, "=")
		if strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return ""
}

// cutUnquoted splits s at the first separator that is not in a quoted string.
func cutUnquoted(s string, separator byte) (before, after string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case c == separator && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// jsonContent says whether the request's body is JSON in UTF-8, without a content encoding.
func jsonContent(header http.Header) bool {
	if encoding := header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return false
	}
	contentType := header.Get("Content-Type")
	if contentType == typeJSON {
		return true
	}
	name, params, err := mime.ParseMediaType(contentType)
	if err != nil || name != typeJSON {
		return false
	}
	charset, ok := params["charset"]
	return !ok || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8")
}
