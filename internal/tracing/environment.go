package tracing

import (
	"fmt"
	"strconv"
	"strings"
)

// environment is what the variables say that the exporter and the SDK do not read themselves.
type environment struct {
	off     bool
	sampler sampler
}

// readEnvironment reads the variables. Errors: one that can't be understood.
func readEnvironment(getenv func(string) string) (e environment, err error) {
	value := func(name string) string { return strings.ToLower(strings.TrimSpace(getenv(name))) }
	if value("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && value("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" || value("OTEL_SDK_DISABLED") == "true" ||
		value("OTEL_TRACES_EXPORTER") == "none" {
		return environment{off: true}, nil
	}
	if name := value("OTEL_TRACES_EXPORTER"); name != "" && name != "otlp" {
		return e, fmt.Errorf("OTEL_TRACES_EXPORTER must be otlp or none, but is %q", name)
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		if protocol := value(name); protocol != "" {
			if protocol != "http/protobuf" {
				return e, fmt.Errorf("%s must be http/protobuf, but is %q; collectors take that at port 4318", name, protocol)
			}
			break
		}
	}
	e.sampler, err = readSampler(value("OTEL_TRACES_SAMPLER"), value("OTEL_TRACES_SAMPLER_ARG"))
	return e, err
}

// readSampler reads the sampler that two variables name.
func readSampler(name, argument string) (s sampler, err error) {
	s.ratio = 1
	rest, parents := strings.CutPrefix(name, "parentbased_")
	s.parents = parents || name == ""
	switch rest {
	case "", "always_on":
	case "always_off":
		s.ratio = 0
	case "traceidratio":
		if argument == "" {
			break
		}
		if s.ratio, err = strconv.ParseFloat(argument, 64); err != nil || !(s.ratio >= 0 && s.ratio <= 1) {
			return s, fmt.Errorf("OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1, but is %q", argument)
		}
	default:
		return s, fmt.Errorf("OTEL_TRACES_SAMPLER must be one of always_on, always_off and traceidratio, also with parentbased_ before it, but is %q", name)
	}
	return s, nil
}
