package wire

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"chattok/session"
)

// filled returns a value of t in which no field is zero. All session ids are the same, as in a message, and so are all
// epochs.
func filled(tb testing.TB, t reflect.Type, name string, n *int) reflect.Value {
	tb.Helper()
	*n++
	v := reflect.New(t).Elem()
	switch {
	case name == "SessionID":
		v.SetString("standup")
	case t == reflect.TypeFor[session.Epoch]():
		v.SetUint(0xfedcba9876543210)
	case t == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.UnixMilli(1_700_000_000_123 + int64(*n)).UTC()))
	case t.Kind() == reflect.String:
		v.SetString(fmt.Sprintf("%s %d ü", name, *n))
	case t.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.CanInt():
		v.SetInt(int64(*n))
	case v.CanUint():
		v.SetUint(uint64(*n))
	case t.Kind() == reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		v.Elem().Set(filled(tb, t.Elem(), name, n))
	case t.Kind() == reflect.Array:
		for i := range v.Len() {
			v.Index(i).Set(filled(tb, t.Elem(), name, n))
		}
	case t.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(t, 3, 3))
		for i := range v.Len() {
			v.Index(i).Set(filled(tb, t.Elem(), name, n))
		}
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			v.Field(i).Set(filled(tb, t.Field(i).Type, t.Field(i).Name, n))
		}
	default:
		tb.Fatalf("%s is a %v, which this test can't fill", name, t)
	}
	return v
}

// TestEveryField writes and reads a message in which every field of every part is set: all of them are carried.
func TestEveryField(t *testing.T) {
	var n int
	want := Envelope{Node: 1 << 63, Sequence: 1 << 62, Message: filled(t, reflect.TypeFor[session.Message](), "", &n).Interface().(session.Message)}
	oneKind(&want.Message)
	b, err := Marshal(want, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Unmarshal(b)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\n got %s\nwant %s", err, show(got), show(want))
	}
	SetSequence(b, 5)
	want.Sequence = 5
	if got, err = Unmarshal(b); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("with another sequence number: %v\n got %s\nwant %s", err, show(got), show(want))
	}
}

// TestEachPart does the same with one part of the message at a time, since the reading of a part must not depend on
// another.
func TestEachPart(t *testing.T) {
	all := reflect.TypeFor[session.Message]()
	for i := range all.NumField() {
		var n int
		want := Envelope{Node: 1, Message: session.Message{SessionID: "standup"}}
		reflect.ValueOf(&want.Message).Elem().Field(i).Set(filled(t, all.Field(i).Type, all.Field(i).Name, &n))
		oneKind(&want.Message)
		if all.Field(i).Name == "Seq" { // the place of a log without changes, and no events
			want.Message.Log = session.LogRun{After: want.Message.Seq, Through: want.Message.Seq}
		}
		b, err := Marshal(want, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Unmarshal(b)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v\n got %s\nwant %s", all.Field(i).Name, err, show(got), show(want))
		}
	}
}

// oneKind makes the first change of the roster one of a connection's data, the second one of streams, and the third one of
// settings; and the first event of the log an addition, which the others are not.
func oneKind(m *session.Message) {
	for i := range m.Changes {
		c := &m.Changes[i]
		c.Updated = i == 0
		if i != 1 {
			c.Stream = nil
		}
		if i != 2 {
			c.Session = nil
		} else {
			c.Connection = nil
		}
	}
	if len(m.Log.Events) > 0 {
		added := m.Log.Events[0]
		added.Place, added.Change, added.Superseded = added.Entry.Place, "", 0
	}
}

func show(e Envelope) string { return fmt.Sprintf("%+v", e) }

func entries(n int, body string) session.Message {
	m := session.Message{SessionID: "s", Seq: int64(n), Log: session.LogRun{Through: int64(n)}}
	for i := range n {
		e := &session.ChatEntry{SessionID: "s", Epoch: 7, Seq: int64(i + 1), Place: int64(i + 1), ConnectionID: "c", Body: body}
		m.Log.Events = append(m.Log.Events, &session.LogEvent{Place: e.Place, Entry: e})
	}
	return m
}

// TestLimit: a message that does not fit goes as its numbers, and a signal that does not fit is an error.
func TestLimit(t *testing.T) {
	whole, err := Marshal(Envelope{Node: 1, Message: entries(10, strings.Repeat("x", 100))}, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for limit, want := range map[int]int{len(whole): 10, len(whole) - 1: 0, 100: 0} {
		b, err := Marshal(Envelope{Node: 1, Message: entries(10, strings.Repeat("x", 100))}, limit)
		if err != nil || len(b) > limit {
			t.Fatalf("within %d: %d bytes, %v", limit, len(b), err)
		}
		got, err := Unmarshal(b)
		if err != nil || got.Message.Seq != 10 || len(got.Message.Log.Events) != want {
			t.Errorf("within %d: seq %d, %d entries, %v", limit, got.Message.Seq, len(got.Message.Log.Events), err)
		}
	}
	data := strings.Repeat("x", 200)
	_, err = Marshal(Envelope{Node: 1, Message: session.Message{SessionID: "s", Signal: &session.Signal{Type: "t", Data: &data}}}, 200)
	if !errors.Is(err, ErrTooLarge) {
		t.Errorf("a signal that does not fit: %v", err)
	}
	if _, err := Marshal(Envelope{Node: 1, Message: entries(1, "")}, 5); !errors.Is(err, ErrTooLarge) {
		t.Errorf("numbers that do not fit: %v", err)
	}
}

// later is an envelope of a later version.
type later struct {
	Node      uint64         `cbor:"1,keyasint"`
	SessionID string         `cbor:"2,keyasint"`
	Seq       int64          `cbor:"3,keyasint,omitempty"`
	Revision  int64          `cbor:"4,keyasint,omitempty"`
	Needs     uint           `cbor:"5,keyasint,omitempty"`
	Changes   any            `cbor:"8,keyasint,omitempty"`
	Signal    map[any]any    `cbor:"9,keyasint,omitempty"`
	New       map[string]any `cbor:"99,keyasint,omitempty"`
}

// TestLaterVersions: an added field is ignored; where it is needed, the numbers are read; another format is an error.
func TestLaterVersions(t *testing.T) {
	addition := map[string]any{"a": 1}
	write := func(l later) []byte {
		b, err := encoding.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		return append([]byte{format, 0, 0, 0, 0, 0, 0, 0, 0}, b...)
	}
	got, err := Unmarshal(write(later{Node: 5, SessionID: "s", Signal: map[any]any{1: "t", 77: "new"}, Needs: knows, New: addition}))
	if err != nil || got.Message.Signal == nil || got.Message.Signal.Type != "t" || got.Node != 5 {
		t.Errorf("an addition: %s, %v", show(got), err)
	}
	got, err = Unmarshal(write(later{SessionID: "s", Seq: 7, Revision: 8, Changes: "quite another type", Needs: knows + 1}))
	if want := (session.Message{SessionID: "s", Seq: 7, Log: session.LogRun{After: 7, Through: 7}, Revision: 8}); err != nil || !reflect.DeepEqual(got.Message, want) {
		t.Errorf("what is needed is not known: %s, %v", show(got), err)
	}
	for _, b := range [][]byte{nil, {}, {format, 0, 0, 0}, {format + 1, 0, 0, 0, 0, 0, 0, 0, 1, 0xa0}} {
		if _, err := Unmarshal(b); !errors.Is(err, ErrFormat) {
			t.Errorf("%x: %v", b, err)
		}
	}
}

// FuzzUnmarshal: any bytes are an envelope or an error.
func FuzzUnmarshal(f *testing.F) {
	var n int
	for range 3 {
		m := filled(f, reflect.TypeFor[session.Message](), "", &n).Interface().(session.Message)
		b, err := Marshal(Envelope{Node: 1, Message: m}, 1<<20)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{format, 0, 0, 0, 0, 0, 0, 0, 1, 0xa0})
	f.Fuzz(func(t *testing.T, b []byte) {
		read, err := Unmarshal(b)
		if err != nil {
			return
		}
		again, err := Marshal(read, len(b)+1<<20)
		if err != nil {
			t.Fatalf("read, but not written: %v", err)
		}
		got, err := Unmarshal(again)
		if err != nil {
			t.Fatalf("written, but not read: %v", err)
		}
		if third, err := Marshal(got, len(b)+1<<20); err != nil || !bytes.Equal(third, again) {
			t.Errorf("%v\n got %x\nwant %x", err, third, again)
		}
	})
}
