#!/usr/bin/env bash
# Holds the dependencies to deny.toml: which checks of cargo deny, by their names; `advisories` asks RustSec's database,
# the others ask nobody. Installs cargo deny under target/ the first time.
set -euo pipefail
cd "$(dirname "$0")/.."

version=0.20.2
deny=target/tools/bin/cargo-deny
if [ "$("$deny" --version 2>/dev/null)" != "cargo-deny $version" ]; then
  cargo install --quiet --locked --root target/tools cargo-deny --version "$version"
fi
if [[ " $* " == *" advisories "* ]] && ! "$deny" fetch db; then
  echo "The database of advisories, https://github.com/RustSec/advisory-db, cannot be had: nothing was checked." >&2
  exit 1
fi
"$deny" --locked check --hide-inclusion-graph "$@"
