output "names" {
  description = "What each function and queue is called on AWS."
  value = {
    functions = { for name in keys(module.stack.functions) : name => "${var.name}-${name}" }
    queues    = { for name in keys(module.stack.queues) : name => "${var.name}-${name}" }
  }
}

output "routes" {
  description = "Each route, the function behind it and the action that it needs."
  value       = module.stack.routes
}

output "subscriptions" {
  description = "Each queue and the types of events that it gets."
  value       = module.stack.subscriptions
}

output "api_url" {
  description = "Where the API answers."
  value       = var.domain == null ? module.api.endpoint : local.url
}

output "queue_urls" {
  description = "Each queue, and its dead letters."
  value       = { for name, queue in module.queue : name => { live = queue.url, dead = queue.dead.url } }
}

output "failure_urls" {
  description = "Where what failed for good lies: of streams and schedules, and of the bus."
  value       = { functions = module.failures.url, bus = module.bus.dead.url }
}

output "tables" {
  description = "The three tables."
  value       = { for name, table in module.table : name => table.name }
}

output "bucket" {
  description = "The blobs' bucket."
  value       = module.blobs.name
}

output "bus" {
  description = "The event bus."
  value       = module.bus.name
}

output "keys" {
  description = "The keys that sign and wrap."
  value       = { token = local.token_key, ledger = module.key_ledger.arn, wrap = module.key_wrap.arn }
}

output "log_origin" {
  description = "The ledger's name in its checkpoints."
  value       = local.log_origin
}

output "anchors" {
  description = "The bucket of the ledger's anchors."
  value       = module.anchors.name
}

output "vault" {
  description = "The copy of the ledger under Object Lock."
  value       = module.vault.name
}

output "dashboard" {
  description = "The dashboard in CloudWatch."
  value       = module.dashboard.name
}

output "deployments" {
  description = "With a canary: what CodeDeploy is to be asked for, function by function."
  value       = one(module.release[*].deployments)
}
