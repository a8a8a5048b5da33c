variable "function" {
  description = "One of `module.stack.functions`."
  type = object({
    queues   = list(string)
    schedule = string
    stream   = string
    emits    = set(string)
    uses = object({
      store    = string
      counters = bool
      blobs    = string
      anchors  = optional(bool, false)
      keys     = set(string)
      bus      = bool
      queues   = bool
      topics   = string
      mail     = bool
    })
  })
}

variable "region" {
  description = "Where the services are that use keys for a function."
  type        = string
}

variable "tables" {
  description = "ARNs of the three tables, and of the outbox's stream."
  type = object({
    records  = string
    outbox   = string
    counters = string
    stream   = string
  })
}

variable "bucket_arn" {
  description = "The blobs' bucket."
  type        = string
}

variable "anchors" {
  description = "The bucket of the ledger's anchors, and what encrypts them; only for who uses anchors."
  type = object({
    bucket_arn = string
    key_arn    = string
  })
  default = null
}

variable "bus_arn" {
  description = "The event bus."
  type        = string
}

variable "queues" {
  description = "Each queue: its ARN, its dead letters', and whether the relay fills it."
  type = map(object({
    arn        = string
    dead_arn   = string
    from_relay = bool
  }))
}

variable "failures_arn" {
  description = "Where Lambda sends what a stream or a schedule started and what failed for good."
  type        = string
}

variable "keys" {
  description = "ARNs of the KMS keys; `token` are all keys of access tokens, `data` is what everything at rest is encrypted with."
  type = object({
    token  = list(string)
    ledger = string
    wrap   = string
    data   = string
  })
}

variable "topics" {
  description = "ARNs of the topics of tenants."
  type        = list(string)
}

variable "mail_from" {
  description = "The address that letters come from."
  type        = string
}

variable "identities_arn" {
  description = "What the ARN of every identity of SES begins with: `arn:aws:ses:<region>:<account>:identity`."
  type        = string
}

variable "traced" {
  description = "Whether it sends traces to X-Ray."
  type        = bool
}
