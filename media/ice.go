package media

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/pion/stun/v4"

	"chattok/session"
)

// outsideLifetime is how long credentials for outside servers are valid.
const outsideLifetime = 12 * time.Hour

// Outside names ICE servers that others run.
type Outside struct {
	servers []outsideServer
	now     func() time.Time
}

var _ session.ICE = (*Outside)(nil)

// outsideServer is an RTCIceServer. With a secret, which is shared with that server, each connection gets credentials of
// its own.
type outsideServer struct {
	URLs       urls    `json:"urls"`
	Username   *string `json:"username"`
	Credential *string `json:"credential"`
	Secret     string  `json:"secret"`
}

// urls is a list that JSON may give as a single string, as RTCIceServer allows.
type urls []string

func (u *urls) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*u = urls{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(u))
}

// ParseOutside reads a list of servers: a JSON array of RTCIceServer, in which secret may stand in the place of username
// and credential (the TURN REST scheme, as coturn's use-auth-secret has it), or URIs separated by commas. Errors: faults in
// the text, without its secrets.
func ParseOutside(text string) (*Outside, error) {
	o := &Outside{now: time.Now}
	if text = strings.TrimSpace(text); !strings.HasPrefix(text, "[") {
		var all urls
		for one := range strings.SplitSeq(text, ",") {
			if one = strings.TrimSpace(one); one != "" {
				all = append(all, one)
			}
		}
		o.servers = []outsideServer{{URLs: all}}
	} else {
		decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&o.servers); err != nil {
			return nil, fmt.Errorf("not a JSON array of RTCIceServer: %w", err)
		}
		if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
			return nil, errors.New("there is something behind the JSON array")
		}
	}
	for i, server := range o.servers {
		if err := server.validate(); err != nil {
			return nil, fmt.Errorf("server %d: %w", i+1, err)
		}
	}
	return o, nil
}

func (s outsideServer) validate() error {
	if len(s.URLs) == 0 {
		return errors.New("it has no urls")
	}
	known := s.Username != nil && s.Credential != nil
	if s.Secret != "" && (s.Username != nil || s.Credential != nil) {
		return errors.New("secret stands in the place of username and credential, not beside them")
	}
	for _, text := range s.URLs {
		uri, err := stun.ParseURI(text)
		if err != nil {
			return fmt.Errorf("%q is not a stun:, stuns:, turn: or turns: URI: %w", text, err)
		}
		if relays := uri.Scheme == stun.SchemeTypeTURN || uri.Scheme == stun.SchemeTypeTURNS; relays && !known && s.Secret == "" {
			return fmt.Errorf("%q needs a username and a credential, or a secret", text)
		}
	}
	return nil
}

// Servers implements session.ICE.
func (o *Outside) Servers(c *session.Connection) []*session.ICEServer {
	servers := make([]*session.ICEServer, len(o.servers))
	for i, s := range o.servers {
		servers[i] = &session.ICEServer{URLs: s.URLs, Username: s.Username, Credential: s.Credential}
		if s.Secret != "" {
			expiresAt := o.now().Add(outsideLifetime).UTC().Truncate(time.Second)
			username, password := credentials{key: []byte(s.Secret)}.make(c.ID, expiresAt)
			servers[i].Username, servers[i].Credential, servers[i].ExpiresAt = &username, &password, &expiresAt
		}
	}
	return servers
}
