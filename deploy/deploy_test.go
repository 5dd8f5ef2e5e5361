package deploy

import (
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"chattok/internal/config"
)

// composeFile holds the parts of compose.yaml that are checked. The tests need no Docker.
type composeFile struct {
	Services map[string]struct {
		Build       string
		Image       string
		Environment map[string]string
		DependsOn   any `yaml:"depends_on"`
		Volumes     []string
	}
	Volumes map[string]any
}

// TestCompose: compose.yaml is valid YAML, has three nodes, and names only settings, services and files that exist.
func TestCompose(t *testing.T) {
	text, err := os.ReadFile("compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file composeFile
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	settings := []string{config.SecretVariable, "PGPASSWORD"}
	new(config.Config).Flags().VisitAll(func(f *flag.Flag) { settings = append(settings, config.Variable(f.Name)) })
	for _, name := range []string{"node1", "node2", "node3"} {
		node := file.Services[name]
		if node.Build != ".." || len(node.Environment) == 0 {
			t.Errorf("%s is %+v", name, node)
		}
		for variable := range node.Environment {
			if !slices.Contains(settings, variable) {
				t.Errorf("%s sets %s, which there is not", name, variable)
			}
		}
	}
	for name, service := range file.Services {
		if (service.Build == "") == (service.Image == "") {
			t.Errorf("%s needs either build or image", name)
		}
		for _, other := range names(service.DependsOn) {
			if _, ok := file.Services[other]; !ok {
				t.Errorf("%s depends on %s, which there is not", name, other)
			}
		}
		for _, volume := range service.Volumes {
			source, _, _ := strings.Cut(volume, ":")
			if path, local := strings.CutPrefix(source, "./"); local {
				if _, err := os.Stat(path); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			} else if _, ok := file.Volumes[source]; !ok {
				t.Errorf("%s uses volume %s, which there is not", name, source)
			}
		}
	}
	caddy := file.Services["caddy"].Environment["CHATTOK_NODES"]
	if caddy != "node1:8080 node2:8080 node3:8080" {
		t.Errorf("Caddy's nodes are %q", caddy)
	}
}

// names returns a list's items, or a map's keys.
func names(of any) (found []string) {
	switch of := of.(type) {
	case []any:
		for _, name := range of {
			found = append(found, name.(string))
		}
	case map[string]any:
		for name := range of {
			found = append(found, name)
		}
	}
	return found
}

// TestDockerfile: the image has the Go version that go.mod asks for, and the linker sets a variable that exists.
func TestDockerfile(t *testing.T) {
	read := func(name string) string {
		t.Helper()
		text, err := os.ReadFile("../" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	image := read("Dockerfile")
	wanted := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read("go.mod"))
	if wanted == nil || !strings.Contains(image, "FROM golang:"+wanted[1]+" ") {
		t.Errorf("go.mod asks for Go %v, and the image has another", wanted)
	}
	if !strings.Contains(image, "-X main.release=") || !strings.Contains(read("server.go"), "\nvar release string\n") {
		t.Error("the linker's variable is another one than the program's")
	}
}
