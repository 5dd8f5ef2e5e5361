package jsonbody

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func readJSON(text string) (any, error) {
	d, err := newJSONReader([]byte(text))
	if err != nil {
		return nil, err
	}
	v, err := d.value()
	if err == nil && !d.end() {
		err = faultSyntax
	}
	return v, err
}

func TestJSONReader(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, test := range []struct {
		text  string
		value any
		err   error
	}{
		{` {"a" : [ 1 , -0.5e+3 , true , false , null , "x" ] } `,
			map[string]any{"a": []any{json.Number("1"), json.Number("-0.5e+3"), true, false, nil, "x"}}, nil},
		{`{}`, map[string]any{}, nil},
		{`[]`, []any{}, nil},
		{`""`, "", nil},
		{`{"a":1,"a":2}`, map[string]any{"a": json.Number("2")}, nil},
		{`{"\u0061\n":1}`, map[string]any{"a\n": json.Number("1")}, nil},
		{`"\"\\\/\b\f\n\r\t\u0000é😀"`, "\"\\/\b\f\n\r\t\x00é😀", nil},
		{`"a\ud83d\ude00b"`, "a😀b", nil},
		{`"\uD83D\uDE00"`, "😀", nil},
		{`"\uFFFD\ufffd"`, "\ufffd\ufffd", nil},
		{`"\u2028"`, "\u2028", nil},
		{`123456789012345678901234567890`, json.Number("123456789012345678901234567890"), nil},
		{deep(3), []any{[]any{[]any{}}}, nil},
		{`"\ud83d"`, nil, faultSurrogate},
		{`"\ud83dx"`, nil, faultSurrogate},
		{`"\ud83d\u0041"`, nil, faultSurrogate},
		{`"\ud83d\ud83d\ude00"`, nil, faultSurrogate},
		{`"\ude00"`, nil, faultSurrogate},
		{`"\ude00\ud83d"`, nil, faultSurrogate},
		{`"\uDFFF"`, nil, faultSurrogate},
		{"\"\xff\"", nil, faultUTF8},
		{"\"\xed\xa0\xbd\xed\xb8\x80\"", nil, faultUTF8}, // CESU-8
		{"{}\xc3", nil, faultUTF8},
		{deep(65), nil, faultDepth},
		{strings.Repeat(`{"a":`, 65), nil, faultDepth},
		{strings.Repeat("[", 1<<20), nil, faultDepth},
	} {
		value, err := readJSON(test.text)
		if err != test.err || err == nil && !reflect.DeepEqual(value, test.value) {
			t.Errorf("%.60q is %#v, %v; want %#v, %v", test.text, value, err, test.value, test.err)
		}
	}
	if _, err := readJSON(deep(64)); err != nil {
		t.Errorf("64 levels: %v", err)
	}
	for _, text := range []string{
		``, ` `, `{`, `}`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{a:1}`, `{'a':1}`, `{"a":1 "b":2}`, `{,}`, `{"a" 1}`, `{1:2}`, `{null:1}`,
		`[`, `[1`, `[1,]`, `[,1]`, `[1 2]`, `]`, `"`, `"a`, `"\`, `"\"`, `"\x"`, `"\u"`, `"\u12"`, `"\u12g4"`, `"\u 123"`, "\"\n\"", "\"\\n\t\"", "\"\x00\"",
		`01`, `-`, `+1`, `.5`, `1.`, `1e`, `1e+`, `0x1`, `1_0`, `NaN`, `Infinity`, `tru`, `truely`, `nul`, `True`, `{} {}`, `{}x`, `1,`, "\ufeff{}", "\x0b1", "/**/1",
	} {
		if v, err := readJSON(text); err != faultSyntax {
			t.Errorf("%q is %#v, %v; want a syntax fault", text, v, err)
		}
	}
}

// The reader agrees with encoding/json: it reads the same values from text without invalid UTF-8 and lone surrogates,
// and refuses what encoding/json refuses.
func FuzzJSONReader(f *testing.F) {
	for _, seed := range []string{`{"a":[1,-2.5e3,true,null,"x\u00e9\ud83d\ude00"]}`, `"\ud83d"`, "\"\xff\"", `[[[]]]`, `{"a":1,"a":{}}`, `1e999`, ` 0 `} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := readJSON(string(data))
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.UseNumber()
		var want any
		wantErr := decoder.Decode(&want)
		if wantErr == nil && len(bytes.Trim(data[decoder.InputOffset():], " \t\r\n")) > 0 {
			wantErr = faultSyntax
		}
		switch {
		case err == nil && wantErr != nil:
			t.Fatalf("read %#v, where encoding/json says %v", got, wantErr)
		case err == nil && !reflect.DeepEqual(got, want):
			t.Fatalf("read %#v, encoding/json %#v", got, want)
		case err == faultSyntax && wantErr == nil:
			t.Fatalf("refused what encoding/json reads as %#v", want)
		case err == faultUTF8 && utf8.Valid(data):
			t.Fatal("called valid UTF-8 invalid")
		case err == faultSurrogate && !bytes.Contains(bytes.ToLower(data), []byte(`\ud`)):
			t.Fatal("saw a surrogate where there is none")
		}
	})
}
