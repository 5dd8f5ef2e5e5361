package main

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
)

// healthTimeout is how long healthcheck waits for an answer.
const healthTimeout = 3 * time.Second

// healthCommand asks the server that runs on this machine with the same settings whether it is ready, for whoever has
// nothing else to ask with, such as a container without a shell. It fails where the server is not.
func healthCommand(ctx context.Context, args []string, stdout io.Writer) error {
	c, err := parseConfig(args)
	if errors.Is(err, flag.ErrHelp) {
		return printCommandHelp(stdout, "healthcheck", nil)
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	url, client := c.probe()
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
	_, err = stdout.Write(said)
	return err
}

// probe returns where the server of these settings says whether it is ready, and a client that asks there.
func (c config) probe() (url string, client *http.Client) {
	host, port, err := net.SplitHostPort(c.addr)
	if err != nil || net.ParseIP(host) != nil && net.ParseIP(host).IsUnspecified() || host == "" {
		host = "127.0.0.1"
	}
	scheme, transport := "http", &http.Transport{DisableKeepAlives: true}
	if c.tlsCert != "" || c.domain != "" {
		scheme = "https"
		// The certificate is for what others call the server; that this machine's own address answers is what counts.
		transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
		if domains := list(c.domain); len(domains) > 0 {
			transport.TLSClientConfig.ServerName = domains[0]
		}
	}
	return scheme + "://" + net.JoinHostPort(host, port) + "/readyz", &http.Client{Transport: transport}
}
