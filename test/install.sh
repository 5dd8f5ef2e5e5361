#!/bin/sh
# Gets what the tests of this folder need on a Debian machine: chromium, firefox, nginx, caddy, systemd's check of units, Python's
# GraphQL, aiohttp and websockets where there are none, and the Node packages where they are older than the lock file. It asks nothing, needs root for Debian's
# packages only, and does nothing the second time.
set -eu
cd "$(dirname "$0")"

if [ ! -x "${CHATTOK_CHROMIUM:-/usr/bin/chromium}" ]; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update
  apt-get -qq -o Dpkg::Use-Pty=0 install --yes --no-install-recommends chromium fonts-liberation >/dev/null
fi

# A second browser, for the meeting of two.
if [ ! -x "${CHATTOK_FIREFOX:-/usr/bin/firefox-esr}" ]; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update
  apt-get -qq -o Dpkg::Use-Pty=0 install --yes --no-install-recommends firefox-esr >/dev/null
fi

# Python's GraphQL, which its tools stand on.
if ! python3 -c 'import graphql' 2>/dev/null && ! /usr/bin/python3 -c 'import graphql' 2>/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update
  apt-get -qq -o Dpkg::Use-Pty=0 install --yes --no-install-recommends python3-graphql-core >/dev/null
fi

# The proxies whose settings are in deploy/. RUNLEVEL=1 keeps the packages from starting them as services.
if [ ! -x /usr/sbin/nginx ] || [ ! -x /usr/bin/caddy ]; then
  export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
  apt-get -qq update
  apt-get -qq -o Dpkg::Use-Pty=0 install --yes --no-install-recommends nginx-light caddy >/dev/null
fi

# Clients in Python.
if ! /usr/bin/python3 -c 'import aiohttp, websockets' 2>/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update
  apt-get -qq -o Dpkg::Use-Pty=0 install --yes --no-install-recommends python3-aiohttp python3-websockets >/dev/null
fi

# What checks the unit in deploy/.
if [ ! -x /usr/bin/systemd-analyze ]; then
  export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
  apt-get -qq update
  apt-get -qq -o Dpkg::Use-Pty=0 install --yes --no-install-recommends systemd >/dev/null
fi

./install-prometheus.sh

for folder in . opentok-pages ../web/playground ../web/sdk ../web/app ../web/admin ../web/opentok ../web/examples/apollo; do
  # npm writes its own record of what it installed last of all, so a broken installation counts as none.
  if [ ! "$folder/node_modules/.package-lock.json" -nt "$folder/package-lock.json" ]; then
    (cd "$folder" && npm ci --silent)
  fi
done
