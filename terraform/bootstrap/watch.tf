# Who did what in the account, and whether it looks like an attack. Both watch a whole account and not one platform,
# so they are here, and off unless asked for. AWS Config is left out on purpose: it bills each change of each
# resource, and what it would find here (a public bucket, a policy with a star, a change by hand) the rules on each
# plan refuse and the daily search for drift finds.

locals {
  trail_arn = "${local.arn}:cloudtrail:${var.region}:${local.account}:trail/${var.name}"
}

module "trail" {
  source = "../modules/bucket"
  count  = var.is_watched ? 1 : 0

  name    = "${var.name}-trail-${local.account}-${var.region}"
  key_arn = module.key.arn
  # GOVERNANCE: whoever did it does not delete the trail on the way out, unless IAM lets them.
  lock            = { mode = "GOVERNANCE", days = 90 }
  noncurrent_days = 365
  statements = [
    {
      Sid       = "Trail"
      Effect    = "Allow"
      Principal = { Service = "cloudtrail.amazonaws.com" }
      Action    = "s3:PutObject"
      Condition = { StringEquals = { "aws:SourceArn" = local.trail_arn } }
    }
  ]
  bucket_statements = [
    {
      Sid       = "TrailLooks"
      Effect    = "Allow"
      Principal = { Service = "cloudtrail.amazonaws.com" }
      Action    = "s3:GetBucketAcl"
      Condition = { StringEquals = { "aws:SourceArn" = local.trail_arn } }
    }
  ]
}

resource "aws_cloudtrail" "this" {
  # checkov:skip=CKV_AWS_252: Files of the trail are read when something has happened; GuardDuty reads the same events at once.
  # checkov:skip=CKV2_AWS_10: A second copy in CloudWatch would be paid by the byte; GuardDuty reads the same events at once.
  count = var.is_watched ? 1 : 0

  name                       = var.name
  s3_bucket_name             = one(module.trail).name
  kms_key_id                 = module.key.arn
  is_multi_region_trail      = true
  enable_log_file_validation = true

  # The bucket's policy first: CloudTrail tries it at once.
  depends_on = [module.trail]
}

resource "aws_guardduty_detector" "this" {
  # checkov:skip=CKV2_AWS_3: One account switches on its own detector; an organisation's is for the organisation to make.
  count = var.is_watched ? 1 : 0

  enable                       = true
  finding_publishing_frequency = "FIFTEEN_MINUTES"
}
