#!/usr/bin/env bash
# Fetches a release's zips into a folder, and its program into this one, once their signatures hold: they were
# built by this repository's workflow `release`, from this tag.
#
#   infra/deploy/fetch.sh v0.1.0 arm64 target/zips
#
# It needs the GitHub command line, logged in.
set -euo pipefail

tag=${1:?"a tag"}
architecture=${2:?"arm64 or x86_64"}
folder=${3:?"a folder for the zips"}
repository=${GITHUB_REPOSITORY:?"owner/name"}
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT

zips="scorpius-${tag#v}-functions-$architecture.tar.gz"
program="scorpius-${tag#v}-$(uname -m)-unknown-linux-gnu.tar.gz"
gh release download "$tag" --repo "$repository" --dir "$here" --pattern "$zips" --pattern "$program" --pattern SHA256SUMS
for file in "$zips" "$program"; do
  gh attestation verify "$here/$file" --repo "$repository" --source-ref "refs/tags/$tag" \
    --signer-workflow "$repository/.github/workflows/release.yml"
done
(cd "$here" && sha256sum --check --ignore-missing --quiet SHA256SUMS)
mkdir -p "$folder"
tar --extract --gzip --file "$here/$zips" --directory "$folder"
(cd "$folder" && sha256sum --check --quiet SHA256SUMS)
tar --extract --gzip --file "$here/$program" --directory "$here"
cp "$here/${program%.tar.gz}/scorpius" scorpius
