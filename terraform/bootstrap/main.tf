# What the workflows need once in an account, before the first plan: where states lie, who GitHub is, and the two
# roles of each environment. It is applied by hand, by an administrator.

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}

locals {
  account = data.aws_caller_identity.this.account_id
  arn     = "arn:${data.aws_partition.this.partition}"
  issuer  = "token.actions.githubusercontent.com"

  # The account can have it once, and knows it by its host.
  provider_arn = var.has_provider ? "${local.arn}:iam::${local.account}:oidc-provider/${local.issuer}" : one(aws_iam_openid_connect_provider.github[*].arn)
}

module "key" {
  source = "../modules/key"

  name    = "${var.name}-states"
  purpose = "Encrypts the states of Terraform, and the trail."
  statements = !var.is_watched ? [] : [
    {
      Sid       = "Trail"
      Effect    = "Allow"
      Principal = { Service = "cloudtrail.amazonaws.com" }
      Action    = ["kms:DescribeKey", "kms:GenerateDataKey"]
      Resource  = "*"
      Condition = { StringEquals = { "aws:SourceArn" = local.trail_arn } }
    }
  ]
}

# States name everything and hold what providers know, so each old one is kept for a year.
module "states" {
  source = "../modules/bucket"

  name            = "${var.name}-states-${local.account}-${var.region}"
  key_arn         = module.key.arn
  noncurrent_days = 365
}

resource "aws_iam_openid_connect_provider" "github" {
  count = var.has_provider ? 0 : 1

  url            = "https://${local.issuer}"
  client_id_list = ["sts.amazonaws.com"]
}

module "deployer" {
  source   = "../modules/deployer"
  for_each = var.environments

  environment    = each.key
  name           = each.value.name
  zone_id        = each.value.zone_id
  vault_role_arn = each.value.vault_role_arn
  repository     = var.repository
  issuer         = { host = local.issuer, provider_arn = local.provider_arn }
  states = {
    bucket_arn = module.states.arn
    key_arn    = module.key.arn
  }
}
