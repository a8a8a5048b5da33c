terraform {
  # Native locking of remote state in S3 is stable since 1.11.
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = local.tags
  }
}

# Where the copy of the ledger lies that the platform's operator cannot take back. In production this is
# another account; without a role it is the same one.
provider "aws" {
  alias  = "vault"
  region = coalesce(var.vault.region, var.region)

  dynamic "assume_role" {
    for_each = var.vault.role_arn == null ? [] : [var.vault.role_arn]

    content {
      role_arn = assume_role.value
    }
  }

  default_tags {
    tags = local.tags
  }
}

# The ledger's anchors lie in the vault's account too, and in the platform's region, where the function that puts them is.
provider "aws" {
  alias  = "anchors"
  region = var.region

  dynamic "assume_role" {
    for_each = var.vault.role_arn == null ? [] : [var.vault.role_arn]

    content {
      role_arn = assume_role.value
    }
  }

  default_tags {
    tags = local.tags
  }
}

locals {
  tags = { application = var.name }
}
