package edge

import (
	"net/http/httptest"
	"testing"
)

func TestClient(t *testing.T) {
	proxies, err := ParseProxies([]string{"127.0.0.1", "10.0.0.0/8", "fd00::/8", "::ffff:192.0.2.0/120"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, remote string
		forwarded    []string
		want         string
	}{
		{"no proxy", "198.51.100.7:1234", nil, "198.51.100.7"},
		{"a claim by nobody's proxy", "198.51.100.7:1234", []string{"203.0.113.1"}, "198.51.100.7"},
		{"one proxy", "10.1.2.3:1234", []string{"203.0.113.1"}, "203.0.113.1"},
		{"a claim before the proxy's word", "10.1.2.3:1234", []string{"1.1.1.1, 203.0.113.1"}, "203.0.113.1"},
		{"two proxies", "10.1.2.3:1234", []string{"1.1.1.1, 203.0.113.1, 10.9.9.9"}, "203.0.113.1"},
		{"two headers", "10.1.2.3:1234", []string{"1.1.1.1", "203.0.113.1"}, "203.0.113.1"},
		{"all trusted", "10.1.2.3:1234", []string{"10.7.7.7, 10.9.9.9"}, "10.7.7.7"},
		{"nothing forwarded", "10.1.2.3:1234", nil, "10.1.2.3"},
		{"nonsense", "10.1.2.3:1234", []string{"203.0.113.1, unknown"}, "10.1.2.3"},
		{"with a port", "10.1.2.3:1234", []string{"203.0.113.1:555"}, "203.0.113.1"},
		{"IPv6 with a port", "[fd00::1]:1234", []string{"[2001:db8::5]:555"}, "2001:db8::5"},
		{"IPv6 in brackets", "[fd00::1]:1234", []string{"[2001:db8::5]"}, "2001:db8::5"},
		{"IPv4 in IPv6", "[::ffff:10.1.2.3]:1234", []string{"::ffff:203.0.113.1"}, "203.0.113.1"},
		{"a network of IPv4 in IPv6", "192.0.2.9:1234", []string{"203.0.113.1"}, "203.0.113.1"},
		{"a Unix socket", "@", []string{"203.0.113.1"}, "invalid IP"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/graphql", nil)
			r.RemoteAddr = c.remote
			r.Header["X-Forwarded-For"] = c.forwarded
			got, unbelieved := proxies.Client(r)
			if got.String() != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			if unbelieved != (c.name == "a claim by nobody's proxy") {
				t.Errorf("unbelieved: %t", unbelieved)
			}
		})
	}
	for _, entry := range []string{"proxy.example", "10.0.0.0/33", "fe80::1%eth0", ""} {
		if _, err := ParseProxies([]string{entry}); err == nil {
			t.Errorf("%q was taken", entry)
		}
	}
}
