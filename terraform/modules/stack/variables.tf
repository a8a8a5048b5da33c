# The types of `scorpius_edge::manifest`. Terraform drops members that a type does not name, so the
# validations look for them in the unconverted document, which is why `functions` is `any`.

variable "functions" {
  description = "The manifest's functions."
  type        = any

  validation {
    condition = alltrue([
      for function in values(var.functions) :
      length(setsubtract(keys(function), ["purpose", "trigger", "uses", "emits", "memory_mb", "timeout_s", "cpu"])) == 0
    ])
    error_message = "A function has purpose, trigger, uses, emits, memory_mb, timeout_s and cpu, and nothing else."
  }

  validation {
    condition = alltrue([
      for function in values(var.functions) :
      try(length(function.trigger), 0) == 1
      && contains(["http", "queue", "schedule", "stream", "authorizer", "invoke"], try(keys(function.trigger)[0], ""))
    ])
    error_message = "A trigger is one of http, queue, schedule, stream, authorizer and invoke."
  }

  validation {
    condition = alltrue([
      for function in values(var.functions) :
      length(setsubtract(keys(try(function.uses, {})), ["store", "counters", "blobs", "anchors", "keys", "bus", "queues", "mail", "egress", "feeds", "witnesses", "chain", "topics"])) == 0
    ])
    error_message = "A function uses store, counters, blobs, anchors, keys, bus, queues, mail, egress, feeds, witnesses, chain and topics, and nothing else."
  }

  validation {
    condition = alltrue(flatten([
      for function in values(var.functions) : [
        for port in ["store", "blobs", "topics"] : contains(["none", "read", "read-write"], try(function.uses[port], "none"))
      ]
    ]))
    error_message = "A function uses a store, blobs or topics as read or read-write."
  }

  validation {
    condition = alltrue([
      for function in values(var.functions) :
      length(setsubtract(
        try(function.uses.keys, []),
        ["sign:token", "sign:ledger", "public:token", "public:ledger", "wrap", "unwrap"]
      )) == 0
    ])
    error_message = "A key is used as sign:<key>, public:<key>, wrap or unwrap."
  }

  validation {
    condition = alltrue([
      for function in values(var.functions) :
      try(function.memory_mb >= 128 && function.memory_mb <= 3008, false)
      && try(function.timeout_s >= 1 && function.timeout_s <= (can(function.trigger.http) ? 29 : 900), false)
    ])
    error_message = "A function has 128 to 3008 MB, and 1 to 900 s: at most 29 s behind the gateway."
  }
}

variable "queues" {
  description = "The manifest's queues; `from` is always a list."
  type        = any

  validation {
    condition = alltrue([
      for queue in values(var.queues) : length(setsubtract(keys(queue), ["from", "receives_max"])) == 0
    ])
    error_message = "A queue has from and receives_max, and nothing else."
  }

  validation {
    condition = alltrue([
      for queue in values(var.queues) :
      try(length(queue.from), 0) > 0
      && alltrue([for from in try(queue.from, []) : from == "relay" || can(regex("^scorpius\\.[a-z_.0-9]+\\*?$", from))])
    ])
    error_message = "A queue is filled by the relay or by types of events."
  }

  validation {
    condition = alltrue([
      for queue in values(var.queues) : try(queue.receives_max, 5) >= 1 && try(queue.receives_max, 5) <= 1000
    ])
    error_message = "A message is handed out 1 to 1000 times."
  }

  validation {
    condition = alltrue([
      for function in values(var.functions) :
      length(setsubtract(flatten([try(function.trigger.queue, [])]), keys(var.queues))) == 0
    ])
    error_message = "A function consumes queues that are in the manifest."
  }

  validation {
    condition = alltrue([
      for name in keys(var.queues) :
      length([for function in values(var.functions) : name if contains(flatten([try(function.trigger.queue, [])]), name)]) == 1
    ])
    error_message = "Each queue has exactly one consumer."
  }
}
