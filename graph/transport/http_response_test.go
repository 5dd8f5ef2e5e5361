package transport

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/graph/transport/gqlerr"
)

func TestAppendResponse(t *testing.T) {
	plain := &gqlerror.Error{Message: "no"}
	unmarshalable := &gqlerror.Error{Message: "no", Extensions: map[string]any{"x": math.NaN()}}
	for want, response := range map[string]*graphql.Response{
		`{"data":null}`:                                       {},
		`{"data":{"a":"<é😀\u0000>"}}`:                         {Data: []byte(`{"a":"<é😀\u0000>"}`)},
		`{"errors":[{"message":"no"}]}`:                       {Errors: gqlerror.List{plain}},
		`{"errors":[{"message":"no"}],"data":null}`:           {Errors: gqlerror.List{plain}, Data: []byte("null")},
		`{"data":{},"extensions":{"a":1}}`:                    {Data: []byte("{}"), Extensions: map[string]any{"a": 1}},
		`{"errors":[{"message":"no"}],"extensions":{"a":1}}`:  {Errors: gqlerror.List{plain}, Extensions: map[string]any{"a": 1}},
		`{"data":{"b":1}}`:                                    {Data: []byte(`{"b":1}`), Extensions: map[string]any{"a": math.Inf(1)}},
		errorBody("internal error", "INTERNAL", ""):           {Errors: gqlerror.List{unmarshalable}},
		`x{"errors":[{"message":"no"},{"message":"no"}]}`[1:]: {Errors: gqlerror.List{plain, plain}},
	} {
		if got := string(AppendResponse([]byte("before "), response)); got != "before "+want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
	for _, length := range []int{pieceBytes - 1, pieceBytes, pieceBytes + 1, 3*pieceBytes + 7} { // of which the long ones are copied in pieces
		data := []byte(`"` + strings.Repeat("0123456789", length/10+1)[:length-2] + `"`)
		got := AppendResponse([]byte("before "), &graphql.Response{Data: data, Errors: gqlerror.List{plain}})
		if want := `before {"errors":[{"message":"no"}],"data":` + string(data) + "}"; string(got) != want {
			t.Errorf("%d bytes are written as %d bytes, not as they are", length, len(got))
		}
		if length > pieceBytes && cap(got) > len(got)+2*newBufferBytes {
			t.Errorf("%d bytes are in a buffer of %d", length, cap(got))
		}
	}
}

// TestWrapData: data is made a response where it is, if there is room, and is the same response as a copy of it.
func TestWrapData(t *testing.T) {
	for _, length := range []int{0, 1, 7, pieceBytes - 1, pieceBytes, pieceBytes + 1, 3*pieceBytes + 7} {
		for _, beside := range []int{0, 8, 9, 100} {
			data := make([]byte, length, length+beside)
			for i := range data {
				data[i] = byte('a' + i%23)
			}
			want := AppendResponse(nil, &graphql.Response{Data: slices.Clone(data)})
			whole := data[:cap(data)]
			got := wrapData(data)
			if string(got) != string(want) {
				t.Errorf("%d bytes with room for %d differ", length, beside)
			}
			if same := len(whole) > 0 && &whole[0] == &got[0]; same != (beside >= len(`{"data":}`)) {
				t.Errorf("%d bytes with room for %d: in place is %t", length, beside, same)
			}
		}
	}
}

// TestManyRefusals: over HTTP/2, where a client does not take its refusals, which keep its requests, further ones have no body, and those of
// others have.
func TestManyRefusals(t *testing.T) {
	refuse := func(address string, major int) *httptest.ResponseRecorder {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", strings.NewReader("body"))
		r.ProtoMajor, r.RemoteAddr = major, address+":1"
		WriteError(w, r, http.StatusForbidden, &gqlerror.Error{Message: "no"})
		if w.Code != http.StatusForbidden || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("status %d, %v", w.Code, w.Header())
		}
		return w
	}
	const told = `{"errors":[{"message":"no"}]}` + "\n"
	client := netip.MustParsePrefix("192.0.2.1/32")
	for range refusing.maxPerAddress {
		if why := refusing.enter(client); why != "" {
			t.Fatal(why)
		}
	}
	if w := refuse("192.0.2.1", 2); w.Body.Len() > 0 {
		t.Errorf("one more has the body %q", w.Body)
	}
	if w := refuse("192.0.2.1", 1); w.Body.String() != told {
		t.Errorf("over HTTP/1: %q, %v", w.Body, w.Header())
	}
	if w := refuse("192.0.2.2", 2); w.Body.String() != told || !w.Flushed {
		t.Errorf("of another address: %q; written while it is counted: %v", w.Body, w.Flushed)
	}
	for range refusing.maxPerAddress {
		refusing.leave(client)
	}
	if w := refuse("192.0.2.1", 2); w.Body.String() != told || refusing.all != 0 {
		t.Errorf("once they are taken: %q; %d wait", w.Body, refusing.all)
	}
}

func TestCapErrors(t *testing.T) {
	long := &gqlerror.Error{Message: strings.Repeat("€", 1000), Rule: "kept"}
	short := &gqlerror.Error{Message: strings.Repeat("x", gqlerr.MaxMessageBytes)}
	errs := gqlerror.List{short, nil, long}
	for i := range 20 {
		errs = append(errs, &gqlerror.Error{Message: fmt.Sprint(i)})
	}
	got := gqlerr.Cap(errs)
	if len(got) != gqlerr.MaxErrors || got[0] != short || got[1] != nil || got[3] != errs[3] || got[9].Message != "6" {
		t.Errorf("%d errors: %v", len(got), got)
	}
	if m := got[2].Message; len(m) != 300 || !utf8.ValidString(m) || !strings.HasSuffix(m, "€…") || got[2].Rule != "kept" {
		t.Errorf("the long message is %d bytes: %s", len(m), m)
	}
	if len(errs) != 23 || len(long.Message) != 3000 {
		t.Error("what was given has changed")
	}
	if few := gqlerr.Cap(errs[:1]); len(few) != 1 || few[0] != short {
		t.Errorf("%v", few)
	}

	// A document with 300 faults gets ten errors.
	var faults strings.Builder
	for i := range 300 {
		fmt.Fprintf(&faults, "nope%d ", i)
	}
	w := post(t, newServer(t, &stub{}), jsonBody(t, "{session{"+faults.String()+"}}"))
	if n := strings.Count(w.Body.String(), `"message"`); n != gqlerr.MaxErrors || w.Body.Len() > 10<<10 {
		t.Errorf("%d errors in %d bytes: %.300s", n, w.Body.Len(), w.Body)
	}
}
