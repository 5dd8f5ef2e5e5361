package command

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"chattok/internal/config"
)

// healthTimeout is the time for the server to answer healthcheck.
const healthTimeout = 3 * time.Second

// healthcheck asks the server that runs on this machine with the same settings whether it is ready, and fails where it is not. It
// is for containers, which have no shell and no curl to ask with.
func (p Program) healthcheck(ctx context.Context, args []string) error {
	c, err := config.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return printCommandHelp(p.Stdout, "healthcheck", nil)
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	url, client := probe(c)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("the server does not answer: %w", err)
	}
	defer response.Body.Close()
	said, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	if err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the server is not ready: %s: %s", response.Status, strings.TrimSpace(string(said)))
	}
	_, err = p.Stdout.Write(said)
	return err
}

// probe returns the URL under which a server with these settings says whether it is ready, and a client to ask with.
func probe(c config.Config) (url string, client *http.Client) {
	host, port, err := net.SplitHostPort(c.Addr)
	if err != nil || net.ParseIP(host) != nil && net.ParseIP(host).IsUnspecified() || host == "" {
		host = "127.0.0.1"
	}
	scheme, transport := "http", &http.Transport{DisableKeepAlives: true}
	if c.TLSCert != "" || c.Domain != "" {
		scheme = "https"
		// The certificate is for the server's public names. The question here is only whether this machine's own address answers.
		transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
		if domains := config.List(c.Domain); len(domains) > 0 {
			transport.TLSClientConfig.ServerName = domains[0]
		}
	}
	return scheme + "://" + net.JoinHostPort(host, port) + "/readyz", &http.Client{Transport: transport}
}
