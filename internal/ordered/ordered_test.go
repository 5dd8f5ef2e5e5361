package ordered

import (
	"fmt"
	"slices"
	"testing"
)

func keys(m *Map[string, int]) (all []string) {
	for key := range m.All() {
		all = append(all, key)
	}
	return all
}

// TestMap: a key keeps the place of its first Set until it is deleted.
func TestMap(t *testing.T) {
	var m Map[string, int]
	if _, ok := m.Get("a"); ok || m.Len() != 0 || len(m.First(3)) != 0 || keys(&m) != nil {
		t.Error("the zero value is not empty")
	}
	if _, ok := m.Delete("a"); ok {
		t.Error("a key that is not there was deleted")
	}
	for i, key := range []string{"a", "b", "c"} {
		m.Set(key, i)
	}
	m.Set("a", 10)
	if value, ok := m.Get("a"); !ok || value != 10 {
		t.Errorf("a is %d, %t", value, ok)
	}
	if got := keys(&m); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("keys %v", got)
	}
	if value, ok := m.Delete("a"); !ok || value != 10 || m.Len() != 2 {
		t.Errorf("deleted %d, %t; %d are left", value, ok, m.Len())
	}
	m.Set("a", 11)
	if got := m.First(2); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("the first two are %v", got)
	}
	for key, value := range m.All() {
		m.Set(key, 2*value)
	}
	if got := m.First(5); !slices.Equal(got, []int{2, 4, 22}) {
		t.Errorf("doubled: %v", got)
	}
}

func ExampleMap() {
	var m Map[string, int]
	m.Set("first", 1)
	m.Set("second", 2)
	m.Set("first", 3)
	for key, value := range m.All() {
		fmt.Println(key, value)
	}
	// Output:
	// first 3
	// second 2
}
