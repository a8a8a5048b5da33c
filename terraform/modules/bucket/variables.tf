variable "name" {
  description = "The bucket's name, unique in the world."
  type        = string
}

variable "key_arn" {
  description = "What its objects are encrypted with."
  type        = string
}

variable "noncurrent_days" {
  description = "How long a replaced or deleted object is kept; null keeps it for ever."
  type        = number
  default     = null
}

variable "expires" {
  description = "For how many days objects are kept, by what their names begin with; all others are kept for ever."
  type        = map(number)
  default     = {}
}

variable "lock" {
  description = "Object Lock: for how many days nobody can delete a version. In GOVERNANCE whoever IAM lets may, in COMPLIANCE nobody."
  type = object({
    mode = string
    days = number
  })
  default = null

  validation {
    condition     = var.lock == null || contains(["GOVERNANCE", "COMPLIANCE"], try(var.lock.mode, "")) && try(var.lock.days, 0) >= 1
    error_message = "A lock is GOVERNANCE or COMPLIANCE, for one day or more."
  }
}

variable "statements" {
  description = "Statements of the bucket's policy beside the refusal of plain HTTP; `Resource` is filled in with the bucket's objects."
  type        = any
  default     = []
}

variable "bucket_statements" {
  description = "The same for the bucket itself."
  type        = any
  default     = []
}

variable "may_be_destroyed" {
  description = "Whether the bucket is deleted with what is in it."
  type        = bool
  default     = false
}
