package jsonbody

import "net/url"

// itemBytes is what an object, a list or another value beside the first takes once it is decoded, about: of {"":0} some 400 bytes.
const itemBytes = 200

// DecodedBytes returns about how many bytes the values of a JSON text take once they are decoded, beside those of its strings. It reads the
// text once, and takes what is no JSON for what it resembles.
func DecodedBytes(text []byte) int64 {
	items, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ',' || c == '{' || c == '['):
			items++
		}
	}
	return itemBytes * int64(items)
}

// DecodedURLBytes is DecodedBytes for the JSON texts of a URL's query string.
func DecodedURLBytes(rawQuery string) int64 {
	values, err := url.ParseQuery(rawQuery)
	if err != nil {
		return 0 // it is not decoded either
	}
	return DecodedBytes([]byte(values.Get("variables"))) + DecodedBytes([]byte(values.Get("extensions")))
}
