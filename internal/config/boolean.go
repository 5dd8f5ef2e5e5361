package config

import (
	"errors"
	"flag"
	"strconv"
)

// BoolVar adds a flag that is true or false, and says so where it is neither. Package flag's own says "parse error".
func BoolVar(f *flag.FlagSet, p *bool, name string, value bool, usage string) {
	*p = value
	f.Var((*boolean)(p), name, usage)
}

// boolean is a flag.Value.
type boolean bool

// Set implements flag.Value.
func (b *boolean) Set(text string) error {
	parsed, err := strconv.ParseBool(text)
	if err != nil {
		return errors.New("it must be true or false")
	}
	*b = boolean(parsed)
	return nil
}

// String implements flag.Value.
func (b *boolean) String() string { return strconv.FormatBool(bool(*b)) }

// IsBoolFlag lets the flag stand without a value, for true.
func (b *boolean) IsBoolFlag() bool { return true }
