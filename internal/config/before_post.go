package config

import (
	"flag"
	"fmt"
	"os"

	"chattok/beforepost"
	"chattok/internal/webhooksign"
)

// BeforePostSecretVariable names the environment variable of the secret that signs questions before posts. There is no such flag, as
// for the API secret.
const BeforePostSecretVariable = "CHATTOK_BEFORE_POST_SECRET"

// BeforePost says which backend is asked before a post is stored.
type BeforePost struct {
	URL         string // none is asked where it is empty
	AllowFailed bool   // a post about which there is no verdict is stored
	Secrets     webhooksign.Secrets

	failure string // of AllowFailed, as it was written
	secret  string // of Secrets, as BeforePostSecretVariable has it
}

func (b *BeforePost) flags(f *flag.FlagSet) {
	f.StringVar(&b.URL, "before-post", "", "`url` of a backend that is asked before an entry, an edit, a reaction or a name is stored: https://…, or http://… on this machine; questions are signed with the secret in "+BeforePostSecretVariable)
	f.StringVar(&b.failure, "before-post-failure", "refuse", "`outcome` for a post about which the backend gives no verdict within 2 s: refuse or allow")
}

// read reads the secret from the environment.
func (b *BeforePost) read() { b.secret = os.Getenv(BeforePostSecretVariable) }

// validate reads the settings into the fields.
func (b *BeforePost) validate() (err error) {
	switch b.failure {
	case "refuse", "allow":
		b.AllowFailed = b.failure == "allow"
	default:
		return fmt.Errorf("%w: -before-post-failure must be refuse or allow", ErrUsage)
	}
	switch {
	case b.URL == "" && b.secret != "":
		return fmt.Errorf("%w: %s needs -before-post", ErrUsage, BeforePostSecretVariable)
	case b.URL == "":
		return nil
	case b.secret == "":
		return fmt.Errorf("%w: -before-post needs a secret in %s, such as the output of: echo whsec_$(openssl rand -base64 32)", ErrUsage, BeforePostSecretVariable)
	}
	if err := beforepost.ValidURL(b.URL); err != nil {
		return fmt.Errorf("%w: -before-post %w", ErrUsage, err)
	}
	if b.Secrets, err = webhooksign.ParseSecrets(b.secret); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrUsage, BeforePostSecretVariable, err)
	}
	return nil
}
