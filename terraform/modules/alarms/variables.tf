variable "name" {
  description = "What the alarms' names begin with."
  type        = string
}

variable "kinds" {
  description = "What is watched, and when it alarms: `infra/observability/alarms.json`."
  type = map(object({
    meaning                = string
    watches                = string
    namespace              = optional(string)
    metric                 = string
    statistic              = string
    period_s               = number
    above                  = optional(number)
    above_for              = optional(map(number), {})
    above_share_of_timeout = optional(number)
    periods                = number
    needed                 = number
    silence                = string
  }))

  validation {
    condition = alltrue([
      for kind in values(var.kinds) : (kind.above == null) != (kind.above_share_of_timeout == null)
    ])
    error_message = "A kind has `above` or `above_share_of_timeout`."
  }

  validation {
    condition     = alltrue([for kind in values(var.kinds) : contains(keys(var.things), kind.watches)])
    error_message = "A kind watches one of the things that there are."
  }
}

variable "things" {
  description = "By what they are: each thing's dimensions, by its name."
  type        = map(map(map(string)))
}

variable "timeouts_ms" {
  description = "How long each function may take."
  type        = map(number)
}

variable "own_namespace" {
  description = "Where the platform's own metrics are, for kinds without a namespace."
  type        = string
}

variable "runbooks" {
  description = "Where the page of each kind is: a folder's address."
  type        = string
}

variable "topic_arn" {
  description = "Who is told."
  type        = string
}
