package session

import "container/list"

// ordered is a map that remembers the order in which its keys came. Its zero value is empty. A copy of one that is not
// is the same map.
type ordered[V any] struct {
	list *list.List // of item[V]; nil as long as nothing was put
	byID map[string]*list.Element
}

type item[V any] struct {
	id    string
	value V
}

func (o *ordered[V]) len() int { return len(o.byID) }

func (o *ordered[V]) get(id string) (value V, ok bool) {
	at, ok := o.byID[id]
	if ok {
		value = at.Value.(item[V]).value
	}
	return value, ok
}

// put sets the value of an id, which keeps its place where it has one, and else comes last.
func (o *ordered[V]) put(id string, value V) {
	if at, ok := o.byID[id]; ok {
		at.Value = item[V]{id, value}
		return
	}
	if o.list == nil {
		o.list, o.byID = list.New(), make(map[string]*list.Element)
	}
	o.byID[id] = o.list.PushBack(item[V]{id, value})
}

// remove returns what was there.
func (o *ordered[V]) remove(id string) (value V, ok bool) {
	at, ok := o.byID[id]
	if ok {
		value = o.list.Remove(at).(item[V]).value
		delete(o.byID, id)
	}
	return value, ok
}

// first returns the values that came first, limit at most.
func (o *ordered[V]) first(limit int) []V {
	values := make([]V, 0, min(limit, len(o.byID)))
	for at := o.front(); at != nil && len(values) < limit; at = at.Next() {
		values = append(values, at.Value.(item[V]).value)
	}
	return values
}

// all calls f for each value in order. f may change the value of the id that it is called for.
func (o *ordered[V]) all(f func(id string, value V)) {
	for at := o.front(); at != nil; at = at.Next() {
		i := at.Value.(item[V])
		f(i.id, i.value)
	}
}

func (o *ordered[V]) front() *list.Element {
	if o.list == nil {
		return nil
	}
	return o.list.Front()
}
