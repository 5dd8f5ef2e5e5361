#!/bin/sh
# Installs PostgreSQL's server programs on a Debian machine that has none. The tests start servers of their own, so the package is
# told to make no cluster. It asks no questions, needs root to install, and does nothing the second time.
set -eu

for bin in "${CHATTOK_POSTGRES_BIN:-}" /usr/lib/postgresql/*/bin /usr/local/pgsql/bin $(echo "$PATH" | tr ':' ' '); do
  if [ -x "$bin/initdb" ] && [ -x "$bin/postgres" ]; then
    exit 0
  fi
done

export DEBIAN_FRONTEND=noninteractive
mkdir -p /etc/postgresql-common/createcluster.d
echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/chattok.conf
apt-get -qq update
apt-get -qq -o Dpkg::Use-Pty=0 install --yes --no-install-recommends postgresql >/dev/null
