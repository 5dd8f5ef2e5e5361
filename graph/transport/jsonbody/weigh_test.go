package jsonbody

import (
	"net/url"
	"testing"
)

func TestDecodedBytes(t *testing.T) {
	for text, items := range map[string]int64{
		"": 0, `"a"`: 0, `7`: 0, `{}`: 1, `[{"":0},{"":0}]`: 4, `{"a":[1,2,3],"b":"{,[\",{"}`: 5, `"\\",[`: 2, `"unfinished,{`: 0,
	} {
		if got := DecodedBytes([]byte(text)); got != items*itemBytes {
			t.Errorf("%s: %d bytes, want %d", text, got, items*itemBytes)
		}
		query := url.Values{"query": {`{a(b:"`}, "variables": {text}, "extensions": {text}}
		if got := DecodedURLBytes(query.Encode()); got != 2*items*itemBytes {
			t.Errorf("%s twice in a URL: %d bytes, want %d", text, got, 2*items*itemBytes)
		}
	}
}
