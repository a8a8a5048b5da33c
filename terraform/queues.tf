# How facts travel: the bus, the queues that subscribed, the outbox's stream, and schedules.

module "queue" {
  source   = "./modules/queue"
  for_each = module.stack.queues

  name               = "${var.name}-${each.key}"
  key_arn            = module.key.arn
  receives_max       = each.value.receives_max
  consumer_timeout_s = module.stack.functions[each.value.consumer].timeout_s
  has_rule           = contains(keys(module.stack.subscriptions), each.key)
  rule_arn           = contains(keys(module.stack.subscriptions), each.key) ? local.rule_arns[each.key] : null
}

module "bus" {
  source = "./modules/bus"

  name          = var.name
  key_arn       = module.key.arn
  subscriptions = module.stack.subscriptions
  queue_arns    = { for name, queue in module.queue : name => queue.arn }
}

locals {
  # Written out, since a rule's target needs the queue, and the queue's policy the rule.
  rule_arns = {
    for queue in keys(module.stack.subscriptions) : queue =>
    "${local.iam_root}:events:${var.region}:${local.account}:rule/${var.name}/${var.name}-${queue}"
  }
}

# What a stream or a schedule started and what failed for good.
module "failures" {
  source = "./modules/dead-letters"

  name    = "${var.name}-failures"
  key_arn = module.key.arn
}

resource "aws_lambda_event_source_mapping" "queue" {
  for_each = module.stack.queues

  event_source_arn = module.queue[each.key].arn
  function_name    = module.function[each.value.consumer].live.arn

  # What takes long, or waits for others, comes one by one: messages of a batch are worked on one after another.
  batch_size = local.is_slow[each.value.consumer] ? 1 : 10

  # SQS hands out again only what the function names.
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = lookup(var.maximum_concurrency, each.key, 10)
  }
}

locals {
  is_slow = { for name, function in module.stack.functions : name => function.cpu == "heavy" || function.uses.egress }
}

resource "aws_lambda_event_source_mapping" "stream" {
  for_each = { for name, function in module.stack.functions : name => function if function.stream != null }

  event_source_arn  = module.table[each.value.stream].stream_arn
  function_name     = module.function[each.key].live.arn
  starting_position = "TRIM_HORIZON"
  batch_size        = 100

  # A batch that fails is halved until the row is found that fails, which is given up after an hour: the row is
  # still in the outbox, and the sweep relays it.
  bisect_batch_on_function_error = true
  maximum_retry_attempts         = 20
  maximum_record_age_in_seconds  = 3600
  function_response_types        = ["ReportBatchItemFailures"]

  # Deletions are the relay's own work.
  filter_criteria {
    filter {
      pattern = jsonencode({ eventName = ["INSERT"] })
    }
  }

  destination_config {
    on_failure {
      destination_arn = module.failures.arn
    }
  }
}

# CloudWatch counts what schedules start by group.
resource "aws_scheduler_schedule_group" "this" {
  name = var.name
}

module "schedule" {
  source   = "./modules/schedule"
  for_each = { for name, function in module.stack.functions : name => function if function.schedule != null }

  boundary_arn = var.boundary_arn
  name         = "${var.name}-${each.key}"
  group        = aws_scheduler_schedule_group.this.name
  purpose      = each.value.purpose
  expression   = each.value.schedule
  function_arn = module.function[each.key].live.arn
  dead_arn     = module.failures.arn
  key_arn      = module.key.arn
  region       = var.region
}
