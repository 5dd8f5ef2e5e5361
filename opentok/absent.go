package opentok

import "slices"

// missing says, for each part of OpenTok's REST API that is not here, why that is.
var missing = map[string]string{
	"archive":   "sessions are not recorded by this server; a participant's MediaRecorder can record what it receives",
	"broadcast": "sessions are not broadcast by this server",
	"captions":  "there are no live captions on this server",
	"render":    "no page is rendered by this server (Experience Composer)",
	"dial":      "there is no telephony (SIP) on this server",
	"call":      "there is no telephony (SIP) on this server",
	"play-dtmf": "there is no telephony (SIP) on this server",
	"connect":   "audio is not sent to WebSockets by this server (Audio Connector)",
	"callback":  "events are sent by webhooks of this server's own: use createWebhook by GraphQL, or CHATTOK_WEBHOOK",
}

// absent returns the sentence for a path that is not here; empty for every other.
func absent(parts []string) string {
	if parts[0] != "session" {
		return missing[parts[0]]
	}
	if slices.Contains(parts, "play-dtmf") && len(parts) > 2 {
		return missing["play-dtmf"]
	}
	return ""
}
