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
