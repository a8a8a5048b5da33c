locals {
  # The one list of functions, routes, queues, schedules and subscriptions, which the local host reads too.
  manifest = jsondecode(file("${path.module}/../infra/stack.json"))
}

module "stack" {
  source = "./modules/stack"

  functions = local.manifest.functions
  queues = {
    for name, queue in local.manifest.queues : name => merge(queue, { from = flatten([queue.from]) })
  }
}

module "permissions" {
  source   = "./modules/permissions"
  for_each = module.stack.functions

  function = each.value
  region   = var.region
  tables = {
    records  = module.table["records"].arn
    outbox   = module.table["outbox"].arn
    counters = module.table["counters"].arn
    stream   = module.table["outbox"].stream_arn
  }
  bucket_arn = module.blobs.arn
  anchors    = { bucket_arn = module.anchors.arn, key_arn = module.anchors.key_arn }
  bus_arn    = module.bus.arn
  queues = {
    for name, queue in module.queue : name => {
      arn        = queue.arn
      dead_arn   = queue.dead.arn
      from_relay = module.stack.queues[name].from_relay
    }
  }
  failures_arn = module.failures.arn
  topics       = distinct(flatten(values(var.topics)))
  keys = {
    token  = concat([local.token_key], local.token_keys_also)
    ledger = module.key_ledger.arn
    wrap   = module.key_wrap.arn
    data   = module.key.arn
  }
  mail_from      = var.mail_from
  identities_arn = "arn:${data.aws_partition.this.partition}:ses:${var.region}:${local.account}:identity"
  traced         = var.traced
}

locals {
  queue_settings = {
    for name, queue in module.queue : name => {
      "QUEUE_${upper(replace(name, "-", "_"))}"      = queue.url
      "QUEUE_${upper(replace(name, "-", "_"))}_DEAD" = queue.dead.url
    }
  }

  # As `shared/aws/src/settings.rs` lists them: a function has those of the ports that it uses.
  settings = {
    for name, function in module.stack.functions : name => merge(
      # Ours; of what others log, nothing below INFO, which may hold more than we would say.
      { SCORPIUS_LOG = "info,scorpius=${lower(var.log.level)}" },
      var.settings,
      function.uses.store == null ? {} : {
        TABLE_RECORDS  = module.table["records"].name
        TABLE_OUTBOX   = module.table["outbox"].name
        TABLE_COUNTERS = module.table["counters"].name
      },
      function.uses.topics == null || length(var.topics) == 0 ? {} : {
        TOPICS = join(",", flatten([for tenant, arns in var.topics : [for arn in sort(tolist(arns)) : "${tenant}=${arn}"]]))
      },
      function.uses.counters ? {
        LIMIT_TIER           = var.limits.tier
        LIMIT_ADDRESS_MINUTE = tostring(var.limits.address_minute)
      } : {},
      function.uses.blobs == null ? {} : { BUCKET = module.blobs.name },
      function.uses.anchors ? { ANCHORS = module.anchors.name } : {},
      function.uses.anchors && var.keep_days != null ? { KEEP_DAYS = tostring(var.keep_days) } : {},
      length(function.uses.keys) == 0 ? {} : {
        KEY_TOKEN  = local.token_key
        KEY_LEDGER = module.key_ledger.arn
        KEY_WRAP   = module.key_wrap.arn
      },
      length(local.token_keys_also) > 0 && contains(function.uses.keys, "public:token") ? {
        KEY_TOKEN_ALSO = join(",", local.token_keys_also)
      } : {},
      contains(function.uses.keys, "public:token") ? { ISSUER = local.issuer, AUDIENCE = local.audience } : {},
      contains(function.uses.keys, "public:ledger") ? { LOG_ORIGIN = local.log_origin } : {},
      function.uses.chain && length(var.chains) > 0 ? {
        CHAINS = join(" ", flatten([for chain, urls in var.chains : [for url in urls : "${chain}=${url}"]]))
      } : {},
      function.uses.witnesses && var.witness_policy != null ? { WITNESS_POLICY = var.witness_policy } : {},
      function.uses.mail ? { MAIL_FROM = var.mail_from } : {},
      function.uses.feeds ? { FEEDS = jsonencode([for feed in var.feeds : { for name, value in feed : name => value if value != null }]) } : {},
      function.uses.bus ? { BUS = module.bus.name } : {},
      [
        for queue, settings in local.queue_settings : settings
        if contains(function.queues, queue) || function.uses.queues || function.uses.bus && module.stack.queues[queue].from_relay
      ]...
    )
  }
}

module "function" {
  source   = "./modules/function"
  for_each = module.stack.functions

  name                 = "${var.name}-${each.key}"
  purpose              = each.value.purpose
  zip                  = "${var.zip_dir}/${each.key}.zip"
  architecture         = var.architecture
  memory_mb            = each.value.memory_mb
  timeout_s            = each.value.timeout_s
  settings             = local.settings[each.key]
  statements           = module.permissions[each.key].statements
  reserved_concurrency = lookup(var.reserved_concurrency, each.key, null)
  log                  = var.log
  key_arn              = module.key.arn
  traced               = var.traced
  shifts               = var.canary != null
  failures_arn         = module.failures.arn
  keeps_failures       = each.value.schedule != null
  boundary_arn         = var.boundary_arn
}
