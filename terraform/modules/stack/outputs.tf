output "functions" {
  description = "Each function with every member filled in."
  value = {
    for name, function in var.functions : name => {
      purpose   = function.purpose
      memory_mb = tonumber(function.memory_mb)
      timeout_s = tonumber(function.timeout_s)
      cpu       = try(function.cpu, "light")
      emits     = toset(try(function.emits, []))
      queues    = flatten([try(function.trigger.queue, [])])
      schedule  = try(function.trigger.schedule, null)
      stream    = try(function.trigger.stream, null)
      uses = {
        store     = try(function.uses.store, null)
        counters  = try(function.uses.counters, false)
        blobs     = try(function.uses.blobs, null)
        anchors   = try(function.uses.anchors, false)
        keys      = toset(try(function.uses.keys, []))
        bus       = try(function.uses.bus, false)
        queues    = try(function.uses.queues, false)
        mail      = try(function.uses.mail, false)
        egress    = try(function.uses.egress, false)
        feeds     = try(function.uses.feeds, false)
        witnesses = try(function.uses.witnesses, false)
        chain     = try(function.uses.chain, false)
        topics    = try(function.uses.topics, null)
      }
    }
  }
}

output "queues" {
  description = "Each queue with every member filled in."
  value = {
    for name, queue in var.queues : name => {
      receives_max = try(queue.receives_max, 5)
      consumer     = one([for function, it in var.functions : function if contains(flatten([try(it.trigger.queue, [])]), name)])
      from_relay   = contains(queue.from, "relay")
    }
  }
}

output "routes" {
  description = "Each route, the function behind it and the action that it needs."
  value = merge([
    for name, function in var.functions : {
      for route, action in try(function.trigger.http, {}) : route => { function = name, action = action }
    }
  ]...)
}

output "subscriptions" {
  description = "Each queue and the types of events that it gets, for EventBridge patterns on `detail-type`."
  value = {
    for name, queue in var.queues : name => [
      for from in queue.from : endswith(from, "*") ? { prefix = trimsuffix(from, "*") } : { equals = from }
    ] if !contains(queue.from, "relay")
  }
}

output "authorizer" {
  description = "The function that says who asks."
  value       = one([for name, function in var.functions : name if try(function.trigger.authorizer, false)])
}
