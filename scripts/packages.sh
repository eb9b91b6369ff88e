#!/bin/sh
# Install Debian packages as root, patiently: scripts/packages.sh PACKAGE...
# Anybody else, and any other system, is told what is missing; the exit status says whether all is there.
set -eu

missing=
for package in "$@"; do
    if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" != installed ]; then
        missing="$missing $package"
    fi
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "Not installed:$missing (sudo apt-get install$missing)" >&2
    exit 1
fi

export DEBIAN_FRONTEND=noninteractive
for pause in 0 5 20; do
    sleep "$pause"
    # shellcheck disable=SC2086  # one word a package
    if apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing >/dev/null; then
        exit 0
    fi
done
echo "apt-get could not install:$missing" >&2
exit 1
