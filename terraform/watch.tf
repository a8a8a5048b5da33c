# Who looks after it all: alarms, the dashboard, money, backups, and how a new version takes over.

locals {
  # What alarms and charts watch, each with its metrics' dimensions.
  things = {
    account = { all = {} }
    api     = { api = { ApiId = module.api.id } }
    dead_queue = merge(
      { for name, queue in module.queue : name => { QueueName = queue.dead.name } },
      { failures = { QueueName = module.failures.name }, bus = { QueueName = module.bus.dead.name } },
    )
    function  = { for name, function in module.function : name => { FunctionName = function.name } }
    ledger    = { ledger = {} }
    outbox    = { outbox = {} }
    queue     = { for name, queue in module.queue : name => { QueueName = queue.name } }
    rule      = { for name, rule in module.bus.rules : name => { EventBusName = module.bus.name, RuleName = rule.name } }
    schedules = { all = { ScheduleGroup = aws_scheduler_schedule_group.this.name } }
    stream = {
      for name, function in module.stack.functions : name => { FunctionName = module.function[name].name }
      if function.stream != null
    }
    table = { for name, table in module.table : name => { TableName = table.name } }
  }

  own_namespace = "Scorpius/${var.name}"
}

# The sweep says in each of its lines how old the oldest row is that it found.
resource "aws_cloudwatch_log_metric_filter" "outbox_age" {
  name           = "${var.name}-outbox-age"
  log_group_name = module.function["outbox-sweep"].log_group
  pattern        = "{ $.oldest_age_ms = * }"

  metric_transformation {
    namespace = local.own_namespace
    name      = "OutboxOldestAge"
    value     = "$.oldest_age_ms"
    unit      = "Milliseconds"
  }
}

# Whatever finds something wrong with the ledger says so in one line, which needs none of what may be broken.
resource "aws_cloudwatch_log_metric_filter" "ledger_alarms" {
  for_each = toset(["audit", "audit-anchor", "audit-append"])

  name           = "${var.name}-ledger-alarms-${each.key}"
  log_group_name = module.function[each.key].log_group
  pattern        = "{ $.alarm = * }"

  metric_transformation {
    namespace = local.own_namespace
    name      = "LedgerAlarms"
    value     = "1"
    unit      = "Count"
  }
}

module "topic" {
  source = "./modules/topic"

  name    = "${var.name}-alarms"
  key_arn = module.key.arn
  emails  = var.emails
}

module "alarms" {
  source = "./modules/alarms"

  name          = var.name
  kinds         = jsondecode(file("${path.module}/../infra/observability/alarms.json"))
  things        = local.things
  timeouts_ms   = { for name, function in module.stack.functions : name => 1000 * function.timeout_s }
  own_namespace = local.own_namespace
  runbooks      = var.runbooks
  topic_arn     = module.topic.arn
}

module "dashboard" {
  source = "./modules/dashboard"

  name          = var.name
  region        = var.region
  charts        = jsondecode(file("${path.module}/../infra/observability/dashboard.json"))
  things        = local.things
  own_namespace = local.own_namespace
  alarm_arns    = module.alarms.arns
}

module "release" {
  source = "./modules/release"
  count  = var.canary == null ? 0 : 1

  boundary_arn = var.boundary_arn
  name         = var.name
  functions = {
    for name, function in module.function : name => {
      name    = function.name
      alias   = function.live.name
      version = function.version
    }
  }
  canary    = var.canary
  alarms    = [module.alarms.names["api-errors.api"]]
  runbooks  = var.runbooks
  topic_arn = module.topic.arn
}

resource "aws_budgets_budget" "this" {
  count = var.budget == null ? 0 : 1

  name         = var.name
  budget_type  = "COST"
  time_unit    = "MONTHLY"
  limit_amount = tostring(var.budget)
  limit_unit   = "USD"

  # What carries the platform's tag, once the tag is switched on for billing.
  cost_filter {
    name   = "TagKeyValue"
    values = ["user:application$${var.name}"]
  }

  dynamic "notification" {
    for_each = { ACTUAL = 80, FORECASTED = 100 }

    content {
      notification_type         = notification.key
      comparison_operator       = "GREATER_THAN"
      threshold                 = notification.value
      threshold_type            = "PERCENTAGE"
      subscriber_sns_topic_arns = [module.topic.arn]
    }
  }
}

module "backup" {
  source = "./modules/backup"
  count  = var.backup == null ? 0 : 1

  boundary_arn  = var.boundary_arn
  name          = var.name
  key_arn       = module.key.arn
  resource_arns = [module.table["records"].arn]
  days          = var.backup.days
  copy          = var.backup.copy
}

module "domain" {
  source = "./modules/domain"
  count  = var.domain == null ? 0 : 1

  domain = var.domain
  api_id = module.api.id
  stage  = module.api.stage
}
