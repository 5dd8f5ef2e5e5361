package graph_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"chattok/graph"
)

// rawVariables keeps numbers as they are written: 1.0 does not become 1.
func rawVariables(text string) map[string]any {
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &members); err != nil {
		panic(err)
	}
	variables := make(map[string]any, len(members))
	for name, value := range members {
		variables[name] = value
	}
	return variables
}

// halfExecuted are mutations whose first field stores an entry and whose second has a value that can't be coerced.
var halfExecuted = []struct {
	name, query, variables string
	want                   []string // parts of the message; for a variable its name, its path and the value
}{
	{"an Int of 33 bits", `mutation($c:ID!,$w:Int){a:addChatEntry(connectionId:$c,body:"x"){seq} b:publishStream(width:$w){id}}`, `{"w":2147483648}`, []string{`"$w"`, `2147483648`}},
	{"an Int as a text", `mutation($c:ID!,$w:Int){a:addChatEntry(connectionId:$c,body:"x"){seq} b:publishStream(width:$w){id}}`, `{"w":"10"}`, []string{`"$w"`, `"10"`}},
	{"an Int with a fraction", `mutation($c:ID!,$w:Int){a:addChatEntry(connectionId:$c,body:"x"){seq} b:publishStream(width:$w){id}}`, `{"w":1.5}`, []string{`"$w"`, `1.5`}},
	{"an Int that is huge", `mutation($c:ID!,$w:Int){a:addChatEntry(connectionId:$c,body:"x"){seq} b:publishStream(width:$w){id}}`, `{"w":1e999999999}`, []string{`"$w"`, `1e999999999`}},
	{"an Int that is true", `mutation($c:ID!,$w:Int){a:addChatEntry(connectionId:$c,body:"x"){seq} b:publishStream(width:$w){id}}`, `{"w":true}`, []string{`"$w"`, `true`}},
	{"an unknown enum value", `mutation($c:ID!,$v:VideoType){a:addChatEntry(connectionId:$c,body:"x"){seq} b:publishStream(videoType:$v){id}}`, `{"v":"WINDOW"}`, []string{`"$v"`, `"WINDOW"`}},
	{"an enum value in the wrong case", `mutation($c:ID!,$v:VideoType){a:addChatEntry(connectionId:$c,body:"x"){seq} b:publishStream(videoType:$v){id}}`, `{"v":"camera"}`, []string{`"$v"`, `"camera"`}},
	{"an enum value as a number", `mutation($c:ID!,$v:VideoType){a:addChatEntry(connectionId:$c,body:"x"){seq} b:publishStream(videoType:$v){id}}`, `{"v":0}`, []string{`"$v"`, `0`}},
	{"a String as a number", `mutation($c:ID!,$n:String){a:addChatEntry(connectionId:$c,body:"x"){seq} b:publishStream(name:$n){id}}`, `{"n":7}`, []string{`"$n"`, `7`}},
	{"a String as an object", `mutation($c:ID!,$n:String){a:addChatEntry(connectionId:$c,body:"x"){seq} b:publishStream(name:$n){id}}`, `{"n":{}}`, []string{`"$n"`, `{}`}},
	{"a Boolean as a text", `mutation($c:ID!,$h:Boolean){a:addChatEntry(connectionId:$c,body:"x"){seq} b:publishStream(hasAudio:$h){id}}`, `{"h":"false"}`, []string{`"$h"`, `"false"`}},
	{"a Boolean as a number", `mutation($c:ID!,$h:Boolean){a:addChatEntry(connectionId:$c,body:"x"){seq} b:publishStream(hasAudio:$h){id}}`, `{"h":0}`, []string{`"$h"`, `0`}},
	{"an id with a fraction", `mutation($c:ID!,$s:ID!){a:addChatEntry(connectionId:$c,body:"x"){seq} b:unpublishStream(streamId:$s){id}}`, `{"s":5.5}`, []string{`"$s"`, `5.5`}},
	{"an id that is true", `mutation($c:ID!,$s:ID!){a:addChatEntry(connectionId:$c,body:"x"){seq} b:unpublishStream(streamId:$s){id}}`, `{"s":true}`, []string{`"$s"`, `true`}},
	{"an id in a list with a fraction", `mutation($c:ID!,$e:[ID!]){a:addChatEntry(connectionId:$c,body:"x"){seq} b:forceMute(except:$e){id}}`, `{"e":["a",0.1]}`, []string{`"$e"`, `"e[1]"`, `0.1`}},
	{"null in a list", `mutation($c:ID!,$e:[ID!]){a:addChatEntry(connectionId:$c,body:"x"){seq} b:forceMute(except:$e){id}}`, `{"e":["a",null]}`, []string{`"$e"`, `"e[1]"`, `null`}},
	{"a list in a list", `mutation($c:ID!,$e:[ID!]){a:addChatEntry(connectionId:$c,body:"x"){seq} b:forceMute(except:$e){id}}`, `{"e":[["a"]]}`, []string{`"$e"`, `"e[0]"`, `["a"]`}},
	{"an index as a text in an object", `mutation($c:ID!,$i:IceCandidateInput){a:addChatEntry(connectionId:$c,body:"x"){seq} b:negotiate(streamId:"s",to:"t",candidate:$i){to}}`, `{"i":{"candidate":"","sdpMLineIndex":"0"}}`, []string{`"$i"`, `"i.sdpMLineIndex"`, `"0"`}},
	{"a fraction in an object", `mutation($c:ID!,$i:IceCandidateInput){a:addChatEntry(connectionId:$c,body:"x"){seq} b:negotiate(streamId:"s",to:"t",candidate:$i){to}}`, `{"i":{"candidate":"","sdpMLineIndex":0.5}}`, []string{`"$i"`, `"i.sdpMLineIndex"`, `0.5`}},
	{"a field that is missing in an object", `mutation($c:ID!,$i:IceCandidateInput){a:addChatEntry(connectionId:$c,body:"x"){seq} b:negotiate(streamId:"s",to:"t",candidate:$i){to}}`, `{"i":{"sdpMid":"0"}}`, []string{`"$i"`, `"candidate"`}},
	{"a field that is unknown in an object", `mutation($c:ID!,$i:IceCandidateInput){a:addChatEntry(connectionId:$c,body:"x"){seq} b:negotiate(streamId:"s",to:"t",candidate:$i){to}}`, `{"i":{"candidate":"","mid":"0"}}`, []string{`"$i"`, `"mid"`}},
	{"an enum in an object", `mutation($c:ID!,$d:SessionDescriptionInput){a:addChatEntry(connectionId:$c,body:"x"){seq} b:negotiate(streamId:"s",to:"t",description:$d){to}}`, `{"d":{"type":"OFFER","sdp":""}}`, []string{`"$d"`, `"d.type"`, `"OFFER"`}},
	{"a text for an object", `mutation($c:ID!,$d:SessionDescriptionInput){a:addChatEntry(connectionId:$c,body:"x"){seq} b:negotiate(streamId:"s",to:"t",description:$d){to}}`, `{"d":"sdp"}`, []string{`"$d"`, `"sdp"`}},
	{"a variable within an object", `mutation($c:ID!,$i:Int){a:addChatEntry(connectionId:$c,body:"x"){seq} b:negotiate(streamId:"s",to:"t",candidate:{candidate:"",sdpMLineIndex:$i}){to}}`, `{"i":"0"}`, []string{`"$i"`, `"0"`}},
	{"null in place of a default", `mutation($c:ID!,$s:ID="s"){a:addChatEntry(connectionId:$c,body:"x"){seq} b:unpublishStream(streamId:$s){id}}`, `{"s":null}`, []string{`"$s"`, `ID!`}},
	{"null in place of a default, in a fragment", `mutation($c:ID!,$s:ID="s"){a:addChatEntry(connectionId:$c,body:"x"){seq} ...F} fragment F on Mutation{unpublishStream(streamId:$s){id}}`, `{"s":null}`, []string{`"$s"`, `ID!`}},
	{"a default of 33 bits", `mutation($c:ID!,$w:Int=2147483648){a:addChatEntry(connectionId:$c,body:"x"){seq} b:publishStream(width:$w){id}}`, `{}`, []string{`2147483648`}},
	{"a literal of 33 bits", `mutation($c:ID!){a:addChatEntry(connectionId:$c,body:"x"){seq} b:publishStream(width:2147483648){id}}`, `{}`, []string{`2147483648`}},
	{"a literal of 80 bits", `mutation($c:ID!){a:addChatEntry(connectionId:$c,body:"x"){seq} b:publishStream(width:999999999999999999999999){id}}`, `{}`, []string{`999999999999999999999999`}},
	{"a literal of 33 bits in an object", `mutation($c:ID!){a:addChatEntry(connectionId:$c,body:"x"){seq} b:negotiate(streamId:"s",to:"t",candidate:{candidate:"",sdpMLineIndex:-2147483649}){to}}`, `{}`, []string{`-2147483649`}},
	{"a literal text for an Int", `mutation($c:ID!){a:addChatEntry(connectionId:$c,body:"x"){seq} b:negotiate(streamId:"s",to:"t",candidate:{candidate:"",sdpMLineIndex:"0"}){to}}`, `{}`, []string{`"0"`}},
	{"a literal 1.0 for an Int", `mutation($c:ID!){a:addChatEntry(connectionId:$c,body:"x"){seq} b:publishStream(width:1.0){id}}`, `{}`, []string{`1.0`}},
	{"a literal object for a String", `mutation($c:ID!){a:addChatEntry(connectionId:$c,body:"x"){seq} b:publishStream(name:{}){id}}`, `{}`, []string{`String`}},
	{"a literal object for an Int", `mutation($c:ID!){a:addChatEntry(connectionId:$c,body:"x"){seq} b:publishStream(width:{}){id}}`, `{}`, []string{`Int`}},
	{"a literal object for an enum", `mutation($c:ID!){a:addChatEntry(connectionId:$c,body:"x"){seq} b:publishStream(videoType:{}){id}}`, `{}`, []string{`VideoType`}},
	{"a literal object for a Boolean", `mutation($c:ID!){a:addChatEntry(connectionId:$c,body:"x"){seq} b:publishStream(hasAudio:{}){id}}`, `{}`, []string{`Boolean`}},
	{"a literal text for an enum", `mutation($c:ID!){a:addChatEntry(connectionId:$c,body:"x"){seq} b:publishStream(videoType:"CAMERA"){id}}`, `{}`, []string{`CAMERA`}},
	{"a literal fraction for an id", `mutation($c:ID!){a:addChatEntry(connectionId:$c,body:"x"){seq} b:unpublishStream(streamId:5.5){id}}`, `{}`, []string{`5.5`}},
	{"a literal Boolean for an id", `mutation($c:ID!){a:addChatEntry(connectionId:$c,body:"x"){seq} b:unpublishStream(streamId:true){id}}`, `{}`, []string{`true`}},
	{"a literal null in a list", `mutation($c:ID!){a:addChatEntry(connectionId:$c,body:"x"){seq} b:forceMute(except:["a",null]){id}}`, `{}`, []string{`null`}},
	{"a literal fraction in a list", `mutation($c:ID!){a:addChatEntry(connectionId:$c,body:"x"){seq} b:forceMute(except:[0.1]){id}}`, `{}`, []string{`0.1`}},
	{"a literal object for a list", `mutation($c:ID!){a:addChatEntry(connectionId:$c,body:"x"){seq} b:forceMute(except:{}){id}}`, `{}`, []string{`ID`}},
}

// An operation with one variable or literal that can't be coerced is a request error, and none of it has run, on every
// transport.
func TestNothingRunsBeforeAllIsCoerced(t *testing.T) {
	w := newWorld(t, options{})
	me := w.join(t, "room", "MODERATOR")
	address := serve(t, w.handler, 0)
	socket := mustDial(t, address, me.token)
	for i, c := range halfExecuted {
		t.Run(c.name, func(t *testing.T) {
			variables := rawVariables(c.variables)
			variables["c"] = me.id
			answered := func(how string, errs []byte) {
				t.Helper()
				var failures []failure
				if err := json.Unmarshal(errs, &failures); err != nil {
					t.Fatalf("%s: %s: %v", how, errs, err)
				}
				if codeOf(failures) != invalidDoc {
					t.Fatalf("%s: %s", how, errs)
				}
				for _, part := range c.want {
					if !strings.Contains(failures[0].Message, part) {
						t.Errorf("%s: %s is not in %q", how, part, failures[0].Message)
					}
				}
			}
			for _, kind := range []struct {
				accept string
				status int
			}{{"application/json", 200}, {"application/graphql-response+json", 400}} {
				status, body := postJSON(t, address, me.token, kind.accept, c.query, variables)
				var answer map[string]json.RawMessage
				if err := json.Unmarshal(body, &answer); err != nil {
					t.Fatal(err)
				}
				if _, data := answer["data"]; data || status != kind.status {
					t.Errorf("%s: status %d, %s", kind.accept, status, body)
				}
				answered(kind.accept, answer["errors"])
			}
			id := fmt.Sprint(i)
			if err := socket.subscribe(id, c.query, variables); err != nil {
				t.Fatal(err)
			}
			m, err := socket.read()
			if err != nil || m.Type != "error" || m.ID != id {
				t.Fatalf("WebSocket: %s %v", socket.payload, err)
			}
			answered("WebSocket", m.Payload)
			for _, f := range []framing{sse, multipartHTTP} {
				s := mustOpen(t, address, f, me.token, c.query, variables)
				if f == multipartHTTP { // a client of a mutation prefers JSON to parts
					continue
				}
				response, err := s.NextResponse()
				if err != nil {
					t.Fatal(err)
				}
				var answer struct{ Errors json.RawMessage }
				if err := json.Unmarshal([]byte(response), &answer); err != nil {
					t.Fatal(err)
				}
				answered(string(f), answer.Errors)
			}
			if cursor := w.lastCursor(t, me.token); cursor != "0" {
				t.Fatalf("an entry was stored: the log ends at %s", cursor)
			}
		})
	}
}

func postJSON(t *testing.T, address, raw, accept, query string, variables map[string]any) (status int, body []byte) {
	t.Helper()
	encoded, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/graphql", bytes.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", accept)
	r.Header.Set("Authorization", "Bearer "+raw)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, body
}

// A subscription with a variable that can't be coerced does not begin, in any framing.
func TestSubscriptionsAreCoercedFirst(t *testing.T) {
	w := newWorld(t, options{})
	me := w.join(t, "room", "MODERATOR")
	address := serve(t, w.handler, 0)
	for _, f := range framings {
		for _, variables := range []string{`{"a":0}`, `{"a":["0"]}`, `{"a":{}}`} {
			opened := mustFollow(t, address, f, me.token, follow, rawVariables(variables))
			got, err := opened.response()
			if text := got + fmt.Sprint(err); !strings.Contains(text, invalidDoc) || !strings.Contains(text, `\"$a\"`) {
				t.Errorf("%s of %s: %s %v", f, variables, got, err)
			}
		}
	}
}

// A number without a fraction is an Int and an ID in every spelling.
func TestWholeNumbers(t *testing.T) {
	w := newWorld(t, options{})
	me := w.join(t, "room", "PUBLISHER")
	for text, want := range map[string]int{`1.0`: 1, `1e1`: 10, `16E0`: 16, `120e-1`: 12, `0.5e1`: 5, `16384.000`: 16384} {
		data := w.mustDo(t, me.token, `mutation($w:Int){publishStream(width:$w){id width}}`, rawVariables(`{"w":`+text+`}`))
		got := read[struct {
			PublishStream struct {
				ID    string
				Width int
			}
		}](t, data).PublishStream
		if got.Width != want {
			t.Errorf("width %s is %d, want %d", text, got.Width, want)
		}
		w.unpublish(t, me, got.ID)
	}
	for text, want := range map[string]string{`5`: "5", `5.0`: "5", `1e3`: "1000", `"5.5"`: "5.5", `123456789012345678901234567890`: "123456789012345678901234567890"} {
		data := w.mustDo(t, "", `mutation($c:ID!){addChatEntry(connectionId:$c,body:"x"){connectionId}}`, rawVariables(`{"c":`+text+`}`))
		if got := read[struct{ AddChatEntry struct{ ConnectionID string } }](t, data).AddChatEntry.ConnectionID; got != want {
			t.Errorf("id %s is %q, want %q", text, got, want)
		}
	}
}

// A valid request is answered byte for byte as gqlgen answers it without this coercion.
func TestValidRequestsEqualStock(t *testing.T) {
	w := newWorld(t, options{})
	me := w.join(t, "room", "MODERATOR")
	w.add(t, me.token, me.id, "x")
	ours, stock := serve(t, w.handler, 0), serve(t, graph.Stock(w.service, w.tokens), 0)
	for _, c := range []struct{ query, variables string }{
		{`query($f:Int){chatEntries(first:$f){nodes{seq body}}}`, `{"f":1}`},
		{`query($f:Int=1){chatEntries(first:$f){nodes{seq body}}}`, `{}`},
		{`query($f:Int=1){chatEntries(first:$f){nodes{seq body}}}`, `{"f":null}`},
		{`query($f:Int,$l:Int){chatEntries(first:$f,last:$l){nodes{seq body}}}`, `{"l":1}`},
		{`query($c:ID!){latestChatEntry(connectionId:$c){seq}}`, `{"c":"x"}`},
		{`query($c:ID!){latestChatEntry(connectionId:$c){seq}}`, `{"c":7}`},
		{`{latestChatEntry(connectionId:7){seq}}`, `{}`},
		{`query($y:Boolean!){session{id @include(if:$y) lastCursor @skip(if:$y)}}`, `{"y":true}`},
		{`query($y:Boolean=true){session{id @include(if:$y)}}`, `{}`},
		{`mutation($e:[ID!]){forceMute(except:$e){id}}`, `{"e":["a",5]}`},
		{`mutation($e:[ID!]){forceMute(except:$e){id}}`, `{"e":"a"}`},
		{`mutation($e:[ID!]){forceMute(except:$e){id}}`, `{"e":[]}`},
		{`mutation($e:[ID!]){forceMute(except:$e){id}}`, `{"e":null}`},
		{`mutation($e:[ID!]="a"){forceMute(except:$e){id}}`, `{}`},
		{`mutation($e:ID!){forceMute(except:["a",$e]){id}}`, `{"e":"b"}`},
		{`mutation{forceMute(except:"a"){id}}`, `{}`},
		{`mutation($d:SessionDescriptionInput){negotiate(streamId:"s",to:"t",description:$d){to}}`, `{"d":{"type":"offer","sdp":"x"}}`},
		{`mutation($t:SdpType!){negotiate(streamId:"s",to:"t",description:{type:$t,sdp:"x"}){to}}`, `{"t":"answer"}`},
		{`mutation($i:IceCandidateInput){negotiate(streamId:"s",to:"t",candidate:$i){to}}`, `{"i":{"candidate":"c","sdpMid":null,"sdpMLineIndex":3}}`},
		{`mutation($i:IceCandidateInput){negotiate(streamId:"s",to:"t",candidate:$i){to}}`, `{"i":null}`},
		{`mutation($v:VideoType){updateStream(streamId:"s",videoType:$v){id}}`, `{"v":"SCREEN"}`},
		{`mutation($w:Int){updateStream(streamId:"s",width:$w){id}}`, `{"w":-1}`},
		{`mutation($n:String){a:updateStream(streamId:"s",name:$n){id} b:updateStream(streamId:"s",name:"y"){id}}`, `{"n":"ř\" "}`},
		{`query($a:String){chatEntries(after:$a){pageInfo{hasNextPage}}}`, `{"a":"0","more":[1.5]}`},
	} {
		var bodies [2]string
		for i, address := range []string{ours, stock} {
			s := mustDial(t, address, me.token)
			if err := s.subscribe("1", c.query, rawVariables(c.variables)); err != nil {
				t.Fatal(err)
			}
			m, err := s.read()
			if err != nil || m.Type != "next" {
				t.Fatalf("%s of %s: %s %v", c.query, c.variables, s.payload, err)
			}
			bodies[i] = plainText.Replace(string(m.Payload))
			_ = s.Close()
		}
		if bodies[0] != bodies[1] {
			t.Errorf("%s of %s:\nours  %s\nstock %s", c.query, c.variables, bodies[0], bodies[1])
		}
	}
}
