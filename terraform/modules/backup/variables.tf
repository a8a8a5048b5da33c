variable "name" {
  description = "What names begin with."
  type        = string
}

variable "key_arn" {
  description = "What recovery points are encrypted with."
  type        = string
}

variable "resource_arns" {
  description = "What is backed up."
  type        = list(string)
}

variable "days" {
  description = "How long a recovery point is kept."
  type        = number
}

variable "copy" {
  description = "Another region that keeps a copy, and for how long; null keeps none."
  type = object({
    region = string
    days   = number
  })
}

variable "boundary_arn" {
  description = "What the permissions of its role cannot go beyond: a policy's ARN; null: nothing."
  type        = string
  default     = null
}
