#!/usr/bin/env bash
# Builds all functions as they are shipped: FOLDER/<function>.zip and FOLDER/SHA256SUMS.
#
#   infra/deploy/zips.sh arm64 target/zips
#
# It needs cargo-lambda and zig (`scorpius doctor --deploy`).
set -euo pipefail

architecture=${1:?"arm64 or x86_64"}
folder=${2:?"a folder for the zips"}
case "$architecture" in
  arm64) flag=--arm64 ;;
  x86_64) flag=--x86-64 ;;
  *) echo "the architecture is arm64 or x86_64, not $architecture" >&2; exit 2 ;;
esac
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
cd "$(dirname "$0")/../.."

# Where it is built is no part of the program.
home="${CARGO_HOME:-$HOME/.cargo}"
export RUSTFLAGS="--remap-path-prefix=$PWD=/scorpius --remap-path-prefix=$home=/cargo"

packages=()
for function in functions/*/; do
  packages+=(--package "$(basename "$function")")
done
built="${CARGO_TARGET_DIR:-target}/lambda/$architecture"
cargo lambda build --locked --profile lambda "$flag" --lambda-dir "$built" "${packages[@]}"
python3 infra/deploy/pack.py "$built" "$folder"
