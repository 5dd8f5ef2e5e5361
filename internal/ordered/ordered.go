// Package ordered has a map that keeps the order in which its keys were first set.
package ordered

import (
	"container/list"
	"iter"
)

// Map is a map whose keys stay in the order in which they were first set. Its zero value is empty and ready to use. A copy
// of a Map that is not empty shares its contents. It is not safe for concurrent use.
type Map[K comparable, V any] struct {
	list  *list.List // of item[K, V]; nil until the first Set
	byKey map[K]*list.Element
}

type item[K comparable, V any] struct {
	key   K
	value V
}

// Len returns how many keys there are.
func (m *Map[K, V]) Len() int { return len(m.byKey) }

// Get returns the value of a key, and whether there is one.
func (m *Map[K, V]) Get(key K) (value V, ok bool) {
	at, ok := m.byKey[key]
	if ok {
		value = at.Value.(item[K, V]).value
	}
	return value, ok
}

// Set sets the value of a key. A key that is there keeps its place; a new one comes last.
func (m *Map[K, V]) Set(key K, value V) {
	if at, ok := m.byKey[key]; ok {
		at.Value = item[K, V]{key, value}
		return
	}
	if m.list == nil {
		m.list, m.byKey = list.New(), make(map[K]*list.Element)
	}
	m.byKey[key] = m.list.PushBack(item[K, V]{key, value})
}

// Delete removes a key, and returns the value that it had, if any.
func (m *Map[K, V]) Delete(key K) (value V, ok bool) {
	at, ok := m.byKey[key]
	if ok {
		value = m.list.Remove(at).(item[K, V]).value
		delete(m.byKey, key)
	}
	return value, ok
}

// First returns the values of the oldest keys, limit at most. The slice is never nil.
func (m *Map[K, V]) First(limit int) []V {
	values := make([]V, 0, min(limit, len(m.byKey)))
	for _, value := range m.All() {
		if len(values) >= limit {
			break
		}
		values = append(values, value)
	}
	return values
}

// All ranges over the keys and their values in order. The loop may set the key that it is at, and delete none.
func (m *Map[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		if m.list == nil {
			return
		}
		for at := m.list.Front(); at != nil; at = at.Next() {
			i := at.Value.(item[K, V])
			if !yield(i.key, i.value) {
				return
			}
		}
	}
}
