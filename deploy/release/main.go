// Command release builds the archives of a release: the program for Linux, macOS and Windows on amd64 and arm64, with
// licence, readme and changelog, their SHA-256 sums and a CycloneDX bill of materials. The same commit gives the same
// bytes, wherever and whenever it is built with the same Go. `make release` runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// platforms lists the systems that a release is built for.
var platforms = []platform{
	{"linux", "amd64"}, {"linux", "arm64"},
	{"darwin", "amd64"}, {"darwin", "arm64"},
	{"windows", "amd64"}, {"windows", "arm64"},
}

// documents are the files that every archive carries beside the program.
var documents = []string{"LICENSE", "README.md", "CHANGELOG.md"}

type platform struct{ os, arch string }

func (p platform) program() string {
	if p.os == "windows" {
		return "chattok.exe"
	}
	return "chattok"
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// run is the whole program.
func run(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("release", flag.ContinueOnError)
	out := f.String("out", "dist", "`folder` for the archives; it is emptied first")
	sbom := f.String("cyclonedx", "bin/cyclonedx-gomod", "`file` of the program cyclonedx-gomod")
	if err := f.Parse(args); err != nil {
		return err
	}
	version, err := os.ReadFile("VERSION")
	if err != nil {
		return err
	}
	committed, err := commitTime(ctx)
	if err != nil {
		return err
	}
	if err := errors.Join(os.RemoveAll(*out), os.MkdirAll(*out, 0o755)); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "chattok-release")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	r := release{version: strings.TrimSpace(string(version)), committed: committed, out: *out, work: work}
	for _, p := range platforms {
		if err := r.build(ctx, p); err != nil {
			return fmt.Errorf("%s/%s: %w", p.os, p.arch, err)
		}
	}
	if err := r.materials(ctx, *sbom); err != nil {
		return fmt.Errorf("bill of materials: %w", err)
	}
	return writeSums(*out)
}

// release is one run's settings.
type release struct {
	version   string
	committed time.Time // of the commit; every file in an archive has this time
	out, work string
}

// build makes one platform's archive.
func (r *release) build(ctx context.Context, p platform) error {
	program := filepath.Join(r.work, p.os+"-"+p.arch, p.program())
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -buildid= -X main.release="+r.version, "-o", program, ".")
	build.Env = append(os.Environ(), "GOOS="+p.os, "GOARCH="+p.arch, "CGO_ENABLED=0", "GOFLAGS=")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return err
	}
	name := fmt.Sprintf("chattok-%s-%s-%s", r.version, p.os, p.arch)
	files := []file{{from: program, name: name + "/" + p.program(), mode: 0o755}}
	for _, document := range documents {
		files = append(files, file{from: document, name: name + "/" + document, mode: 0o644})
	}
	if p.os == "windows" {
		return writeZip(filepath.Join(r.out, name+".zip"), files, r.committed)
	}
	return writeTar(filepath.Join(r.out, name+".tar.gz"), files, r.committed)
}

// materials writes the program's bill of materials.
func (r *release) materials(ctx context.Context, program string) error {
	name := filepath.Join(r.out, fmt.Sprintf("chattok-%s.cdx.json", r.version))
	cmd := exec.CommandContext(ctx, program, "app", "-json", "-noserial", "-licenses", "-main", ".", "-output", name, ".")
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0",
		"SOURCE_DATE_EPOCH="+strconv.FormatInt(r.committed.Unix(), 10))
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, text)
	}
	return fixMaterials(name, r.version, r.committed)
}

// commitTime returns the time of the commit that is built.
func commitTime(ctx context.Context) (time.Time, error) {
	text, err := output(ctx, "git", "log", "-1", "--format=%ct")
	if err != nil {
		return time.Time{}, fmt.Errorf("ask git for the commit's time: %w", err)
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	return time.Unix(seconds, 0).UTC(), err
}

func output(ctx context.Context, name string, args ...string) (string, error) {
	text, err := exec.CommandContext(ctx, name, args...).Output()
	return strings.TrimSpace(string(text)), err
}
