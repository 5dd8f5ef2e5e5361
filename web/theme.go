package web

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Theme changes the page's look: it sets some of the style sheet variables that ThemeNames lists. The zero value changes
// nothing. Only ParseTheme may create others, since it validates the values that go into a style sheet.
type Theme struct {
	light, dark []themeValue
}

type themeValue struct{ name, value string }

// themeVariables maps the variables of a theme to their syntax and to the declarations derived from them.
var themeVariables = map[string]struct {
	pattern *regexp.Regexp
	kind    string
	derived string // declarations; %[1]s stands for the value
}{
	"accent": {colour, "a colour", "--accent-strong:color-mix(in oklab,%[1]s 84%%,var(--text));" +
		"--accent-soft:color-mix(in oklab,%[1]s 16%%,var(--surface));--accent-line:color-mix(in oklab,%[1]s 45%%,var(--surface));"},
	"on-accent": {colour, "a colour", ""},
	"ground":    {colour, "a colour", ""},
	"stage":     {colour, "a colour", ""},
	"surface":   {colour, "a colour", "--raised:%[1]s;"},
	"text":      {colour, "a colour", ""},
	"quiet":     {colour, "a colour", ""},
	"radius":    {length, "a length", "--radius-l:%[1]s;--radius-m:calc(%[1]s * 0.64);--radius-s:calc(%[1]s * 0.36);"},
}

var (
	colour = regexp.MustCompile(`^#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})$`)
	length = regexp.MustCompile(`^(?:0|[0-9]{1,2}(?:\.[0-9]{1,2})?(?:px|rem))$`)
)

// ThemeNames returns the variables that a theme may set, sorted.
func ThemeNames() []string {
	var names []string
	for name := range themeVariables {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// ParseTheme parses a comma-separated list of name=value, such as "accent=#1d4ed8/#93c5fd,radius=0.5rem". A value applies to
// the light colour scheme, a second one after a slash to the dark scheme. Without the second, the dark scheme keeps its
// default.
func ParseTheme(text string) (Theme, error) {
	var theme Theme
	for pair := range strings.SplitSeq(text, ",") {
		if pair = strings.TrimSpace(pair); pair == "" {
			continue
		}
		name, values, found := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		variable, known := themeVariables[name]
		if !found || !known {
			return Theme{}, fmt.Errorf("%q is none of %s, each with = and its value", pair, strings.Join(ThemeNames(), ", "))
		}
		light, dark, both := strings.Cut(values, "/")
		schemes := []struct {
			value string
			list  *[]themeValue
		}{{light, &theme.light}, {dark, &theme.dark}}
		if !both {
			schemes = schemes[:1]
		}
		for _, scheme := range schemes {
			value := strings.TrimSpace(scheme.value)
			if !variable.pattern.MatchString(value) {
				return Theme{}, fmt.Errorf("%s is %s, such as %s, not %q", name, variable.kind, example(variable.kind), value)
			}
			if slices.ContainsFunc(*scheme.list, func(v themeValue) bool { return v.name == name }) {
				return Theme{}, fmt.Errorf("%s is set twice", name)
			}
			*scheme.list = append(*scheme.list, themeValue{name, value})
		}
	}
	return theme, nil
}

func example(kind string) string {
	if kind == "a length" {
		return "12px or 0.75rem"
	}
	return "#0b6a5d"
}

func (t Theme) empty() bool { return len(t.light) == 0 && len(t.dark) == 0 }

// sheet returns the theme as a style sheet, to be loaded after the page's own.
func (t Theme) sheet() string {
	var b strings.Builder
	write := func(list []themeValue) {
		for _, v := range list {
			fmt.Fprintf(&b, "--%s:%s;", v.name, v.value)
			if derived := themeVariables[v.name].derived; derived != "" {
				fmt.Fprintf(&b, derived, v.value)
			}
		}
	}
	if len(t.light) > 0 {
		// A radius applies to both schemes, a colour only to the light one.
		b.WriteString("@media not (prefers-color-scheme:dark){:root{")
		write(t.light)
		b.WriteString("}}")
		if at := slices.IndexFunc(t.light, func(v themeValue) bool { return v.name == "radius" }); at >= 0 {
			b.WriteString(":root{")
			write(t.light[at : at+1])
			b.WriteString("}")
		}
	}
	if len(t.dark) > 0 {
		b.WriteString("@media (prefers-color-scheme:dark){:root{")
		write(t.dark)
		b.WriteString("}}")
	}
	return b.String()
}
