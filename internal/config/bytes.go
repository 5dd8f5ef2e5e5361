package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bytes is a setting: a number of bytes, written 67108864, 64MiB or 1GiB.
type Bytes int64

var byteUnits = []struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}, {"", 1}}

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *Bytes) UnmarshalText(text []byte) error {
	for _, unit := range byteUnits {
		digits, ok := strings.CutSuffix(string(text), unit.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 0 || n > math.MaxInt64/unit.bytes {
			break
		}
		*b = Bytes(n * unit.bytes)
		return nil
	}
	return fmt.Errorf("%q is no size such as 64MiB or 1GiB", text)
}

// MarshalText implements encoding.TextMarshaler. The unit is the largest that divides the size.
func (b Bytes) MarshalText() ([]byte, error) {
	for _, unit := range byteUnits[:3] {
		if b != 0 && int64(b)%unit.bytes == 0 {
			return fmt.Appendf(nil, "%d%s", int64(b)/unit.bytes, unit.name), nil
		}
	}
	return fmt.Appendf(nil, "%d", int64(b)), nil
}
