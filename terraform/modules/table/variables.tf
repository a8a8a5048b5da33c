variable "name" {
  description = "The table's name."
  type        = string
}

variable "key_arn" {
  description = "What its records are encrypted with."
  type        = string
}

variable "has_stream" {
  description = "Whether inserts come out of a stream."
  type        = bool
  default     = false
}

variable "is_recoverable" {
  description = "Whether it can be restored to any second of the last 35 days."
  type        = bool
  default     = false
}

variable "is_protected" {
  description = "Whether it refuses to be deleted."
  type        = bool
}
