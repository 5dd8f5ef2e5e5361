package storetest

import "encoding/json"

// show makes a value readable, behind its pointers too.
func show(v any) string {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(b)
}
