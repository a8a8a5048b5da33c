#!/usr/bin/env bash
# Terraform for one environment, with its state in a bucket and a lock beside it.
#
#   STATE_BUCKET=… infra/deploy/terraform.sh init dev
#   infra/deploy/terraform.sh plan dev target/zips -out=scorpius.plan
set -euo pipefail

command=${1:?"init or plan"}
environment=${2:?"dev, staging or prod"}
root=$(cd "$(dirname "$0")/../.." && pwd)
case "$command" in
  init)
    : "${STATE_BUCKET:?"the bucket with the states"}" "${AWS_REGION:?"its region"}"
    # Where the state lies is each operator's own, and no part of the repository.
    printf 'terraform {\n  backend "s3" {}\n}\n' > "$root/terraform/backend_override.tf"
    terraform -chdir="$root/terraform" init -input=false -reconfigure \
      -backend-config="bucket=$STATE_BUCKET" -backend-config="key=scorpius/$environment.tfstate" \
      -backend-config="region=$AWS_REGION" -backend-config=use_lockfile=true -backend-config=encrypt=true
    ;;
  plan)
    zips=$(cd "${3:?"the folder with the zips"}" && pwd)
    shift 3
    exec terraform -chdir="$root/terraform" plan -input=false -no-color \
      -var-file="environments/$environment.tfvars" -var="zip_dir=$zips" "$@"
    ;;
  *) echo "init or plan, not $command" >&2; exit 2 ;;
esac
