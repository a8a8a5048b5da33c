variable "name" {
  description = "The bus's name, and what its rules' names begin with."
  type        = string
}

variable "key_arn" {
  description = "What events are encrypted with while the bus has them."
  type        = string
}

variable "subscriptions" {
  description = "Each queue and the types of events that it gets, as patterns on `detail-type`."
  type        = any
}

variable "queue_arns" {
  description = "Each queue's ARN."
  type        = map(string)
}
