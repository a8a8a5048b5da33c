variable "name" {
  description = "The schedule's name."
  type        = string
}

variable "group" {
  description = "The group that it is in."
  type        = string
}

variable "purpose" {
  description = "What it starts, in one sentence."
  type        = string
}

variable "expression" {
  description = "When: `rate(…)` or `cron(…)`, in UTC."
  type        = string
}

variable "function_arn" {
  description = "The alias that it starts."
  type        = string
}

variable "dead_arn" {
  description = "Where starts go that Lambda did not take."
  type        = string
}

variable "key_arn" {
  description = "What that queue is encrypted with."
  type        = string
}

variable "region" {
  description = "Where that queue is."
  type        = string
}

variable "boundary_arn" {
  description = "What the permissions of its role cannot go beyond: a policy's ARN; null: nothing."
  type        = string
  default     = null
}
