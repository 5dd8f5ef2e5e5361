package storetest

import (
	"encoding/json"
	"reflect"
	"testing"
)

// wantEqual compares deeply, and prints both as JSON where they differ.
func wantEqual(t testing.TB, what string, got, want any) {
	t.Helper()
	if reflect.DeepEqual(got, want) {
		return
	}
	gotText, _ := json.Marshal(got)
	wantText, _ := json.Marshal(want)
	t.Fatalf("%s:\n got %s\nwant %s", what, gotText, wantText)
}
