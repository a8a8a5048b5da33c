variable "name" {
  description = "The role's name."
  type        = string
}

variable "service" {
  description = "Who takes it on, such as `scheduler.amazonaws.com`."
  type        = string
}

variable "source_arn" {
  description = "The one thing for which it is taken on; null: whatever of this account."
  type        = string
  default     = null
}

variable "policy" {
  description = "What it may do: the policy's name, and its statements as of an IAM policy document. Null: what is attached to it."
  type        = any
  default     = null
}

variable "boundary_arn" {
  description = "What its permissions cannot go beyond: a policy's ARN; null: nothing."
  type        = string
  default     = null
}
