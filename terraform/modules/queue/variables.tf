variable "name" {
  description = "The queue's name; its dead letters' ends in `-dead`."
  type        = string
}

variable "key_arn" {
  description = "What its messages are encrypted with."
  type        = string
}

variable "receives_max" {
  description = "Hand-outs before a message is a dead letter."
  type        = number
}

variable "consumer_timeout_s" {
  description = "How long the function that consumes it may work on a batch."
  type        = number
}

variable "rule_arn" {
  description = "The bus's rule that fills it; null for a queue that the relay sends to under its own role."
  type        = string
  default     = null
}

variable "has_rule" {
  description = "Whether a rule fills it, which is known before the rule's ARN is."
  type        = bool
}
