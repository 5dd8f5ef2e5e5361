package web

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

var frameHost = regexp.MustCompile(`^(?:\*\.)?[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*$|^\[[0-9a-fA-F:]+\]$`)

// ParseFrameAncestors parses the origins that may show the page in a frame, separated by commas, such as https://example.com
// or https://*.example.com. "self" is the server's own origin. The result contains source expressions for a
// Content-Security-Policy (CSP level 3, section 2.3.1; a scheme is required, a path is not allowed) and is empty for an
// empty text.
func ParseFrameAncestors(text string) ([]string, error) {
	var sources []string
	for source := range strings.SplitSeq(text, ",") {
		if source = strings.TrimSpace(source); source == "" {
			continue
		}
		if source == "self" {
			sources = append(sources, "'self'")
			continue
		}
		u, err := url.Parse(source)
		switch {
		case err != nil, u.Scheme != "https" && u.Scheme != "http", u.Host == "":
			return nil, fmt.Errorf("%q is no origin, such as https://example.com", source)
		case u.User != nil, u.Path != "" && u.Path != "/", u.RawQuery != "", u.Fragment != "", strings.ContainsAny(source, "?#"):
			return nil, fmt.Errorf("%q is more than an origin: leave out what follows the host", source)
		}
		host := u.Hostname()
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		if !frameHost.MatchString(host) {
			return nil, fmt.Errorf("%q has no host that may stand in a policy; write an international name in its ASCII form", source)
		}
		sources = append(sources, strings.ToLower(u.Scheme+"://"+u.Host))
	}
	return sources, nil
}

// framed returns the policy with frame-ancestors set to sources.
func framed(policy string, sources []string) string {
	return strings.Replace(policy, "frame-ancestors 'none'", "frame-ancestors "+strings.Join(sources, " "), 1)
}
