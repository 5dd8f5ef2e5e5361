#!/bin/sh
# Installs Prometheus and promtool on a Debian machine that has none, to test deploy/alerts.yml and deploy/grafana-dashboard.json.
# RUNLEVEL=1 keeps the package from starting it as a service. It asks nothing, needs root, and does nothing the second time.
set -eu

if [ ! -x "$(command -v prometheus)" ] || [ ! -x "$(command -v promtool)" ]; then
  export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
  apt-get -qq update
  apt-get -qq -o Dpkg::Use-Pty=0 install --yes --no-install-recommends prometheus >/dev/null
fi
