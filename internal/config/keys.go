package config

import (
	"flag"
	"fmt"
	"strings"

	"chattok/token/jwks"
)

// TokenKeys name the public keys of session tokens that others sign.
type TokenKeys struct {
	Source string // a file, or a URL; no keys where empty
	Issuer string // iss of their tokens; any where empty
}

func (k *TokenKeys) flags(f *flag.FlagSet) {
	f.StringVar(&k.Source, "token-keys", "", "`file` or HTTPS address of a JSON Web Key Set with the public keys (RS256, ES256, EdDSA) that session tokens may be signed with too; read again when it changes")
	f.StringVar(&k.Issuer, "token-issuer", "", "`iss` that such tokens must have; needed where -token-keys is an address")
}

func (k *TokenKeys) validate() error {
	switch {
	case k.Source == "" && k.Issuer != "":
		return fmt.Errorf("%w: -token-issuer is of the tokens under -token-keys, which is not set", ErrUsage)
	case k.Source == "":
		return nil
	case k.Issuer != strings.TrimSpace(k.Issuer):
		return fmt.Errorf("%w: -token-issuer must not begin or end with a space", ErrUsage)
	}
	if err := jwks.Validate(k.Source); err != nil {
		return fmt.Errorf("%w: -token-keys %w", ErrUsage, err)
	}
	if jwks.IsURL(k.Source) && k.Issuer == "" {
		return fmt.Errorf("%w: -token-keys with an address needs -token-issuer: its server may sign for others too", ErrUsage)
	}
	return nil
}
