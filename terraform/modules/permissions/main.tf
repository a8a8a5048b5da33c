# What a function may do, from what the manifest says that it uses, and from nothing else. No resource is
# made here, so that `terraform test` can ask for each function's permissions.

locals {
  uses = var.function.uses

  reads_store  = local.uses.store != null
  writes_store = local.uses.store == "read-write"
  reads_blobs  = local.uses.blobs != null
  anchors      = local.uses.anchors ? [var.anchors] : []
  writes_blobs = local.uses.blobs == "read-write"

  consumed = [for queue in var.function.queues : var.queues[queue]]
  watched  = local.uses.queues ? values(var.queues) : []
  filled   = local.uses.bus ? [for queue in values(var.queues) : queue if queue.from_relay] : []

  has_stream   = var.function.stream != null
  has_failures = local.has_stream || var.function.schedule != null
  uses_queues  = length(local.consumed) + length(local.watched) + length(local.filled) > 0 || local.has_failures

  # Services that decrypt or encrypt what is at rest in the function's name.
  services = [
    for it in [
      { service = "dynamodb", when = local.reads_store || local.has_stream },
      { service = "s3", when = local.reads_blobs || length(local.anchors) > 0 },
      { service = "sqs", when = local.uses_queues },
      { service = "events", when = local.uses.bus },
    ] : "${it.service}.${var.region}.amazonaws.com" if it.when
  ]

  candidates = [
    {
      name      = "ReadRecords"
      when      = local.reads_store
      actions   = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"]
      resources = [var.tables.records]
    },
    {
      name = "WriteRecords"
      when = local.writes_store
      # A transaction needs what its parts need.
      actions   = ["dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
      resources = [var.tables.records]
    },
    {
      name      = "Count"
      when      = local.uses.counters
      actions   = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:UpdateItem"]
      resources = [var.tables.counters]
    },
    {
      name      = "Emit"
      when      = length(var.function.emits) > 0
      actions   = ["dynamodb:PutItem"]
      resources = [var.tables.outbox]
    },
    {
      name = "Relay"
      when = local.uses.bus
      # Whoever loses a row to another relay looks which of its rows are left.
      actions   = ["dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:Query"]
      resources = [var.tables.outbox]
    },
    {
      name      = "ReadStream"
      when      = local.has_stream
      actions   = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
      resources = [var.tables.stream]
    },
    {
      name      = "FindStream"
      when      = local.has_stream
      actions   = ["dynamodb:ListStreams"]
      resources = ["${var.tables.outbox}/stream/*"]
    },
    {
      name      = "ReadBlobs"
      when      = local.reads_blobs
      actions   = ["s3:GetObject"]
      resources = ["${var.bucket_arn}/*"]
    },
    {
      # Without it S3 answers 403 for a blob that is absent, and not 404.
      name      = "KnowAbsentBlobs"
      when      = local.reads_blobs
      actions   = ["s3:ListBucket"]
      resources = [var.bucket_arn]
    },
    {
      name      = "WriteBlobs"
      when      = local.writes_blobs
      actions   = ["s3:PutObject"]
      resources = ["${var.bucket_arn}/*"]
    },
    {
      # A batch in clear once the ledger has it.
      name      = "ClearBatches"
      when      = local.writes_blobs && contains(local.uses.keys, "sign:ledger")
      actions   = ["s3:DeleteObject"]
      resources = ["${var.bucket_arn}/audit-batches/*"]
    },
    {
      # Tiles of entries that are kept no longer; nothing else of the log is ever deleted.
      name      = "EndEntries"
      when      = local.writes_blobs && length(local.anchors) > 0
      actions   = ["s3:DeleteObject"]
      resources = ["${var.bucket_arn}/ledger/tile/entries/*", "${var.bucket_arn}/ledger-own/*/tile/entries/*"]
    },
    {
      name      = "Anchor"
      when      = length(local.anchors) > 0
      actions   = ["s3:GetObject", "s3:PutObject"]
      resources = [for it in local.anchors : "${it.bucket_arn}/*"]
    },
    {
      name      = "KnowAbsentAnchors"
      when      = length(local.anchors) > 0
      actions   = ["s3:ListBucket"]
      resources = [for it in local.anchors : it.bucket_arn]
    },
    {
      name    = "SignTokens"
      when    = contains(local.uses.keys, "sign:token")
      actions = ["kms:Sign"]
      # All of them: while a canary goes on, one version signs with the key before, and one with the next.
      resources = var.keys.token
    },
    {
      name      = "SignCheckpoints"
      when      = contains(local.uses.keys, "sign:ledger")
      actions   = ["kms:Sign"]
      resources = [var.keys.ledger]
    },
    {
      name    = "ReadPublicKeys"
      when    = length(setintersection(local.uses.keys, ["public:token", "public:ledger"])) > 0
      actions = ["kms:GetPublicKey"]
      resources = concat(
        contains(local.uses.keys, "public:token") ? var.keys.token : [],
        contains(local.uses.keys, "public:ledger") ? [var.keys.ledger] : [],
      )
    },
    {
      name      = "Wrap"
      when      = contains(local.uses.keys, "wrap")
      actions   = ["kms:Encrypt"]
      resources = [var.keys.wrap]
    },
    {
      name      = "Unwrap"
      when      = contains(local.uses.keys, "unwrap")
      actions   = ["kms:Decrypt"]
      resources = [var.keys.wrap]
    },
    {
      # SES asks for the identity that the sender is verified by: the address itself, or its domain.
      name    = "SendLetters"
      when    = local.uses.mail
      actions = ["ses:SendEmail"]
      resources = [
        "${var.identities_arn}/${var.mail_from}",
        "${var.identities_arn}/${split("@", var.mail_from)[1]}",
      ]
    },
    {
      name      = "Publish"
      when      = local.uses.bus
      actions   = ["events:PutEvents"]
      resources = [var.bus_arn]
    },
    {
      name      = "PublishToTopics"
      when      = local.uses.topics == "read-write" && length(var.topics) > 0
      actions   = ["sns:Publish"]
      resources = var.topics
    },
    {
      name      = "Send"
      when      = length(local.filled) > 0
      actions   = ["sqs:SendMessage"]
      resources = [for queue in local.filled : queue.arn]
    },
    {
      name      = "Consume"
      when      = length(local.consumed) > 0
      actions   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
      resources = [for queue in local.consumed : queue.arn]
    },
    {
      name      = "Bury"
      when      = length(local.consumed) > 0
      actions   = ["sqs:SendMessage"]
      resources = [for queue in local.consumed : queue.dead_arn]
    },
    {
      name      = "CountMessages"
      when      = length(local.watched) > 0
      actions   = ["sqs:GetQueueAttributes"]
      resources = flatten([for queue in local.watched : [queue.arn, queue.dead_arn]])
    },
    {
      name      = "TakeDeadLetters"
      when      = length(local.watched) > 0
      actions   = ["sqs:DeleteMessage", "sqs:ReceiveMessage"]
      resources = [for queue in local.watched : queue.dead_arn]
    },
    {
      name      = "PutBack"
      when      = length(local.watched) > 0
      actions   = ["sqs:SendMessage"]
      resources = [for queue in local.watched : queue.arn]
    },
    {
      name      = "KeepFailures"
      when      = local.has_failures
      actions   = ["sqs:SendMessage"]
      resources = [var.failures_arn]
    },
    {
      # X-Ray knows no resources: its two actions are allowed on everything or on nothing.
      name      = "Trace"
      when      = var.traced
      actions   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
      resources = ["*"]
    },
  ]

  # With the key that encrypts what is at rest, only through the services that the function uses.
  at_rest = {
    Sid      = "AtRest"
    Effect   = "Allow"
    Action   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"]
    Resource = concat([var.keys.data], [for it in local.anchors : it.key_arn])
    Condition = {
      StringEquals = { "kms:ViaService" = local.services }
    }
  }
}
