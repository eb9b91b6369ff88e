#!/bin/sh
# Make .venv and fill it from a hash-locked file: scripts/venv.sh requirements.txt
# PYTHON names the interpreter; without it the first one of 3.11 or later is taken.
set -eu
cd "$(dirname "$0")/.."
lock=$1

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if is_new_enough "$candidate"; then
            python=$candidate
            return
        fi
    done
    fail "ccflare needs Python 3.11 or later${PYTHON:+, and $PYTHON is not}." \
        "On Debian 12 or later: apt-get install python3 python3-venv" \
        "Elsewhere, name one: make run PYTHON=/path/to/python3.11"
}

has_pip() {
    "$python" -m pip --python .venv/bin/python --version >/dev/null 2>&1
}

# Debian leaves ensurepip out of python3. A pip of the system can fill the environment just as well; without one,
# root gets the missing package installed, anybody else is told its name.
make_environment() {
    rm -rf .venv
    if output=$("$python" -m venv .venv 2>&1); then
        return
    fi
    rm -rf .venv
    if "$python" -m venv --without-pip .venv >/dev/null 2>&1 && has_pip; then
        return
    fi
    rm -rf .venv
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "This Python cannot make virtual environments yet: installing Debian's $package."
        scripts/packages.sh "$package" || true
        if "$python" -m venv .venv; then
            return
        fi
        rm -rf .venv
    fi
    fail "$output" "" "This Python cannot make virtual environments. On Debian or Ubuntu: sudo apt-get install $package"
}

if ! is_new_enough .venv/bin/python; then
    find_python
    echo "Making .venv with $("$python" --version)."
    make_environment
fi

echo "Installing $lock."
set -- install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: -r "$lock"
if .venv/bin/python -m pip --version >/dev/null 2>&1; then
    .venv/bin/python -m pip "$@"
else
    [ -n "${python:-}" ] || find_python
    "$python" -m pip --python .venv/bin/python "$@"
fi
