#!/usr/bin/env bash
# Runs every test on a machine that has Rust and Python: Rust's own, then the suite in tests/, in
# which unmodified AWS and MQTT tools talk to the built server.
#
#   ./test.sh                  everything
#   ./test.sh -k shared        only the tests in tests/ that pytest selects with these arguments
set -euo pipefail
cd "$(dirname "$0")"

fail() {
    echo "test.sh: $1" >&2
    exit 1
}

command -v cargo >/dev/null || fail "cargo is missing: install Rust from https://rustup.rs"
python=${PYTHON:-python3}
command -v "$python" >/dev/null || fail "$python is missing: install Python 3.10 or newer, or set PYTHON"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
    fail "$("$python" --version) is too old: install Python 3.10 or newer, or set PYTHON"

# Debian packages, if this is Debian and we may; otherwise what to install by hand.
debian() {
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
    else
        fail "$1 is missing: install it (Debian: sudo apt-get install $1; macOS: brew install mosquitto python)"
    fi
}

# The virtual environment is made once, and again when the requirements or the Python change.
stamp="$("$python" --version) $(cksum <tests/requirements.txt)"
if [ "$(cat .venv/stamp 2>/dev/null)" != "$stamp" ]; then
    echo "test.sh: installing Python packages into .venv"
    "$python" -c 'import ensurepip' 2>/dev/null || debian python3-venv
    "$python" -m venv --clear .venv
    # The list is complete, so that there is nothing to resolve.
    .venv/bin/pip install --quiet --disable-pip-version-check --no-deps -r tests/requirements.txt
    echo "$stamp" >.venv/stamp
fi
# JavaScript's clients, likewise; without Node.js their tests are skipped.
is_node='process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'
if ! command -v npm >/dev/null || ! node -e "$is_node" 2>/dev/null; then
    echo "test.sh: tests of JavaScript's clients are skipped: install Node.js 20 or newer, with npm" >&2
else
    stamp="$(node --version) $(cksum <tests/js/package-lock.json)"
    if [ "$(cat .venv/js/stamp 2>/dev/null)" != "$stamp" ]; then
        echo "test.sh: installing JavaScript packages into .venv/js"
        mkdir -p .venv/js
        cp tests/js/package.json tests/js/package-lock.json .venv/js/
        npm ci --prefix .venv/js --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
        echo "$stamp" >.venv/js/stamp
    fi
fi
command -v mosquitto_sub >/dev/null || debian mosquitto-clients
command -v curl >/dev/null || debian curl

# One build for both parts: the server under test is the one that `cargo test` links.
cargo build --workspace --bins --tests --locked
if [ $# = 0 ]; then
    cargo test --workspace --locked
fi
# Absolute, for tests that start it in folders of their own.
THINGCORE_BIN="$(cd "${CARGO_TARGET_DIR:-target}/debug" && pwd)/thingcore"
export THINGCORE_BIN
exec .venv/bin/python -m pytest -c tests/pytest.ini --rootdir tests tests "$@"
