package jsonbody

import (
	"encoding/json"
	"unicode/utf16"
	"unicode/utf8"
)

// maxJSONDepth bounds how deep arrays and objects nest, so that a small body can't exhaust a goroutine's stack.
const maxJSONDepth = 64

// maxJSONValues bounds the values and members of a request: an empty object is two bytes of text and some eighty of
// memory. The longest list that the schema takes has 1,000 items.
const maxJSONValues = 10_000

// jsonFault is a fault of a JSON text. Its message is fixed and never quotes the text.
type jsonFault string

func (f jsonFault) Error() string { return string(f) }

const (
	faultSyntax    jsonFault = "is not valid JSON"
	faultValues    jsonFault = "has more than 10,000 values"
	faultDepth     jsonFault = "nests arrays or objects more than 64 deep"
	faultUTF8      jsonFault = "is not valid UTF-8"
	faultSurrogate jsonFault = "has a lone surrogate escape, which stands for no character"
)

// jsonReader reads one JSON text (RFC 8259) strictly. encoding/json silently replaces invalid UTF-8 and lone surrogates
// by U+FFFD, and matches member names in any case; this reader refuses them in the pass that reads. Its values share no
// memory with data, which may be reused.
type jsonReader struct {
	data    []byte // valid UTF-8
	pos     int
	depth   int
	values  int
	scratch []byte // for strings with escapes
}

// newJSONReader begins at the first value of data. Errors: faultUTF8.
func newJSONReader(data []byte) (*jsonReader, error) {
	if !utf8.Valid(data) {
		return nil, faultUTF8
	}
	d := &jsonReader{data: data}
	d.space()
	return d, nil
}

// peek returns the next byte, or 0 at the end; no JSON token begins with 0.
func (d *jsonReader) peek() byte {
	if d.pos < len(d.data) {
		return d.data[d.pos]
	}
	return 0
}

// take consumes c and the white space after it, if c is next.
func (d *jsonReader) take(c byte) bool {
	if d.peek() != c {
		return false
	}
	d.pos++
	d.space()
	return true
}

func (d *jsonReader) space() {
	for d.pos < len(d.data) {
		switch d.data[d.pos] {
		case ' ', '\t', '\n', '\r':
			d.pos++
		default:
			return
		}
	}
}

// end says whether the text has been read to its end.
func (d *jsonReader) end() bool { return d.pos == len(d.data) }

// value reads any value: nil, bool, string, json.Number, []any or map[string]any.
func (d *jsonReader) value() (any, error) {
	if d.values++; d.values > maxJSONValues {
		return nil, faultValues
	}
	switch c := d.peek(); c {
	case '{':
		return d.object()
	case '[':
		return d.array()
	case '"':
		return d.string()
	case 't':
		return true, d.word("true")
	case 'f':
		return false, d.word("false")
	case 'n':
		return nil, d.word("null")
	default:
		return d.number()
	}
}

func (d *jsonReader) word(w string) error {
	if len(d.data)-d.pos < len(w) || string(d.data[d.pos:d.pos+len(w)]) != w {
		return faultSyntax
	}
	d.pos += len(w)
	d.space()
	return nil
}

func (d *jsonReader) object() (map[string]any, error) {
	m := map[string]any{}
	err := d.members(func(name []byte) error {
		key := string(name)
		v, err := d.value()
		m[key] = v
		return err
	})
	return m, err
}

// members reads an object and calls member with each name; member reads the value. name is valid until the next read.
func (d *jsonReader) members(member func(name []byte) error) error {
	if d.depth++; d.depth > maxJSONDepth {
		return faultDepth
	}
	if !d.take('{') {
		return faultSyntax
	}
	if !d.take('}') {
		for {
			name, err := d.text()
			if err != nil {
				return err
			}
			if !d.take(':') {
				return faultSyntax
			}
			if err := member(name); err != nil {
				return err
			}
			if d.take('}') {
				break
			}
			if !d.take(',') {
				return faultSyntax
			}
		}
	}
	d.depth--
	return nil
}

func (d *jsonReader) array() ([]any, error) {
	if d.depth++; d.depth > maxJSONDepth {
		return nil, faultDepth
	}
	d.take('[')
	list := []any{}
	if !d.take(']') {
		for {
			v, err := d.value()
			if err != nil {
				return nil, err
			}
			list = append(list, v)
			if d.take(']') {
				break
			}
			if !d.take(',') {
				return nil, faultSyntax
			}
		}
	}
	d.depth--
	return list, nil
}

func (d *jsonReader) string() (string, error) {
	b, err := d.text()
	return string(b), err
}

// text reads a string; the result is valid until the next read.
func (d *jsonReader) text() ([]byte, error) {
	if d.peek() != '"' {
		return nil, faultSyntax
	}
	d.pos++
	start := d.pos
	for i := start; i < len(d.data); i++ {
		switch c := d.data[i]; {
		case c == '"':
			d.pos = i + 1
			d.space()
			return d.data[start:i], nil
		case c == '\\':
			d.scratch = append(d.scratch[:0], d.data[start:i]...)
			d.pos = i
			return d.escapedText()
		case c < ' ':
			return nil, faultSyntax
		}
	}
	return nil, faultSyntax
}

// escapedText reads the rest of a string from its first escape on; scratch has the part before.
func (d *jsonReader) escapedText() ([]byte, error) {
	for d.pos < len(d.data) {
		switch c := d.data[d.pos]; {
		case c == '"':
			d.pos++
			d.space()
			return d.scratch, nil
		case c == '\\':
			if err := d.escape(); err != nil {
				return nil, err
			}
		case c < ' ':
			return nil, faultSyntax
		default:
			d.scratch = append(d.scratch, c)
			d.pos++
		}
	}
	return nil, faultSyntax
}

func (d *jsonReader) escape() error {
	if d.pos+1 >= len(d.data) {
		return faultSyntax
	}
	c := d.data[d.pos+1]
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		return d.unicodeEscape()
	default:
		return faultSyntax
	}
	d.scratch = append(d.scratch, c)
	d.pos += 2
	return nil
}

func (d *jsonReader) unicodeEscape() error {
	r, ok := hex4(d.data, d.pos)
	if !ok {
		return faultSyntax
	}
	d.pos += 6
	if utf16.IsSurrogate(r) {
		low, ok := hex4(d.data, d.pos)
		if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
			return faultSurrogate
		}
		d.pos += 6
	}
	d.scratch = utf8.AppendRune(d.scratch, r)
	return nil
}

// hex4 reads the escape `\uXXXX` that begins at pos.
func hex4[T string | []byte](s T, pos int) (r rune, ok bool) {
	if len(s)-pos < 6 || s[pos] != '\\' || s[pos+1] != 'u' {
		return 0, false
	}
	for i := pos + 2; i < pos+6; i++ {
		c := s[i]
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// number reads a number and keeps it as it is written, so that no digit is lost.
func (d *jsonReader) number() (json.Number, error) {
	start := d.pos
	if d.peek() == '-' {
		d.pos++
	}
	if d.peek() == '0' {
		d.pos++
	} else if !d.digits() {
		return "", faultSyntax
	}
	if d.peek() == '.' {
		d.pos++
		if !d.digits() {
			return "", faultSyntax
		}
	}
	if c := d.peek(); c == 'e' || c == 'E' {
		d.pos++
		if c := d.peek(); c == '+' || c == '-' {
			d.pos++
		}
		if !d.digits() {
			return "", faultSyntax
		}
	}
	n := json.Number(d.data[start:d.pos])
	d.space()
	return n, nil
}

func (d *jsonReader) digits() bool {
	start := d.pos
	for c := d.peek(); '0' <= c && c <= '9'; c = d.peek() {
		d.pos++
	}
	return d.pos > start
}
