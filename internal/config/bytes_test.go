package config

import "testing"

func TestMemorySetting(t *testing.T) {
	for text, want := range map[string]Bytes{"67108864": 64 << 20, "64MiB": 64 << 20, "1GiB": 1 << 30, "8192 KiB": 8 << 20, "0": 0} {
		c, err := Parse([]string{"-memory", text})
		if err != nil || c.Memory != want {
			t.Errorf("%s: %d bytes, %v", text, c.Memory, err)
		}
	}
	for _, text := range []string{"64M", "1.5GiB", "-1", "7MiB", "9999999999GiB", "GiB"} {
		if _, err := Parse([]string{"-memory", text}); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}
