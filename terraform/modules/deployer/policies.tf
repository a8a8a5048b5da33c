locals {
  reads_state = [
    {
      Sid       = "FindState"
      Effect    = "Allow"
      Action    = ["s3:ListBucket"]
      Resource  = [var.states.bucket_arn]
      Condition = { StringEquals = { "s3:prefix" = [local.state, "${local.state}.tflock"] } }
    },
    {
      Sid      = "ReadState"
      Effect   = "Allow"
      Action   = ["s3:GetObject"]
      Resource = ["${var.states.bucket_arn}/${local.state}", "${var.states.bucket_arn}/${local.state}.tflock"]
    },
    {
      Sid      = "DecryptState"
      Effect   = "Allow"
      Action   = ["kms:Decrypt"]
      Resource = [var.states.key_arn]
    },
  ]

  writes_state = [
    {
      Sid      = "WriteState"
      Effect   = "Allow"
      Action   = ["s3:PutObject"]
      Resource = ["${var.states.bucket_arn}/${local.state}", "${var.states.bucket_arn}/${local.state}.tflock"]
    },
    {
      # The lock alone: old states are versions, which nobody here deletes.
      Sid      = "Unlock"
      Effect   = "Allow"
      Action   = ["s3:DeleteObject"]
      Resource = ["${var.states.bucket_arn}/${local.state}.tflock"]
    },
    {
      Sid      = "EncryptState"
      Effect   = "Allow"
      Action   = ["kms:GenerateDataKey"]
      Resource = [var.states.key_arn]
    },
  ]

  # What a plan compares. Of buckets and tables only how they are set up.
  reads = concat(
    [
      {
        Effect = "Allow"
        Action = [
          "budgets:ListTagsForResource", "budgets:ViewBudget",
          "cloudwatch:GetDashboard", "cloudwatch:ListTagsForResource",
          "codedeploy:GetApplication", "codedeploy:GetDeployment", "codedeploy:GetDeploymentConfig", "codedeploy:GetDeploymentGroup", "codedeploy:ListTagsForResource",
          "dynamodb:DescribeContinuousBackups", "dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive", "dynamodb:ListTagsOfResource",
          "events:DescribeEventBus", "events:DescribeRule", "events:ListTagsForResource", "events:ListTargetsByRule",
          "lambda:GetAlias", "lambda:GetFunction", "lambda:GetFunctionCodeSigningConfig", "lambda:GetFunctionConcurrency", "lambda:GetFunctionConfiguration", "lambda:GetFunctionEventInvokeConfig", "lambda:GetPolicy", "lambda:ListTags", "lambda:ListVersionsByFunction",
          "logs:DescribeMetricFilters", "logs:ListTagsForResource",
          "s3:GetAccelerateConfiguration", "s3:GetBucket*", "s3:GetEncryptionConfiguration", "s3:GetLifecycleConfiguration", "s3:GetReplicationConfiguration", "s3:ListBucket",
          "scheduler:GetSchedule", "scheduler:GetScheduleGroup", "scheduler:ListTagsForResource",
          "sns:GetSubscriptionAttributes", "sns:GetTopicAttributes", "sns:ListTagsForResource",
          "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ListQueueTags",
        ]
        Resource = flatten([for service, arns in local.named : arns if service != "acm"])
      },
      {
        Effect   = "Allow"
        Action   = ["iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListInstanceProfilesForRole", "iam:ListRolePolicies"]
        Resource = [local.roles]
      },
      {
        Effect   = "Allow"
        Action   = ["backup:DescribeBackupVault", "backup:GetBackupPlan", "backup:GetBackupSelection", "backup:ListTags"]
        Resource = [local.vaults, local.plans]
      },
      {
        Effect   = "Allow"
        Action   = ["apigateway:GET"]
        Resource = local.gateway
      },
      {
        Effect   = "Allow"
        Action   = ["lambda:GetEventSourceMapping", "lambda:ListTags"]
        Resource = [local.mappings]
      },
      {
        Effect    = "Allow"
        Action    = ["kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags"]
        Resource  = [local.keys]
        Condition = local.is_ours
      },
      {
        Effect    = "Allow"
        Action    = ["acm:DescribeCertificate", "acm:ListTagsForCertificate"]
        Resource  = local.named.acm
        Condition = local.is_ours
      },
      {
        # They know no resources.
        Sid      = "Lists"
        Effect   = "Allow"
        Action   = ["cloudwatch:DescribeAlarms", "kms:ListAliases", "logs:DescribeLogGroups"]
        Resource = ["*"]
      },
    ],
    [
      for zone in local.zone : {
        Effect   = "Allow"
        Action   = ["route53:GetHostedZone", "route53:ListResourceRecordSets", "route53:ListTagsForResource"]
        Resource = [zone]
      }
    ],
    [
      for zone in local.zone : {
        Effect   = "Allow"
        Action   = ["route53:GetChange"]
        Resource = ["${local.arn}:route53:::change/*"]
      }
    ],
    [
      for role in [var.vault_role_arn] : {
        Sid      = "Vault"
        Effect   = "Allow"
        Action   = ["sts:AssumeRole"]
        Resource = [role]
      } if role != null
    ],
  )

  makes = concat(
    [
      {
        Effect = "Allow"
        Action = [
          "budgets:ModifyBudget", "budgets:TagResource",
          "cloudwatch:DeleteAlarms", "cloudwatch:DeleteDashboards", "cloudwatch:PutDashboard", "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource",
          "codedeploy:Create*", "codedeploy:Delete*", "codedeploy:RegisterApplicationRevision", "codedeploy:StopDeployment", "codedeploy:TagResource", "codedeploy:Update*",
          "dynamodb:CreateTable", "dynamodb:DeleteTable", "dynamodb:TagResource", "dynamodb:UpdateContinuousBackups", "dynamodb:UpdateTable", "dynamodb:UpdateTimeToLive",
          "events:CreateEventBus", "events:DeleteEventBus", "events:DeleteRule", "events:PutRule", "events:PutTargets", "events:RemoveTargets", "events:TagResource", "events:UpdateEventBus",
          "lambda:AddPermission", "lambda:CreateAlias", "lambda:CreateFunction", "lambda:DeleteAlias", "lambda:DeleteFunction", "lambda:DeleteFunctionConcurrency", "lambda:DeleteFunctionEventInvokeConfig", "lambda:PublishVersion", "lambda:Put*", "lambda:RemovePermission", "lambda:TagResource", "lambda:Update*",
          "logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:DeleteMetricFilter", "logs:AssociateKmsKey", "logs:PutMetricFilter", "logs:PutRetentionPolicy", "logs:TagResource",
          "s3:CreateBucket", "s3:DeleteBucket", "s3:DeleteBucketPolicy", "s3:PutBucket*", "s3:PutEncryptionConfiguration", "s3:PutLifecycleConfiguration", "s3:PutReplicationConfiguration",
          "scheduler:CreateSchedule", "scheduler:CreateScheduleGroup", "scheduler:DeleteSchedule", "scheduler:DeleteScheduleGroup", "scheduler:TagResource", "scheduler:UpdateSchedule",
          "sns:CreateTopic", "sns:DeleteTopic", "sns:SetTopicAttributes", "sns:Subscribe", "sns:TagResource", "sns:Unsubscribe",
          "sqs:CreateQueue", "sqs:DeleteQueue", "sqs:SetQueueAttributes", "sqs:TagQueue",
        ]
        Resource = flatten([for service, arns in local.named : arns if service != "acm"])
      },
      {
        Effect   = "Allow"
        Action   = ["apigateway:DELETE", "apigateway:PATCH", "apigateway:POST", "apigateway:PUT"]
        Resource = local.gateway
      },
      {
        Effect    = "Allow"
        Action    = ["lambda:CreateEventSourceMapping", "lambda:DeleteEventSourceMapping", "lambda:UpdateEventSourceMapping"]
        Resource  = ["*"]
        Condition = local.is_of_ours
      },
      {
        Effect   = "Allow"
        Action   = ["lambda:TagResource"]
        Resource = [local.mappings]
      },
      {
        Effect    = "Allow"
        Action    = ["acm:RequestCertificate", "kms:CreateKey"]
        Resource  = ["*"]
        Condition = local.becomes_ours
      },
      {
        Effect    = "Allow"
        Action    = ["acm:AddTagsToCertificate", "acm:DeleteCertificate"]
        Resource  = local.named.acm
        Condition = local.is_ours
      },
      {
        # How it is set up, and never its use: neither signing nor decrypting.
        Effect    = "Allow"
        Action    = ["kms:CreateAlias", "kms:DeleteAlias", "kms:EnableKeyRotation", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UpdateAlias", "kms:UpdateKeyDescription"]
        Resource  = [local.keys]
        Condition = local.is_ours
      },
      {
        # Services try the key in the name of who sets them up. What they would decrypt for it, it may not ask them for.
        Effect   = "Allow"
        Action   = ["kms:CreateGrant", "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"]
        Resource = [local.keys]
        Condition = merge(local.is_ours, {
          StringLike = { "kms:ViaService" = [for it in ["backup", "dynamodb", "events"] : "${it}.*.amazonaws.com"] }
        })
      },
      {
        Effect   = "Allow"
        Action   = ["kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"]
        Resource = [local.aliases]
      },
      {
        Effect   = "Allow"
        Action   = ["backup:CreateBackupPlan", "backup:CreateBackupSelection", "backup:CreateBackupVault", "backup:DeleteBackupPlan", "backup:DeleteBackupSelection", "backup:DeleteBackupVault", "backup:TagResource", "backup:UpdateBackupPlan"]
        Resource = [local.vaults, local.plans]
      },
    ],
    [
      for zone in local.zone : {
        Effect   = "Allow"
        Action   = ["route53:ChangeResourceRecordSets"]
        Resource = [zone]
      }
    ],
  )

  # Roles only under the boundary, handed only to whom the platform has roles for.
  makes_roles = [
    {
      Sid       = "UnderTheBoundary"
      Effect    = "Allow"
      Action    = ["iam:CreateRole", "iam:DeleteRolePolicy", "iam:PutRolePolicy"]
      Resource  = [local.roles]
      Condition = { StringEquals = { "iam:PermissionsBoundary" = local.own_boundary } }
    },
    {
      Sid      = "OfBackups"
      Effect   = "Allow"
      Action   = ["iam:AttachRolePolicy", "iam:DetachRolePolicy"]
      Resource = [local.roles]
      Condition = {
        StringEquals = { "iam:PermissionsBoundary" = local.own_boundary }
        ArnEquals    = { "iam:PolicyARN" = [for it in ["Backup", "Restores"] : "${local.arn}:iam::aws:policy/service-role/AWSBackupServiceRolePolicyFor${it}"] }
      }
    },
    {
      Sid      = "Roles"
      Effect   = "Allow"
      Action   = ["iam:DeleteRole", "iam:TagRole", "iam:UpdateAssumeRolePolicy"]
      Resource = [local.roles]
    },
    {
      Sid      = "Hand"
      Effect   = "Allow"
      Action   = ["iam:PassRole"]
      Resource = [local.roles]
      Condition = {
        StringEquals = { "iam:PassedToService" = [for it in ["backup", "codedeploy", "lambda", "s3", "scheduler"] : "${it}.amazonaws.com"] }
      }
    },
    {
      # Its own roles have no boundary, and are an administrator's.
      Sid      = "NotItself"
      Effect   = "Deny"
      Action   = ["iam:AttachRolePolicy", "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:PassRole", "iam:PutRolePolicy", "iam:TagRole", "iam:UpdateAssumeRolePolicy"]
      Resource = [local.own_workflows]
    },
  ]
}
