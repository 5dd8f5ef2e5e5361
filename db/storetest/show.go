package storetest

import "encoding/json"

// show writes a value as text, with the values that its pointers lead to.
func show(v any) string {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(b)
}
