# Where facts are kept: tables, blobs, the ledger's copy, and the keys that encrypt and sign.

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}

locals {
  account  = data.aws_caller_identity.this.account_id
  iam_root = "arn:${data.aws_partition.this.partition}"

  # Services that encrypt and decrypt by themselves, each only for what is of this platform.
  services_with_key = {
    Bus = {
      service = "events.amazonaws.com"
      actions = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"]
      when    = { StringEquals = { "aws:SourceAccount" = local.account } }
    }
    Logs = {
      service = "logs.${var.region}.amazonaws.com"
      actions = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"]
      when    = { ArnLike = { "kms:EncryptionContext:aws:logs:arn" = "${local.iam_root}:logs:${var.region}:${local.account}:log-group:/aws/*${var.name}-*" } }
    }
    Alarms = {
      service = "cloudwatch.amazonaws.com"
      actions = ["kms:Decrypt", "kms:GenerateDataKey"]
      when    = { StringEquals = { "aws:SourceAccount" = local.account } }
    }
    Budgets = {
      service = "budgets.amazonaws.com"
      actions = ["kms:Decrypt", "kms:GenerateDataKey"]
      when    = { StringEquals = { "aws:SourceAccount" = local.account } }
    }
  }
}

module "key" {
  source = "./modules/key"

  name    = "${var.name}-data"
  purpose = "Encrypts what is at rest: tables, blobs, messages, logs."
  statements = [
    for name, it in local.services_with_key : {
      Sid       = name
      Effect    = "Allow"
      Principal = { Service = it.service }
      Action    = it.actions
      Resource  = "*"
      Condition = it.when
    }
  ]
}

module "key_token" {
  source   = "./modules/key"
  for_each = setunion([var.token_keys.signs], var.token_keys.also)

  name    = "${var.name}-token-${each.key}"
  purpose = "Signs access tokens."
  signs   = true
}

locals {
  token_key = module.key_token[var.token_keys.signs].arn
  # Sorted, so that settings do not change by themselves.
  token_keys_also = [for name in sort(tolist(var.token_keys.also)) : module.key_token[name].arn]
}

module "key_ledger" {
  source = "./modules/key"

  name    = "${var.name}-ledger"
  purpose = "Signs the ledger's checkpoints."
  signs   = true
}

module "key_wrap" {
  source = "./modules/key"

  name    = "${var.name}-wrap"
  purpose = "Wraps the keys of tenants and the secrets of webhooks."
}

module "table" {
  source   = "./modules/table"
  for_each = toset(["records", "outbox", "counters"])

  name           = "${var.name}-${each.key}"
  key_arn        = module.key.arn
  has_stream     = each.key == "outbox"
  is_recoverable = each.key == "records"
  is_protected   = var.is_protected
}

module "blobs" {
  source = "./modules/bucket"

  name            = "${var.name}-blobs-${local.account}-${var.region}"
  key_arn         = module.key.arn
  noncurrent_days = var.noncurrent_days
  # Bodies of batches that no relay claimed, or whose dead letter nobody put back: queues keep a message for 14 days, alive or dead.
  expires          = { "audit-batches/" = 30 }
  may_be_destroyed = !var.is_protected
}

module "vault" {
  source = "./modules/vault"

  boundary_arn = var.boundary_arn
  providers = {
    aws       = aws
    aws.vault = aws.vault
  }

  name = "${var.name}-vault-${local.account}"
  source_bucket = {
    name    = module.blobs.versioned
    arn     = module.blobs.arn
    key_arn = module.key.arn
  }
  prefixes         = ["ledger/checkpoint", "ledger/tile/"]
  lock             = { mode = var.vault.mode, days = var.vault.days }
  may_be_destroyed = !var.is_protected
}

module "anchors" {
  source    = "./modules/anchors"
  providers = { aws = aws.anchors }

  name             = "${var.name}-anchors"
  bucket           = "${var.name}-anchors-${local.account}"
  role_arn         = module.function["audit-anchor"].role_arn
  region           = var.region
  lock             = { mode = var.vault.mode, days = var.vault.days }
  may_be_destroyed = !var.is_protected
}
