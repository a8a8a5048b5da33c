data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}

resource "aws_kms_key" "this" {
  # checkov:skip=CKV_AWS_7: KMS rotates what encrypts, and this does; it cannot rotate what signs.
  description              = var.purpose
  key_usage                = var.signs ? "SIGN_VERIFY" : "ENCRYPT_DECRYPT"
  customer_master_key_spec = var.signs ? "ECC_NIST_EDWARDS25519" : "SYMMETRIC_DEFAULT"

  # KMS rotates symmetric keys only. A signing key is replaced by a second one beside it.
  enable_key_rotation     = !var.signs
  deletion_window_in_days = 30

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        # Without it the account's IAM policies say nothing about the key, and nobody could mend it.
        Sid       = "Account"
        Effect    = "Allow"
        Principal = { AWS = "arn:${data.aws_partition.this.partition}:iam::${data.aws_caller_identity.this.account_id}:root" }
        Action    = "kms:*"
        # In a key's policy `*` is the key itself.
        Resource = "*"
      }
    ], var.statements)
  })
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.this.key_id
}
